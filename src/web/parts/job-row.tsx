// One job in the list: the columns that the reader wants, each a cell.
import { useEffect, useState } from 'preact/hooks';
import { api, type Job, type Scores } from '../api.ts';
import { formatAgo, formatCount, formatDifference, formatDuration, formatInterval, formatMoment } from '../format.ts';
import { directionWords, policyWords, shareDone, windowWords } from '../job-words.ts';
import { failureWords } from '../failure-words.ts';
import { isFinal } from '../live-job.ts';
import type { Column } from '../jobs-view.ts';
import { changeFilter } from '../jobs-view.ts';
import { jobLink } from '../route.ts';
import { labelsFor, mainEffect } from '../scores.ts';
import { ProgressBar } from './progress-bar.tsx';
import { StateBadge } from './state-badge.tsx';

interface Props {
  job: Job;
  /** Place in the whole list, from one; the head is the first row. */
  place: number;
  columns: readonly Column[];
  nowMs: number;
  isChosen: boolean;
  onChoose: (isChosen: boolean) => void;
}

export function JobRow({ job, place, columns, nowMs, isChosen, onChoose }: Props) {
  return (
    <tr role="row" data-id={job.id} aria-rowindex={place + 1} class={isChosen ? 'is-chosen' : undefined}>
      <td role="cell" class="job-choice">
        <input
          type="checkbox"
          aria-label={`Choose ${job.name}`}
          checked={isChosen}
          onChange={(event) => onChoose(event.currentTarget.checked)}
        />
      </td>
      <th role="rowheader" scope="row" class="job-name">
        <a href={jobLink(job.id)}>{job.name}</a>
        {typeof job.archivedAt === 'string' && <div class="minor">archived</div>}
      </th>
      {columns.map((column) => (
        <td role="cell" class={`job-${column}`} key={column}>
          <Cell column={column} job={job} nowMs={nowMs} />
        </td>
      ))}
    </tr>
  );
}

function Cell({ column, job, nowMs }: { column: Column; job: Job; nowMs: number }) {
  switch (column) {
    case 'state':
      return <State job={job} />;
    case 'model':
      return (
        <>
          {job.spec.model}
          <div class="minor">{windowWords(job)}</div>
        </>
      );
    case 'rewriting':
      return (
        <>
          {directionWords(job.spec)}
          <div class="minor">{policyWords(job.spec)}</div>
        </>
      );
    case 'effect':
      if (job.state === 'succeeded') return <MainEffect id={job.id} />;
      return <span class="minor">{isFinal(job.state) ? 'no effect' : 'no effect yet'}</span>;
    case 'tags':
      return <Tags tags={job.tags ?? []} />;
    case 'took':
      return <>{tookWords(job, nowMs)}</>;
    case 'submitted':
      return (
        <time dateTime={job.createdAt} title={formatMoment(job.createdAt)}>
          {formatAgo(job.createdAt, nowMs)}
        </time>
      );
    default:
      return <span class="figure">{job[column]}</span>;
  }
}

function tookWords({ startedAt, finishedAt }: Job, nowMs: number): string {
  if (startedAt === null) return 'not started';
  const endMs = finishedAt === null ? nowMs : Date.parse(finishedAt);
  return formatDuration((endMs - Date.parse(startedAt)) / 1000);
}

function Tags({ tags }: { tags: readonly string[] }) {
  if (tags.length === 0) return <span class="minor">none</span>;
  return (
    <span class="job-tag-list">
      {tags.map((tag) => (
        <button
          type="button"
          class="job-tag"
          key={tag}
          title={`Show jobs with ${tag}`}
          onClick={() => changeFilter({ tag })}
        >
          {tag}
        </button>
      ))}
    </span>
  );
}

function State({ job }: { job: Job }) {
  return (
    <>
      <StateBadge state={job.state} />
      <StateDetail job={job} />
    </>
  );
}

function StateDetail({ job }: { job: Job }) {
  if (job.state === 'failed') return <div class="minor">{failureWords(job.reason).title}</div>;
  if (isFinal(job.state) || job.state === 'queued') return null;
  const share = shareDone(job);
  const secondsLeft = job.progress?.secondsLeft ?? null;
  return (
    <>
      <ProgressBar share={share} label={`Progress of ${job.name}`} />
      <div class="minor">
        {Math.floor(100 * share)} %{secondsLeft !== null && ` · ${formatDuration(secondsLeft)} left`}
      </div>
    </>
  );
}

/** What a job that is over was found to have done does not change: each is asked for once. */
const known = new Map<string, Promise<Scores>>();
const MOST_KNOWN = 2_000;
/** Rows that are only scrolled by ask nothing. */
const ASK_AFTER_MS = 200;

function scoresOf(id: string): Promise<Scores> {
  const found = known.get(id);
  if (found !== undefined) return found;
  if (known.size >= MOST_KNOWN) known.clear();
  const asked = api.scores(id);
  known.set(id, asked);
  asked.catch(() => known.delete(id));
  return asked;
}

function MainEffect({ id }: { id: string }) {
  const [scores, setScores] = useState<Scores>();
  useEffect(() => {
    const timer = setTimeout(
      () =>
        scoresOf(id).then(
          setScores,
          () => undefined, // the list itself reports a server that does not answer
        ),
      known.has(id) ? 0 : ASK_AFTER_MS,
    );
    return () => clearTimeout(timer);
  }, [id]);
  const effect = scores && mainEffect(scores);
  if (scores === undefined || effect === undefined)
    return <span class="minor">{scores === undefined ? '…' : 'not scored'}</span>;
  return (
    <>
      <strong class="figure">{formatDifference(effect.value, 'rate')}</strong>{' '}
      <span class="figure">{formatInterval(effect.interval, 'rate')}</span>
      <div class="minor">
        n = {formatCount(effect.numItems)}, {effect.benchmark}
      </div>
      {labelsFor(scores.labels, effect, 'intervention').map(({ label, detail }) => (
        <span class="tag" title={detail} key={label}>
          {label}
        </span>
      ))}
    </>
  );
}
