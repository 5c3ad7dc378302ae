// Why a job failed, what the program said, and what to do.
import type { Job } from '../api.ts';
import { failureWords } from '../failure-words.ts';
import { RetryButton } from './retry-button.tsx';

/** What the same job would fail by again. */
const FOR_GOOD = ['no-edits', 'bad-spec'];

export function FailureNotice({ job, onRetry }: { job: Job; onRetry: () => void }) {
  const { title, advice } = failureWords(job.reason);
  return (
    <div class="notice error">
      <p class="notice-title">{title}</p>
      {job.message !== null && <p class="message">{job.message}</p>}
      <p>
        {advice} {job.reason !== null && <code>{job.reason}</code>}
      </p>
      {!FOR_GOOD.includes(job.reason ?? '') && <RetryButton id={job.id} onDone={onRetry} />}
    </div>
  );
}
