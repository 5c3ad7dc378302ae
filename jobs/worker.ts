// A worker: claims a job, runs its arms in trainer processes, keeps the lease alive, records what the trainers say, settles.
// It computes nothing itself, so that its heartbeat never waits for a training step.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError, messageOf, TransientError } from '../src/errors.ts';
import { log } from '../src/log.ts';
import type { Database } from '../src/store/database.ts';
import { newOwner } from '../src/store/jobs.ts';
import { beat, park, release, settle, type ClaimedJob } from '../src/store/leases.ts';
import type { WorkerOrder } from '../src/store/workers.ts';
import { Attempt, type AttemptOptions } from './attempt.ts';
import type { AttemptEnd } from './ending.ts';
import { persistently } from './persistence.ts';
import { openQueue, type Queue } from './queue.ts';
import { openSlots, type Slots, type TakenSlots } from './slots.ts';
import { lookAtSweeps } from './sweep.ts';

export interface WorkerOptions extends Omit<AttemptOptions, 'cards'> {
  /** As which it holds jobs; default: a new name. */
  readonly owner?: string;
  /** What operators ask of the process; default: nothing. */
  readonly order?: () => WorkerOrder | null;
  /** Of the process, for all that work in it; default: one, and no card. */
  readonly slots?: Slots;
  readonly leaseMs: number;
  readonly beatMs: number;
}

const RETRY_MS = 500;

/** Works until the signal aborts, when a job in hand is saved and given back to the queue, or until it is drained, when the job in hand has ended. */
export async function runWorker(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const { database, leaseMs } = options;
  const { order = () => null, slots = oneSlot() } = options;
  const claimant = { owner: options.owner ?? newOwner(hostname(), process.pid), host: hostname(), pid: process.pid };
  const queue = openQueue(database, { ...claimant, leaseMs });
  log.info({ owner: claimant.owner }, 'worker started');
  try {
    while (!signal.aborted && order() !== 'drain') {
      if (order() === 'hold') {
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined); // aborted: it is to stop
        continue;
      }
      if (!slots.hasFree()) {
        await slots.freed(signal);
        continue;
      }
      const askedMs = performance.now();
      const taken = await nextJob(queue, database, slots);
      if (taken !== undefined) await work(taken, askedMs, queue, options, signal).finally(taken.free);
      else await queue.waitForJob(signal);
    }
  } finally {
    await queue.close();
    log.info({ owner: claimant.owner }, 'worker stopped');
  }
}

function oneSlot(): Slots {
  return openSlots({ worker: randomUUID(), numSlots: 1, cards: [], holdMs: 0 });
}

async function nextJob(queue: Queue, database: Database, slots: Slots): Promise<TakenSlots | undefined> {
  try {
    return await slots.claim(async (room) => {
      await lookAtSweeps(database);
      return queue.next(room);
    });
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    log.warn({ message: error.message }, 'the database is away; waiting');
    await sleep(RETRY_MS);
    return undefined;
  }
}

async function work(
  { job, cards }: TakenSlots,
  askedMs: number,
  queue: Queue,
  options: WorkerOptions,
  signal: AbortSignal,
): Promise<void> {
  const lease: Lease = { renewedMs: askedMs, isInDoubt: false };
  const attempt = new Attempt(job, { ...options, cards });
  const preempt = () => attempt.stop('preempted');
  const unlisten = queue.onOrder(job.id, (order) => attempt.stop(order === 'cancel' ? 'cancelled' : 'preempted'));
  signal.addEventListener('abort', preempt);
  let beating: Promise<void> | undefined; // one at a time: of two, the older could be written last
  const heart = setInterval(() => {
    if (beating !== undefined || lease.isInDoubt) stopBeforeLeaseEnds(attempt, job, lease, options);
    beating ??= heartbeat(attempt, job, lease, options).finally(() => (beating = undefined));
  }, options.beatMs);
  log.info({ job: job.id, attempt: job.attempt }, 'job claimed');
  try {
    if (signal.aborted) preempt();
    const end = await attempt.run();
    log.info({ job: job.id, attempt: job.attempt, ...end }, 'attempt ended');
    await beating;
    await heartbeat(attempt, job, lease, options); // the last progress
    await persistently(() => finish(job, options.database, end));
  } catch (error) {
    if (!(error instanceof ConflictError || error instanceof TransientError)) throw error;
    log.warn({ job: job.id, attempt: job.attempt, message: error.message }, 'the job is another worker’s now');
  } finally {
    clearInterval(heart);
    signal.removeEventListener('abort', preempt);
    unlisten();
  }
}

/** By this process's steady clock, which no change of the time of day moves. */
interface Lease {
  /** When the last renewal that succeeded was asked for: the database counted from then or later. */
  renewedMs: number;
  /** Whether the last renewal failed. A worker that was only held up itself asks first. */
  isInDoubt: boolean;
}

/** A worker that the database does not answer cannot tell whether another has the job by now: from the end of its lease on, it must not train. */
function stopBeforeLeaseEnds(
  attempt: Attempt,
  job: ClaimedJob,
  { renewedMs }: Lease,
  { leaseMs, beatMs }: WorkerOptions,
): void {
  if (performance.now() + 2 * beatMs < renewedMs + leaseMs) return; // the next look leaves a beat for killing trainers
  log.warn({ job: job.id, attempt: job.attempt }, 'the lease could not be renewed; the job is let go');
  attempt.stop('lost');
}

async function heartbeat(
  attempt: Attempt,
  job: ClaimedJob,
  lease: Lease,
  { database, leaseMs }: WorkerOptions,
): Promise<void> {
  if (attempt.isLost) return; // let go: a renewal would keep others from it
  try {
    const askedMs = performance.now();
    const { held, cancelRequested, pauseRequested } = await beat(database, job.fence, leaseMs, { ...attempt.progress });
    Object.assign(lease, { renewedMs: askedMs, isInDoubt: false });
    if (!held) attempt.stop('lost');
    else if (cancelRequested) attempt.stop('cancelled');
    else if (pauseRequested) attempt.stop('preempted'); // the row says that the job waits then
  } catch (error) {
    lease.isInDoubt = true;
    log.warn({ job: job.id, attempt: job.attempt, message: messageOf(error) }, 'heartbeat missed');
  }
}

async function finish(job: ClaimedJob, database: Database, end: AttemptEnd): Promise<void> {
  if (end.outcome === 'lost') return;
  if (end.outcome === 'preempted') await release(database, job.fence);
  else if (end.outcome === 'paused') await park(database, job.fence, end.message ?? '', end.numCheckpoints ?? null);
  else {
    const { reason, message } = end;
    await settle(database, job.fence, end.outcome, { ...(reason && { reason }), ...(message && { message }) });
  }
}
