// Runs that several jobs need alike: whoever inserts its key first does the work, the others take its records over by naming its run. A claim holds while its
// job is at work; else the next job that comes takes it over, with what was recorded under it, as a next attempt would. Only a job that failed keeps its records,
// because they may be why it failed: the next one begins anew. Claims are made under the fence of the job that asks; of the holder's job the lock is taken only
// where it is free, so two jobs that look at each other never block.
import { ConflictError } from '../errors.ts';
import type { Database, Transaction } from './database.ts';
import { appendEvent, asJson } from './events.ts';
import { Prisma, type Run } from './generated/client.ts';
import { ACTIVE, fenced, type Fence } from './leases.ts';

export interface BurnInRecord {
  /** Folder of its checkpoint. */
  readonly path: string;
  readonly manifestSha256: string;
}

/** The job that did the work. */
export interface Origin {
  readonly job: string;
  readonly name: string;
}

export type Claim =
  /** To be done by the job that asks. */
  | { readonly state: 'ours' }
  /** Another job is at work on it. */
  | { readonly state: 'held'; readonly by: Origin }
  | { readonly state: 'done'; readonly by: Origin; readonly burnIn: BurnInRecord | null };

interface Holder extends Origin {
  readonly key: string;
  readonly state: string;
  readonly isAtWork: boolean;
  readonly isDone: boolean;
  readonly burnIn: BurnInRecord | null;
}

/** Under which id the steps, evaluations and checkpoints of a run lie, in SQL: its own, or that of the run it was taken from. */
export const RECORDS_ID = Prisma.sql`coalesce(run.taken_from_id, run.id)`;

/** To be put behind `FROM run`: every evaluation that a run shows, with those that another job has made for it. */
export const SHOWN_EVALUATIONS = Prisma.sql`JOIN LATERAL (
  SELECT evaluation.* FROM evaluation WHERE run_id = ${RECORDS_ID}
  UNION ALL
  SELECT evaluation.* FROM taken_score AS taken JOIN evaluation ON evaluation.run_id = taken.from_run_id AND evaluation.step = taken.step
    AND evaluation.benchmark = taken.benchmark AND evaluation.protocol = taken.protocol AND evaluation.settings = taken.settings
  WHERE taken.run_id = run.id
) AS evaluation ON true`;

/** The same of rows that were read. */
export function recordsIdOfRow({ id, takenFromId }: Pick<Run, 'id' | 'takenFromId'>): string {
  return takenFromId ?? id;
}

/** The runs of a job, of one arm where it is given, first to last, by the id under which their records lie. */
export async function runsByRecords(database: Database, jobId: string, arm?: string): Promise<Map<string, Run>> {
  const where = { jobId, ...(arm !== undefined && { arm }) };
  const runs = await database.prisma.run.findMany({ where, orderBy: { id: 'asc' } });
  return new Map(runs.map((run) => [recordsIdOfRow(run), run]));
}

/**
 * Claims the control for the job, or takes over the run of the job that has trained it. A run that was begun under another key, on another kind of machine or by
 * another version, is its job's own and nobody else's.
 */
export async function claimControl(database: Database, fence: Fence, key: string): Promise<Claim> {
  const { jobId } = fence;
  const arm = 'control';
  return fenced(database, fence, async (transaction) => {
    const run = await transaction.run.findUniqueOrThrow({ where: { jobId_arm: { jobId, arm } } });
    await dropOtherKeys(transaction, jobId, arm, key);
    if ((await hasRecords(transaction, run)) && !(await isHeldBy(transaction, jobId, key))) return { state: 'ours' };
    const holder = await insertOrFind(transaction, jobId, arm, key);
    if (holder.job !== jobId) {
      const theirs = await transaction.run.findUniqueOrThrow({ where: { jobId_arm: { jobId: holder.job, arm } } });
      if (holder.isDone) return take(transaction, run, theirs, holder);
      if (holder.isAtWork || !(await lockIdle(transaction, holder.job))) return { state: 'held', by: originOf(holder) };
      await transaction.sharedRun.update({ where: { key }, data: { jobId } });
      if (holder.state !== 'failed') await moveRecords(transaction, theirs, run);
    }
    await transaction.run.update({ where: { id: run.id }, data: { takenFromId: null }, select: { id: true } });
    return { state: 'ours' };
  });
}

/** Claims the burn-in for the job; one that is done stays where it lies. */
export async function claimBurnIn(database: Database, fence: Fence, key: string): Promise<Claim> {
  const { jobId } = fence;
  return fenced(database, fence, async (transaction) => {
    await dropOtherKeys(transaction, jobId, 'burn-in', key);
    const holder = await insertOrFind(transaction, jobId, 'burn-in', key);
    if (holder.job === jobId) return { state: 'ours' };
    if (holder.isDone) return { state: 'done', by: originOf(holder), burnIn: holder.burnIn };
    if (holder.isAtWork) return { state: 'held', by: originOf(holder) };
    await transaction.sharedRun.update({ where: { key }, data: { jobId } });
    return { state: 'ours' };
  });
}

/** Lets others take the burn-in over, where the claim is still the job's. */
export async function finishBurnIn(database: Database, fence: Fence, key: string, burnIn: BurnInRecord): Promise<void> {
  await fenced(database, fence, (transaction) =>
    transaction.sharedRun.updateMany({
      where: { key, jobId: fence.jobId },
      data: { isDone: true, burnIn: asJson(burnIn) },
    }),
  );
}

/** The burn-in that `job` has done is damaged or gone: the claim is free for whoever asks first, this job, unless another was faster. */
export async function redoBurnIn(database: Database, fence: Fence, key: string, job: string): Promise<void> {
  await fenced(database, fence, (transaction) =>
    transaction.sharedRun.updateMany({
      where: { key, jobId: job, isDone: true },
      data: { jobId: fence.jobId, isDone: false, burnIn: Prisma.DbNull },
    }),
  );
}

/** Lets others take the control over, where the job has claimed it. Inside the transaction that ends its run. */
export async function finishControl(transaction: Transaction, jobId: string): Promise<void> {
  await transaction.sharedRun.updateMany({ where: { jobId, part: 'control' }, data: { isDone: true } });
}

/** Throws ConflictError when another job has taken the run over while this one was believed to be gone. */
export function refuseTakenOver({ arm, jobId, takenFromId }: Run): void {
  if (takenFromId === null) return;
  throw new ConflictError(`lost run: ${arm} of job ${jobId} was taken over by another job, with its records`);
}

export function originOf({ job, name }: Origin): Origin {
  return { job, name };
}

async function dropOtherKeys(transaction: Transaction, jobId: string, part: string, key: string): Promise<void> {
  await transaction.sharedRun.deleteMany({ where: { jobId, part, key: { not: key } } });
}

async function isHeldBy(transaction: Transaction, jobId: string, key: string): Promise<boolean> {
  return (await transaction.sharedRun.count({ where: { key, jobId } })) > 0;
}

async function hasRecords(transaction: Transaction, { id: runId }: Run): Promise<boolean> {
  const one = { where: { runId }, select: { runId: true } } as const;
  const found = [
    await transaction.step.findFirst(one),
    await transaction.evaluation.findFirst(one),
    await transaction.checkpoint.findFirst(one),
  ];
  return found.some((row) => row !== null);
}

/** Who holds the key, the job itself where nobody did; the claim's row is locked. */
async function insertOrFind(transaction: Transaction, jobId: string, part: string, key: string): Promise<Holder> {
  await transaction.sharedRun.createMany({ data: [{ key, part, jobId }], skipDuplicates: true });
  const [holder] = await lockHolders(transaction, [key]);
  return holder!; // the row is there, and stays until the transaction ends
}

/** Who holds these keys, by key; the claims' rows are locked. */
export async function lockHolders(transaction: Transaction, keys: readonly string[]): Promise<Holder[]> {
  return transaction.$queryRaw<Holder[]>`
    SELECT shared_run.key, job.id::text AS job, job.name, job.state, shared_run.is_done AS "isDone", shared_run.burn_in AS "burnIn",
      job.state IN ${ACTIVE} AND job.lease_until >= clock_timestamp() AS "isAtWork"
    FROM shared_run JOIN job ON job.id = shared_run.job_id WHERE key = ANY (${keys}) ORDER BY key FOR UPDATE OF shared_run`;
}

/** Locks the job's row while nobody works on it; false where somebody does after all, or is about to. */
export async function lockIdle(transaction: Transaction, jobId: string): Promise<boolean> {
  const rows = await transaction.$queryRaw<unknown[]>`
    SELECT id FROM job WHERE id = ${jobId}::uuid AND (state NOT IN ${ACTIVE} OR lease_until < clock_timestamp())
    FOR NO KEY UPDATE SKIP LOCKED`;
  return rows.length > 0;
}

async function take(transaction: Transaction, run: Run, theirs: Run, holder: Holder): Promise<Claim> {
  const data = { takenFromId: theirs.id, state: 'succeeded', step: theirs.step };
  await transaction.run.update({ where: { id: run.id }, data, select: { id: true } });
  await appendEvent(transaction, run.jobId, 'taken-over', { arm: run.arm, ...originOf(holder) });
  return { state: 'done', by: originOf(holder), burnIn: null };
}

/** What was recorded of the one run becomes the other's, which goes on from its checkpoints; the one shows the other's from now on. */
async function moveRecords(transaction: Transaction, from: Run, to: Run): Promise<void> {
  const move = { where: { runId: from.id }, data: { runId: to.id } };
  await transaction.step.updateMany(move);
  await transaction.editSample.updateMany(move);
  await transaction.checkpoint.updateMany(move);
  await transaction.evaluation.updateMany(move);
  await transaction.run.update({ where: { id: to.id }, data: { step: from.step, takenFromId: null } });
  await transaction.run.updateMany({ where: { takenFromId: from.id }, data: { takenFromId: to.id } });
  const left = from.state === 'cancelled' ? {} : { state: 'queued', step: from.fromStep };
  await transaction.run.update({ where: { id: from.id }, data: { ...left, takenFromId: to.id } });
  const { name } = await transaction.job.findUniqueOrThrow({ where: { id: to.jobId }, select: { name: true } });
  await appendEvent(transaction, from.jobId, 'taken-over', { arm: from.arm, job: to.jobId, name });
}
