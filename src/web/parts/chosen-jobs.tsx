// What can be done with the jobs that are chosen: compare them, tag them, archive them.
import { useState } from 'preact/hooks';
import { api, type Job, type JobChanges } from '../api.ts';
import { changeChosen } from '../jobs-view.ts';
import { refusalWords } from '../refusal-words.ts';
import { routeLink } from '../route.ts';

/** As many as the API compares at once. */
const MOST_COMPARED = 20;

interface Props {
  ids: readonly string[];
  /** Those of them that are loaded. */
  jobs: readonly Job[];
  onChanged: () => void;
}

export function ChosenJobs({ ids, jobs, onChanged }: Props) {
  const [tag, setTag] = useState('');
  const [said, setSaid] = useState('');
  const [isBusy, setIsBusy] = useState(false);
  /** Changes one job after the other, and says which were refused and why. */
  const changeAll = async (words: string, changeOf: (job: Job) => JobChanges) => {
    setIsBusy(true);
    const refused: string[] = [];
    for (const id of ids) {
      try {
        await api.change(id, changeOf(jobs.find((job) => job.id === id) ?? (await api.job(id))));
      } catch (error) {
        refused.push(refusalWords(error));
      }
    }
    setSaid([`${words}: ${ids.length - refused.length} of ${ids.length}.`, ...refused].join(' '));
    setIsBusy(false);
    onChanged();
  };
  const withTag = (job: Job) => ({ tags: [...new Set([...(job.tags ?? []), tag])] });
  const withoutTag = (job: Job) => ({ tags: (job.tags ?? []).filter((other) => other !== tag) });
  const areArchived = jobs.length > 0 && jobs.every(({ archivedAt }) => typeof archivedAt === 'string');
  if (ids.length === 0) return null;
  return (
    <div class="chosen" role="region" aria-label="Chosen jobs">
      <strong>{ids.length} chosen</strong>
      <CompareLink ids={ids} />
      <button
        type="button"
        class="quiet"
        disabled={isBusy}
        onClick={() => void changeAll(areArchived ? 'Taken back' : 'Archived', () => ({ archived: !areArchived }))}
      >
        {areArchived ? 'Take back from the archive' : 'Archive'}
      </button>
      <form
        class="tagging"
        onSubmit={(event) => {
          event.preventDefault();
          void changeAll(`Tagged ${tag}`, withTag);
        }}
      >
        <label>
          Tag <input type="text" value={tag} onInput={(event) => setTag(event.currentTarget.value.trim())} />
        </label>
        <button type="submit" class="quiet" disabled={isBusy || tag === ''}>
          Add
        </button>
        <button
          type="button"
          class="quiet"
          disabled={isBusy || tag === ''}
          onClick={() => void changeAll(`Tag ${tag} taken away`, withoutTag)}
        >
          Take away
        </button>
      </form>
      <button type="button" class="quiet" onClick={() => changeChosen([])}>
        Choose none
      </button>
      <span role="status" class="said">
        {said}
      </span>
    </div>
  );
}

function CompareLink({ ids }: { ids: readonly string[] }) {
  if (ids.length > MOST_COMPARED) return <span class="minor">at most {MOST_COMPARED} can be compared</span>;
  return (
    <a class="button primary" href={routeLink('compare', { jobs: ids.join(',') })}>
      Compare
    </a>
  );
}
