// One job in the list.
import { api, type Job } from '../api.ts';
import { formatAgo, formatDifference, formatDuration, formatInterval, formatMoment, formatCount } from '../format.ts';
import { directionWords, policyWords, shareDone, windowWords } from '../job-words.ts';
import { failureWords } from '../failure-words.ts';
import { isFinal } from '../live-job.ts';
import { usePolled } from '../polling.ts';
import { jobLink } from '../route.ts';
import { labelsFor, mainEffect } from '../scores.ts';
import { ProgressBar } from './progress-bar.tsx';
import { StateBadge } from './state-badge.tsx';

export function JobRow({ job, nowMs }: { job: Job; nowMs: number }) {
  return (
    <tr role="row">
      <th role="rowheader" scope="row" class="job-name">
        <a href={jobLink(job.id)}>{job.name}</a>
      </th>
      <td role="cell">
        <StateBadge state={job.state} />
        <StateDetail job={job} />
      </td>
      <td role="cell">
        {job.spec.model}
        <div class="minor">{windowWords(job)}</div>
      </td>
      <td role="cell">
        {directionWords(job.spec)}
        <div class="minor">{policyWords(job.spec)}</div>
      </td>
      <td role="cell" class="job-effect">
        {job.state === 'succeeded' ? (
          <MainEffect id={job.id} />
        ) : (
          <span class="minor">{isFinal(job.state) ? 'no effect' : 'no effect yet'}</span>
        )}
      </td>
      <td role="cell">
        <time dateTime={job.createdAt} title={formatMoment(job.createdAt)}>
          {formatAgo(job.createdAt, nowMs)}
        </time>
      </td>
    </tr>
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

function MainEffect({ id }: { id: string }) {
  const { data } = usePolled(() => api.scores(id), id, 0);
  const effect = data && mainEffect(data);
  if (data === undefined || effect === undefined)
    return <span class="minor">{data === undefined ? '…' : 'not scored'}</span>;
  return (
    <>
      <strong class="figure">{formatDifference(effect.value, 'rate')}</strong>{' '}
      <span class="figure">{formatInterval(effect.interval, 'rate')}</span>
      <div class="minor">
        n = {formatCount(effect.numItems)}, {effect.benchmark}
      </div>
      {labelsFor(data.labels, effect, 'intervention').map(({ label, detail }) => (
        <span class="tag" title={detail} key={label}>
          {label}
        </span>
      ))}
    </>
  );
}
