// A failed job that is to be tried again: back to the queue with its plan, its records and its checkpoints.
import { ConflictError, NotFoundError } from '../errors.ts';
import type { Database } from './database.ts';
import { appendEvent } from './events.ts';
import { getJob, isUuid, notifyWorkers, type JobWithRuns } from './jobs.ts';

/** Attempts that a retried job has, preempted ones not counted. */
const MORE_ATTEMPTS = 20;

/**
 * Queues a failed job again; it goes on from its newest checkpoints. Throws NotFoundError, and ConflictError for a job that has not
 * failed, or whose intervention changed nothing: it would do so again.
 */
export async function requestRetry(database: Database, jobId: string): Promise<JobWithRuns> {
  if (!isUuid(jobId)) throw new NotFoundError(`there is no job ${jobId}`);
  await database.transaction(async (transaction) => {
    const [job] = await transaction.$queryRaw<{ state: string; reason: string | null; attempt: number }[]>`
      SELECT state, reason, attempt FROM job WHERE id = ${jobId}::uuid FOR NO KEY UPDATE`;
    if (!job) throw new NotFoundError(`there is no job ${jobId}`);
    if (job.state !== 'failed') throw new ConflictError(`job ${jobId} is ${job.state}: only a failed job is retried`);
    if (job.reason === 'no-edits')
      throw new ConflictError(
        `job ${jobId} changed no pronoun and would not the next time: submit it again, corrected`,
      );
    await transaction.$executeRaw`
      UPDATE job SET state = 'queued', reason = NULL, message = NULL, finished_at = NULL, cancel_requested = false, pause_requested = false,
        num_failed = 0, num_lost = 0, max_attempts = attempt - num_preempted + ${MORE_ATTEMPTS}, run_at = clock_timestamp()
      WHERE id = ${jobId}::uuid`;
    await transaction.run.updateMany({ where: { jobId, state: 'failed' }, data: { state: 'queued' } });
    await appendEvent(transaction, jobId, 'state', { state: 'queued', attempt: job.attempt });
    await notifyWorkers(transaction, jobId);
  });
  return getJob(database, jobId);
}
