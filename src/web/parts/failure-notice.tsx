// Why a job failed, what the program said, and what to do.
import type { Job } from '../api.ts';
import { failureWords } from '../failure-words.ts';
import { routeLink } from '../route.ts';
import { isRetried } from './job-actions.tsx';

export function FailureNotice({ job }: { job: Job }) {
  const { title, advice } = failureWords(job.reason);
  return (
    <div class="notice error">
      <p class="notice-title">{title}</p>
      {job.message !== null && <p class="message">{job.message}</p>}
      <p>
        {advice} {job.reason !== null && <code>{job.reason}</code>}
      </p>
      <p class="minor">
        {isRetried(job)
          ? 'Retry (above) keeps the plan and all records, and goes on from the last checkpoint.'
          : 'The same job would fail in the same way: a retry is not offered.'}{' '}
        <a href={routeLink('new', { from: job.id })}>Use this job as a template</a> to change something.
      </p>
    </div>
  );
}
