// Which queued jobs of a sweep may be begun: its state, its limit of jobs at work, its budget, and stop rules that are to be looked at first. Conditions for
// the claim in leases.ts, and the lock that makes them exact among workers that claim at once.
import type { Database, Transaction } from './database.ts';
import { Prisma } from './generated/client.ts';

const numAtWork = Prisma.sql`(
  SELECT count(*) FROM job AS other
  WHERE other.sweep_id = sweep.id AND other.state IN ('running', 'recovering', 'pausing', 'cancelling'))`;

/** Recorded updates: a run that was taken over from another job has none of its own. */
const stepsMade = Prisma.sql`(
  SELECT count(*) FROM job AS other JOIN run ON run.job_id = other.id JOIN step ON step.run_id = run.id
  WHERE other.sweep_id = sweep.id AND run.arm <> 'published')`;

const hoursSpent = Prisma.sql`(
  SELECT coalesce(sum(extract(epoch FROM coalesce(attempt.finished_at, clock_timestamp()) - attempt.started_at)), 0)::float8 / 3600
  FROM job AS other JOIN attempt ON attempt.job_id = other.id WHERE other.sweep_id = sweep.id)`;

const isFull = Prisma.sql`(sweep.max_parallel IS NOT NULL AND ${numAtWork} >= sweep.max_parallel)`;

const isSpent = Prisma.sql`(
  (sweep.budget_steps IS NOT NULL AND ${stepsMade} >= sweep.budget_steps)
  OR (sweep.budget_hours IS NOT NULL AND ${hoursSpent} >= sweep.budget_hours))`;

const isToBeLookedAt = Prisma.sql`(sweep.stop IS NOT NULL AND EXISTS (
  SELECT 1 FROM job AS other WHERE other.sweep_id = sweep.id AND other.state = 'succeeded' AND NOT other.stop_looked))`;

const hasQueued = Prisma.sql`sweep.id IN (SELECT sweep_id FROM job WHERE state = 'queued' AND sweep_id IS NOT NULL)`;

const hasUnbegun = Prisma.sql`sweep.id IN (
  SELECT sweep_id FROM job WHERE state = 'queued' AND attempt = 0 AND sweep_id IS NOT NULL)`;

/**
 * Whether a queued row of `job` may be taken. The limit of jobs at work holds for all; a job that was begun and is queued again goes on whatever the budget and
 * the rules say. The sets do not depend on the row, so that they are found once a claim.
 */
export const mayBegin = Prisma.sql`(
  job.sweep_id IS NULL OR (
    job.sweep_id NOT IN (SELECT sweep.id FROM sweep WHERE ${hasQueued} AND ${isFull})
    AND (job.attempt > 0 OR job.sweep_id NOT IN (
      SELECT sweep.id FROM sweep WHERE ${hasUnbegun} AND (sweep.state <> 'active' OR ${isToBeLookedAt} OR ${isSpent})))))`;

/**
 * Asks again with the lock on the job's sweep, which is held to the end of the transaction: workers that claim jobs of one sweep at once come one after the other,
 * and see what those before them took. The caller holds the lock on the job.
 */
export async function mayStillBegin(transaction: Transaction, jobId: string, sweepId: string): Promise<boolean> {
  await transaction.$queryRaw`SELECT id FROM sweep WHERE id = ${sweepId}::uuid FOR NO KEY UPDATE`;
  // A statement of its own: it sees what was committed before the lock came.
  const rows = await transaction.$queryRaw<unknown[]>`SELECT id FROM job WHERE id = ${jobId}::uuid AND ${mayBegin}`;
  return rows.length === 1;
}

/** What keeps the queued jobs of a sweep from being begun. */
export const HOLDS = ['pause', 'budget', 'maxParallel', 'stop rules'] as const;
export type Hold = (typeof HOLDS)[number];

export interface SweepUse {
  readonly sweepId: string;
  /** Updates of trained arms that were made. */
  readonly steps: number;
  /** Of attempts' wall time. */
  readonly hours: number;
  /** Null where nothing is in the way of what is queued. */
  readonly heldBy: Hold | null;
}

/** What the sweeps have used, and what holds their queued jobs back now. */
export async function useOfSweeps({ prisma }: Database, ids: readonly string[]): Promise<SweepUse[]> {
  return prisma.$queryRaw<SweepUse[]>`
    SELECT sweep.id::text AS "sweepId", ${stepsMade}::float8 AS steps, ${hoursSpent} AS hours,
      CASE WHEN ${hasUnbegun} AND sweep.state <> 'active' THEN 'pause' WHEN ${hasUnbegun} AND ${isSpent} THEN 'budget'
        WHEN ${hasQueued} AND ${isFull} THEN 'maxParallel' WHEN ${hasUnbegun} AND ${isToBeLookedAt} THEN 'stop rules' END AS "heldBy"
    FROM sweep WHERE sweep.id = ANY (${ids}::uuid[])`;
}
