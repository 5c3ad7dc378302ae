// What users ask of a whole sweep: a pause, going on, an end with or without the jobs at work, other limits. Rows of jobs are locked before the sweep's, in the
// order of ids, as claims do.
import { ConflictError, NotFoundError } from '../errors.ts';
import { FINAL_STATES } from '../job-spec.ts';
import type { Database, Transaction } from './database.ts';
import { isUuid, notifyWorkers } from './jobs.ts';
import { finish } from './leases.ts';
import { requestCancel } from './orders.ts';
import type { SweepLimits } from './sweeps.ts';

/** What a sweep was asked for last. */
export const SWEEP_STATES = ['active', 'paused', 'stopped', 'cancelled'] as const;
export type SweepState = (typeof SWEEP_STATES)[number];

/** No further job is begun until the sweep is resumed; those at work go on. Throws NotFoundError, and ConflictError when it is over. */
export async function pauseSweep(database: Database, id: string): Promise<void> {
  await database.transaction(async (transaction) => {
    await refuseOver(transaction, id);
    const state = await lockSweep(transaction, id);
    if (state === 'stopped' || state === 'cancelled')
      throw new ConflictError(`sweep ${id} was ${state}: it begins no jobs`);
    await setState(transaction, id, 'paused', null);
  });
}

/** Lets a paused sweep go on. Throws NotFoundError, and ConflictError for one that is not paused. */
export async function resumeSweep(database: Database, id: string): Promise<void> {
  await database.transaction(async (transaction) => {
    const state = await lockSweep(transaction, id);
    if (state !== 'paused') throw new ConflictError(`sweep ${id} is ${state}: only a paused sweep is resumed`);
    await setState(transaction, id, 'active', null);
    await notifyWorkers(transaction, id);
  });
}

/** Cancels the jobs that have not begun; the others run to their end. Throws NotFoundError, and ConflictError when the sweep is over. */
export async function stopSweep(database: Database, id: string): Promise<void> {
  await end(database, id, 'stopped');
}

/** Cancels every job. Asked again, it cancels what is left. Throws NotFoundError, and ConflictError when the sweep is over. */
export async function cancelSweep(database: Database, id: string): Promise<void> {
  await end(database, id, 'cancelled');
  const open = await database.prisma.job.findMany({
    where: { sweepId: id, state: { notIn: [...FINAL_STATES] } },
    orderBy: { id: 'asc' },
    select: { id: true },
  });
  for (const job of open) {
    await requestCancel(database, job.id).catch((error: unknown) => {
      if (!(error instanceof ConflictError)) throw error; // it ended by itself
    });
  }
}

/** Changes the limits that are given. Throws NotFoundError, and ConflictError for a sweep that a user has ended. */
export async function limitSweep(
  database: Database,
  id: string,
  limits: Partial<SweepLimits> & { readonly name?: string },
): Promise<void> {
  await database.transaction(async (transaction) => {
    const state = await lockSweep(transaction, id);
    if (state === 'stopped' || state === 'cancelled')
      throw new ConflictError(`sweep ${id} was ${state}: it begins no jobs`);
    await transaction.sweep.update({ where: { id }, data: limits, select: { id: true } });
    await notifyWorkers(transaction, id);
  });
}

/** Pauses a sweep whose rules cannot be looked at, and says why; a user has to see to it. */
export async function pauseForFault(database: Database, id: string, message: string): Promise<void> {
  await database.transaction(async (transaction) => {
    if ((await lockSweep(transaction, id)) === 'active') await setState(transaction, id, 'paused', message);
  });
}

/** Ends the jobs of the sweep that no worker has begun, of these ids where they are given. Answers how many. */
export async function cancelUnbegun(
  transaction: Transaction,
  sweepId: string,
  message: string,
  among?: readonly string[],
): Promise<number> {
  const rows = await transaction.$queryRaw<{ id: string }[]>`
    SELECT id FROM job
    WHERE sweep_id = ${sweepId}::uuid AND state IN ('queued', 'paused') AND attempt = 0
      AND (${among === undefined} OR id = ANY (${among ?? []}::uuid[]))
    ORDER BY id FOR NO KEY UPDATE`;
  for (const { id } of rows) await finish(transaction, id, 0, 'cancelled', { message });
  return rows.length;
}

async function end(database: Database, id: string, wanted: 'stopped' | 'cancelled'): Promise<void> {
  await database.transaction(async (transaction) => {
    await refuseOver(transaction, id);
    // Jobs before their sweep: a claim that has a job waits for the sweep.
    await cancelUnbegun(transaction, id, `the sweep was ${wanted} before the job began`);
    const state = await lockSweep(transaction, id);
    if (state === 'cancelled' && wanted === 'stopped') throw new ConflictError(`sweep ${id} is being cancelled`);
    await setState(transaction, id, wanted, null);
  });
}

async function refuseOver(transaction: Transaction, id: string): Promise<void> {
  const where = { sweepId: uuidOf(id), state: { notIn: [...FINAL_STATES] } };
  if ((await transaction.job.count({ where })) > 0) return;
  if ((await transaction.sweep.count({ where: { id } })) === 0) throw new NotFoundError(`there is no sweep ${id}`);
  throw new ConflictError(`sweep ${id} is over: all its jobs have ended`);
}

async function setState(
  transaction: Transaction,
  id: string,
  state: SweepState,
  message: string | null,
): Promise<void> {
  await transaction.sweep.update({ where: { id }, data: { state, message }, select: { id: true } });
}

async function lockSweep(transaction: Transaction, id: string): Promise<SweepState> {
  const [row] = await transaction.$queryRaw<{ state: SweepState }[]>`
    SELECT state FROM sweep WHERE id = ${uuidOf(id)}::uuid FOR NO KEY UPDATE`;
  if (row === undefined) throw new NotFoundError(`there is no sweep ${id}`);
  return row.state;
}

function uuidOf(id: string): string {
  if (!isUuid(id)) throw new NotFoundError(`there is no sweep ${id}`);
  return id;
}
