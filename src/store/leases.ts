// The job table as a queue: a claim is a lease that its owner renews with heartbeats. Every write of an owner carries the
// fence (job, attempt, owner): when another worker has taken the job over, it changes nothing. All times are the database's.
//
// How attempts are counted: a preempted one costs nothing; a failure of the program that is tried again counts against
// MAX_FAILURES; a lost worker counts on its own, and MAX_LOST in a row with no checkpoint in between make the job poison.
// max_attempts bounds them all together.
import { ConflictError } from '../errors.ts';
import type { FailureReason, JobSpec, JobState } from '../job-spec.ts';
import type { Database, Transaction } from './database.ts';
import { IN_TURN, TURNS } from './claim-order.ts';
import { appendEvent, asJson, EVENT_CHANNEL } from './events.ts';
import { Prisma } from './generated/client.ts';
import { notifyWorkers, type StartOfFork } from './jobs.ts';
import { whatFits, type Room } from './slots.ts';
import { mayBegin, mayStillBegin } from './sweep-limits.ts';

export const MAX_LOST = 5;
export const MAX_FAILURES = 3;

/** What proves that a worker still owns a job. */
export interface Fence {
  readonly jobId: string;
  readonly attempt: number;
  readonly owner: string;
}

export interface Claimant {
  readonly owner: string;
  readonly host: string;
  readonly pid: number;
}

export interface ClaimedJob {
  readonly id: string;
  readonly name: string;
  readonly spec: JobSpec;
  /** What earlier attempts resolved "auto" to. */
  readonly plan: unknown;
  readonly attempt: number;
  /** Slots of its worker that it takes. */
  readonly numSlots: number;
  /** Of a fork: the checkpoint of another job's run that it starts from. */
  readonly start: StartOfFork | null;
  readonly fence: Fence;
}

/** How an attempt ends. */
export type Outcome = 'succeeded' | 'failed' | 'cancelled' | 'preempted' | 'paused' | 'lost';

export interface Ending {
  readonly reason?: FailureReason;
  readonly message?: string;
}

/** States in which a worker holds the job, or held it until its lease ran out. */
export const ACTIVE = Prisma.sql`('running', 'recovering', 'pausing', 'cancelling')`;

/** Takes the next job that fits `room`, or any, for `leaseMs` milliseconds: a queued one, or one whose worker was lost. Undefined when there is none. */
export async function claim(
  database: Database,
  claimant: Claimant,
  leaseMs: number,
  room?: Room,
): Promise<ClaimedJob | undefined> {
  return database.transaction(async (transaction) => {
    const next = await lockNext(transaction, room);
    if (!next) return undefined;
    const isTakeover = next.state !== 'queued';
    if (isTakeover) await closeAttempt(transaction, next.id, next.attempt, 'lost', 'no heartbeat within the lease');
    const attempt = next.attempt + 1;
    const state: JobState = next.attempt === 0 ? 'running' : 'recovering';
    await transaction.$executeRaw`
      UPDATE job SET state = ${state}, attempt = ${attempt}, owner = ${claimant.owner}, beat_at = clock_timestamp(),
        lease_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond', reason = NULL, message = NULL,
        num_lost = num_lost + ${isTakeover ? 1 : 0}, started_at = coalesce(started_at, clock_timestamp())
      WHERE id = ${next.id}::uuid`;
    await transaction.attempt.create({ data: { jobId: next.id, number: attempt, ...claimant } });
    await appendEvent(transaction, next.id, 'attempt', { number: attempt, host: claimant.host });
    await appendEvent(transaction, next.id, 'state', { state, attempt });
    const job = await transaction.job.findUniqueOrThrow({ where: { id: next.id } });
    const fence = { jobId: job.id, attempt, owner: claimant.owner };
    // The spec was checked by jobSpecSchema before it was stored; the start was made by forks.ts.
    const [spec, start] = [job.spec as unknown as JobSpec, job.start as unknown as StartOfFork | null];
    return { id: job.id, name: job.name, spec, plan: job.plan, attempt, numSlots: job.numSlots, start, fence };
  });
}

interface NextRow {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly sweepId: string | null;
}

/** Whether a row may be taken by a worker into which it fits. */
const isOffered = Prisma.sql`(
  (state = 'queued' AND run_at <= clock_timestamp() AND ${mayBegin})
  OR (state IN ('running', 'recovering') AND lease_until < clock_timestamp()
      AND num_lost + 1 < ${MAX_LOST} AND attempt - num_preempted < max_attempts))`;

/** The next row, locked; a sweep that another worker has just brought to its limit is passed over. */
async function lockNext(transaction: Transaction, room: Room | undefined): Promise<NextRow | undefined> {
  const fits = room === undefined ? Prisma.sql`true` : await whatFits(transaction, room, isOffered);
  const passedOver: string[] = [];
  for (;;) {
    const [next] = await transaction.$queryRaw<NextRow[]>`
      SELECT id, state, attempt, sweep_id AS "sweepId" FROM job ${TURNS}
      WHERE ${isOffered} AND ${fits}
        AND (state <> 'queued' OR sweep_id IS NULL OR sweep_id <> ALL (${passedOver}::uuid[]))
      ORDER BY ${IN_TURN} LIMIT 1 FOR UPDATE OF job SKIP LOCKED`;
    if (next?.state !== 'queued' || next.sweepId === null) return next;
    if (await mayStillBegin(transaction, next.id, next.sweepId)) return next;
    passedOver.push(next.sweepId);
  }
}

/** What a heartbeat brings back. */
export interface Beat {
  /** False: the job is another's now, so stop at once. */
  readonly held: boolean;
  readonly cancelRequested: boolean;
  readonly pauseRequested: boolean;
}

/** Renews the lease and stores the progress. */
export async function beat(
  database: Database,
  fence: Fence,
  leaseMs: number,
  progress?: Record<string, unknown>,
): Promise<Beat> {
  const stored = progress === undefined ? Prisma.sql`progress` : Prisma.sql`${JSON.stringify(progress)}::jsonb`;
  const [row] = await database.prisma.$queryRaw<{ cancel_requested: boolean; pause_requested: boolean }[]>`
    WITH beaten AS (
      UPDATE job SET lease_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond',
        beat_at = clock_timestamp(), progress = ${stored}
      WHERE ${holds(fence)} RETURNING id, cancel_requested, pause_requested
    )
    SELECT cancel_requested, pause_requested, pg_notify(${EVENT_CHANNEL}, id::text)::text FROM beaten`;
  const { cancel_requested: cancelRequested = false, pause_requested: pauseRequested = false } = row ?? {};
  return { held: row !== undefined, cancelRequested, pauseRequested };
}

/** Ends the job in a final state. Throws ConflictError "lost lease" when the fence no longer holds. */
export async function settle(
  database: Database,
  fence: Fence,
  state: 'succeeded' | 'failed' | 'cancelled',
  ending: Ending = {},
): Promise<void> {
  await fenced(database, fence, (transaction) => finish(transaction, fence.jobId, fence.attempt, state, ending, state));
}

/** Gives a preempted job back to the queue, at no cost; one whose pausing was asked for waits, one whose cancelling ends as cancelled. */
export async function release(
  database: Database,
  fence: Fence,
  message = 'the worker was asked to stop',
): Promise<void> {
  await fenced(database, fence, async (transaction) => {
    await requeue(transaction, fence, 'preempted', { message }, Prisma.sql`num_preempted = num_preempted + 1`, 0);
  });
}

/**
 * Lets go of a job that waits for what others do, at no cost: nobody claims it until an outside checkpoint comes (outside.ts). One that came meanwhile, so
 * that there are no longer `numCheckpoints`, or null of them, sends it back to the queue.
 */
export async function park(
  database: Database,
  fence: Fence,
  message: string,
  numCheckpoints: number | null,
): Promise<void> {
  await fenced(database, fence, async (transaction) => {
    const free = Prisma.sql`num_preempted = num_preempted + 1`;
    const now = await transaction.checkpoint.count({ where: { run: { jobId: fence.jobId } } });
    const state = now === numCheckpoints ? 'paused' : 'queued';
    await requeue(transaction, fence, 'paused', { message }, free, 0, state);
  });
}

/** After a failure that may pass: back to the queue in `delayMs`, or failed for good the third time. */
export async function retryLater(
  database: Database,
  fence: Fence,
  ending: Required<Ending>,
  delayMs: number,
): Promise<'queued' | 'failed'> {
  return fenced(database, fence, async (transaction) => {
    const job = await transaction.job.findUniqueOrThrow({ where: { id: fence.jobId } });
    const isUsedUp = job.numFailed + 1 >= MAX_FAILURES || job.attempt - job.numPreempted >= job.maxAttempts;
    if (isUsedUp && !job.cancelRequested) {
      await finish(transaction, fence.jobId, fence.attempt, 'failed', ending, 'failed');
      return 'failed';
    }
    await requeue(transaction, fence, 'failed', ending, Prisma.sql`num_failed = num_failed + 1`, delayMs);
    return 'queued';
  });
}

/** Ends the jobs whose worker was lost and that must not be claimed again. Returns their ids and states. */
export async function sweepLostJobs(database: Database): Promise<{ id: string; state: JobState }[]> {
  return database.transaction(async (transaction) => {
    const lost = await transaction.$queryRaw<LostRow[]>`
      SELECT id, attempt, cancel_requested, pause_requested, num_lost FROM job
      WHERE state IN ${ACTIVE} AND lease_until < clock_timestamp()
        AND (cancel_requested OR pause_requested OR num_lost + 1 >= ${MAX_LOST} OR attempt - num_preempted >= max_attempts)
      FOR UPDATE SKIP LOCKED`;
    for (const row of lost) {
      const { state, ...ending } = endingOfLost(row);
      if (state === 'paused') await letGo(transaction, row.id, row.attempt, 'lost', state);
      else await finish(transaction, row.id, row.attempt, state, ending, 'lost');
    }
    return lost.map((row) => ({ id: row.id, state: endingOfLost(row).state }));
  });
}

interface LostRow {
  readonly id: string;
  readonly attempt: number;
  readonly cancel_requested: boolean;
  readonly pause_requested: boolean;
  readonly num_lost: number;
}

function endingOfLost(row: LostRow): Ending & { state: 'cancelled' | 'paused' | 'failed' } {
  if (row.cancel_requested) return { state: 'cancelled', message: 'its worker was lost while it was being cancelled' };
  if (row.num_lost + 1 >= MAX_LOST) {
    const message = `${MAX_LOST} workers in a row were lost with it, with no checkpoint in between: it may exceed the memory of the machine`;
    return { state: 'failed', reason: 'poison', message };
  }
  if (row.pause_requested) return { state: 'paused' };
  return {
    state: 'failed',
    reason: 'worker-lost',
    message: `its worker was lost in attempt ${row.attempt}, the last allowed`,
  };
}

/**
 * Runs `work` in a transaction that holds the lock on the job's row. Throws ConflictError "lost lease" and writes nothing
 * when the fence no longer holds. The first write of a recovering job makes it running.
 */
export async function fenced<T>(
  database: Database,
  fence: Fence,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return database.transaction(async (transaction) => {
    const [job] = await transaction.$queryRaw<{ state: JobState }[]>`
      SELECT state FROM job WHERE ${holds(fence)} FOR NO KEY UPDATE`;
    if (!job) {
      throw new ConflictError(
        `lost lease: attempt ${fence.attempt} of job ${fence.jobId} by ${fence.owner} was taken over or ended`,
      );
    }
    if (job.state === 'recovering') {
      await transaction.job.update({ where: { id: fence.jobId }, data: { state: 'running' } });
      await appendEvent(transaction, fence.jobId, 'state', { state: 'running', attempt: fence.attempt });
    }
    return work(transaction);
  });
}

/** Stores what "auto" was resolved to, once: later attempts get the first plan back. */
export async function setPlan(database: Database, fence: Fence, plan: unknown): Promise<unknown> {
  return fenced(database, fence, async (transaction) => {
    const job = await transaction.job.findUniqueOrThrow({ where: { id: fence.jobId }, select: { plan: true } });
    if (job.plan !== null) return job.plan;
    await transaction.job.update({ where: { id: fence.jobId }, data: { plan: asJson(plan) } });
    return plan;
  });
}

/** Stores the manifest that reproduces the job. */
export async function setManifest(database: Database, fence: Fence, manifest: unknown): Promise<void> {
  await fenced(database, fence, (transaction) =>
    transaction.job.update({ where: { id: fence.jobId }, data: { manifest: asJson(manifest) }, select: { id: true } }),
  );
}

function holds(fence: Fence): Prisma.Sql {
  return Prisma.sql`id = ${fence.jobId}::uuid AND attempt = ${fence.attempt} AND owner = ${fence.owner} AND state IN ${ACTIVE}`;
}

async function requeue(
  transaction: Transaction,
  fence: Fence,
  outcome: Outcome,
  ending: Ending,
  count: Prisma.Sql,
  delayMs: number,
  wanted: 'queued' | 'paused' = 'queued',
): Promise<void> {
  const { jobId, attempt } = fence;
  const select = { cancelRequested: true, pauseRequested: true } as const;
  const job = await transaction.job.findUniqueOrThrow({ where: { id: jobId }, select });
  if (job.cancelRequested) return finish(transaction, jobId, attempt, 'cancelled', ending, outcome);
  const state = job.pauseRequested ? 'paused' : wanted;
  await transaction.$executeRaw`
    UPDATE job SET ${count}, num_lost = 0, run_at = clock_timestamp() + ${delayMs} * interval '1 millisecond'
    WHERE id = ${jobId}::uuid`;
  const isAsked = job.pauseRequested && outcome === 'preempted';
  await letGo(transaction, jobId, attempt, isAsked ? 'paused' : outcome, state, isAsked ? {} : ending);
}

/** The job is nobody's any more, and not over. */
async function letGo(
  transaction: Transaction,
  jobId: string,
  attempt: number,
  outcome: Outcome,
  state: 'queued' | 'paused',
  ending: Ending = {},
): Promise<void> {
  const message = state === 'paused' ? (ending.message ?? 'paused until it is resumed') : null;
  await transaction.$executeRaw`
    UPDATE job SET state = ${state}, message = ${message}, owner = NULL, lease_until = NULL,
      num_lost = num_lost + ${outcome === 'lost' ? 1 : 0}
    WHERE id = ${jobId}::uuid`;
  await closeAttempt(transaction, jobId, attempt, outcome, ending.message);
  await appendEvent(transaction, jobId, 'state', { state, attempt, ...ending });
  if (state === 'queued') await notifyWorkers(transaction, jobId);
}

/** Ends a job for good; the caller holds the lock on its row. */
export async function finish(
  transaction: Transaction,
  jobId: string,
  attempt: number,
  state: 'succeeded' | 'failed' | 'cancelled',
  ending: Ending,
  outcome?: Outcome,
): Promise<void> {
  const { reason = null, message = null } = ending;
  await transaction.$executeRaw`
    UPDATE job SET state = ${state}, reason = ${reason}, message = ${message}, owner = NULL, lease_until = NULL,
      finished_at = clock_timestamp(), num_lost = num_lost + ${outcome === 'lost' ? 1 : 0}
    WHERE id = ${jobId}::uuid`;
  if (state !== 'succeeded') {
    await transaction.run.updateMany({ where: { jobId, state: { in: ['queued', 'running'] } }, data: { state } });
  }
  if (outcome) await closeAttempt(transaction, jobId, attempt, outcome, ending.message);
  await appendEvent(transaction, jobId, 'state', { state, attempt, ...ending });
}

async function closeAttempt(
  transaction: Transaction,
  jobId: string,
  number: number,
  outcome: Outcome,
  message: string | undefined,
): Promise<void> {
  const [row] = await transaction.$queryRaw<{ host: string }[]>`
    UPDATE attempt SET finished_at = clock_timestamp(), outcome = ${outcome}, message = ${message ?? null}
    WHERE job_id = ${jobId}::uuid AND number = ${number} RETURNING host`;
  await appendEvent(transaction, jobId, 'attempt', { number, host: row?.host, outcome });
}
