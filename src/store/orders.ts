// What users ask of a job that may be at work: its end, a pause, going on. Whoever asks holds the lock on the job's row; the worker is told, and its
// heartbeat tells it again.
import { ConflictError, NotFoundError } from '../errors.ts';
import { FINAL_STATES } from '../job-spec.ts';
import type { JobState } from '../job-spec.ts';
import type { Database, Transaction } from './database.ts';
import { appendEvent } from './events.ts';
import { getJob, isUuid, notifyWorkers } from './jobs.ts';
import type { JobWithRuns } from './jobs.ts';
import { finish } from './leases.ts';

interface LockedJob {
  readonly state: JobState;
  readonly attempt: number;
  readonly pauseRequested: boolean;
}

/**
 * Asks for the end of a job: a queued one is cancelled at once, one at work becomes `cancelling` and its worker is told.
 * Throws NotFoundError, and ConflictError when the job is over.
 */
export async function requestCancel(database: Database, jobId: string): Promise<JobWithRuns> {
  return order(database, jobId, async (transaction, { state, attempt }) => {
    if (FINAL_STATES.includes(state)) throw new ConflictError(`job ${jobId} is over: it ${words(state)}`);
    if (state === 'cancelling') return;
    if (state === 'queued' || state === 'paused') {
      await finish(transaction, jobId, attempt, 'cancelled', {
        message: attempt === 0 ? 'cancelled before it began' : 'cancelled while it waited',
      });
      return;
    }
    await transaction.job.update({ where: { id: jobId }, data: { state: 'cancelling', cancelRequested: true } });
    await appendEvent(transaction, jobId, 'state', { state: 'cancelling', attempt });
    await notifyWorkers(transaction, `cancel:${jobId}`);
  });
}

/**
 * Asks for a pause: a queued job is paused at once, one at work becomes `pausing`, is saved within a step and lets its worker go. It waits until it is resumed,
 * and goes on from its newest checkpoints. Throws NotFoundError, and ConflictError for a job that is over or being cancelled.
 */
export async function requestPause(database: Database, jobId: string): Promise<JobWithRuns> {
  return order(database, jobId, async (transaction, { state, attempt, pauseRequested }) => {
    if (FINAL_STATES.includes(state)) throw new ConflictError(`job ${jobId} is over: it ${words(state)}`);
    if (state === 'cancelling') throw new ConflictError(`job ${jobId} is being cancelled: it cannot be paused`);
    if (pauseRequested) return;
    const isAtWork = state === 'running' || state === 'recovering';
    const next = isAtWork ? 'pausing' : 'paused';
    // What a paused job waits for, an outside checkpoint, stays its message.
    const message = state === 'queued' ? { message: 'paused until it is resumed' } : {};
    await transaction.job.update({ where: { id: jobId }, data: { state: next, pauseRequested: true, ...message } });
    if (state !== next) await appendEvent(transaction, jobId, 'state', { state: next, attempt });
    if (isAtWork) await notifyWorkers(transaction, `pause:${jobId}`);
  });
}

/**
 * Takes a pause back: a paused job is queued again, one that is still being saved goes on as soon as a worker is free. Throws NotFoundError, and ConflictError
 * for a job that is neither.
 */
export async function requestResume(database: Database, jobId: string): Promise<JobWithRuns> {
  return order(database, jobId, async (transaction, { state, attempt }) => {
    if (state !== 'paused' && state !== 'pausing')
      throw new ConflictError(`job ${jobId} is ${state}: only a paused job is resumed`);
    const next = state === 'paused' ? 'queued' : 'running';
    await transaction.$executeRaw`
      UPDATE job SET state = ${next}, message = NULL, pause_requested = false, run_at = clock_timestamp() WHERE id = ${jobId}::uuid`;
    await appendEvent(transaction, jobId, 'state', { state: next, attempt });
    if (next === 'queued') await notifyWorkers(transaction, jobId);
  });
}

async function order(
  database: Database,
  jobId: string,
  work: (transaction: Transaction, job: LockedJob) => Promise<void>,
): Promise<JobWithRuns> {
  if (!isUuid(jobId)) throw new NotFoundError(`there is no job ${jobId}`);
  await database.transaction(async (transaction) => {
    const [job] = await transaction.$queryRaw<LockedJob[]>`
      SELECT state, attempt, pause_requested AS "pauseRequested" FROM job WHERE id = ${jobId}::uuid FOR NO KEY UPDATE`;
    if (!job) throw new NotFoundError(`there is no job ${jobId}`);
    await work(transaction, job);
  });
  return getJob(database, jobId);
}

function words(state: JobState): string {
  return state === 'cancelled' ? 'was cancelled' : state;
}
