// Chooses jobs by a search over their names: check boxes that stay where they are while one ticks them, and until another search is answered.
import { useState } from 'preact/hooks';
import type { Job } from '../api.ts';
import { useAsked } from '../asked.ts';
import { comparisonApi } from '../comparison-api.ts';
import { formatAgo } from '../format.ts';
import { directionWords, policyWords, windowWords } from '../job-words.ts';
import { useNow } from '../polling.ts';
import { StateBadge } from './state-badge.tsx';

/** A search is sent when typing pauses. */
const TYPED_AFTER_MS = 150;

interface Props {
  chosen: readonly string[];
  most: number;
  isOpen: boolean;
  onChange: (chosen: string[]) => void;
}

export function JobPicker({ chosen, most, isOpen, onChange }: Props) {
  const [words, setWords] = useState('');
  const [isOpenAtFirst] = useState(isOpen); // it must not close at the first tick
  const wanted = words.trim();
  const search = async () => ({ wanted, jobs: await comparisonApi.findJobs(wanted) });
  const { data, error } = useAsked(search, wanted, TYPED_AFTER_MS);
  const isOld = data?.wanted !== wanted;
  const isFull = chosen.length >= most;
  const toggle = (id: string) => onChange(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  return (
    <details class="picker" open={isOpenAtFirst}>
      <summary>{chosen.length === 0 ? 'Choose jobs' : 'Add or remove jobs'}</summary>
      <div class="picker-body">
        <label for="picker-search">Search by name</label>
        <input
          id="picker-search"
          type="search"
          value={words}
          placeholder="all jobs, newest first"
          onInput={(event) => setWords(event.currentTarget.value)}
        />
        {isFull && <p class="help">{most} jobs can be compared at once: take one out before you add another.</p>}
        {error !== undefined && <p role="alert">{error.message}</p>}
        <p role="status" class="sr-only">
          {data === undefined || isOld ? '' : `${data.jobs.length} ${data.jobs.length === 1 ? 'job' : 'jobs'} found`}
        </p>
        {data?.jobs.length === 0 && !isOld && <p class="quiet-text">No job has these words in its name.</p>}
        <ul
          class={isOld ? 'picker-list is-old' : 'picker-list'}
          aria-label="Jobs found"
          aria-busy={isOld && error === undefined}
        >
          {(data?.jobs ?? []).map((job) => (
            <Choice
              job={job}
              isChosen={chosen.includes(job.id)}
              isBarred={isFull && !chosen.includes(job.id)}
              onToggle={() => toggle(job.id)}
              key={job.id}
            />
          ))}
        </ul>
      </div>
    </details>
  );
}

interface ChoiceProps {
  job: Job;
  isChosen: boolean;
  isBarred: boolean;
  onToggle: () => void;
}

function Choice({ job, isChosen, isBarred, onToggle }: ChoiceProps) {
  const nowMs = useNow();
  return (
    <li>
      <label>
        <input type="checkbox" checked={isChosen} disabled={isBarred} onChange={onToggle} />
        <span class="picker-name">{job.name}</span>
        <StateBadge state={job.state} />
        <span class="minor">
          {job.spec.model}, {windowWords(job)}, {directionWords(job.spec)}, {policyWords(job.spec)},{' '}
          {formatAgo(job.createdAt, nowMs)}
        </span>
      </label>
    </li>
  );
}
