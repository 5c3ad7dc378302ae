// Why a job failed, what the program said, and what to do.
import type { Job } from '../api.ts';
import { failureWords } from '../failure-words.ts';

export function FailureNotice({ job }: { job: Job }) {
  const { title, advice } = failureWords(job.reason);
  return (
    <div class="notice error">
      <p class="notice-title">{title}</p>
      {job.message !== null && <p class="message">{job.message}</p>}
      <p>
        {advice} {job.reason !== null && <code>{job.reason}</code>}
      </p>
    </div>
  );
}
