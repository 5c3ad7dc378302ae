// Rows of sweeps: a grid of jobs, made whole or not at all.
import { ConflictError, NotFoundError } from '../errors.ts';
import type { JobSpec } from '../job-spec.ts';
import type { Database, Transaction } from './database.ts';
import { asJson } from './events.ts';
import type { SettledPoint, Sweep } from './generated/client.ts';
import { insertJobs, isUuid, senderColumns, type Sender } from './jobs.ts';
import { useOfSweeps, type SweepUse } from './sweep-limits.ts';

export interface SweepPoint {
  readonly spec: JobSpec;
  /** Name of the job. */
  readonly name: string;
  /** The values of the grid at this point, by dotted path. */
  readonly point: Record<string, unknown>;
}

/** What bounds a sweep; null where nothing does. */
export interface SweepLimits {
  /** Jobs at work at once. */
  readonly maxParallel: number | null;
  /** Updates of trained arms. */
  readonly budgetSteps: number | null;
  /** Of attempts' wall time. */
  readonly budgetHours: number | null;
}

export interface NewSweep extends Partial<SweepLimits> {
  readonly name: string;
  /** The document as it was submitted. */
  readonly spec: unknown;
  /** The paths of its grid in the order given. */
  readonly axes: readonly string[];
  readonly stop?: readonly StopRuleRow[] | null;
  readonly points: readonly SweepPoint[];
  /** Null where the server asks for no tokens. */
  readonly sender?: Sender | null;
}

/** A checked rule; src/eval/stop-rules.ts knows what it says. */
export type StopRuleRow = object;

/** A sweep with the states of its jobs, what it has used, and the points that met a rule. */
export type SweepSummary = Sweep &
  Omit<SweepUse, 'sweepId'> & {
    readonly numJobs: number;
    readonly jobsByState: Readonly<Record<string, number>>;
    readonly settledPoints: readonly SettledPoint[];
  };

/** Stores the sweep and all its jobs inside `transaction`; the jobs are claimed in the order of the points. Answers its id. */
export async function insertSweep(transaction: Transaction, sweep: NewSweep): Promise<string> {
  const { name, spec, axes, points, sender = null, stop = null } = sweep;
  const { maxParallel = null, budgetSteps = null, budgetHours = null } = sweep;
  const limits = { maxParallel, budgetSteps, budgetHours };
  const rules = stop === null ? {} : { stop: asJson(stop) };
  const row = await transaction.sweep.create({
    data: { name, spec: asJson(spec), axes: [...axes], ...limits, ...rules, ...senderColumns(sender) },
  });
  await insertPoints(transaction, row.id, points, sender);
  return row.id;
}

/**
 * Adds points to the sweep inside `transaction`, behind those that it has. Throws NotFoundError, ConflictError when it was ended by a user, or when `isCurrent` says of
 * its document that it is not the one that the points were made from.
 */
export async function addPoints(
  transaction: Transaction,
  id: string,
  {
    spec,
    points,
    sender = null,
    isCurrent,
  }: Pick<NewSweep, 'spec' | 'points' | 'sender'> & { readonly isCurrent: (stored: unknown) => boolean },
): Promise<void> {
  const [row] = await transaction.$queryRaw<{ state: string; spec: unknown }[]>`
    SELECT state, spec FROM sweep WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  if (row === undefined) throw new NotFoundError(`there is no sweep ${id}`);
  if (row.state === 'stopped' || row.state === 'cancelled')
    throw new ConflictError(`sweep ${id} was ${row.state}: submit the points as a sweep of their own`);
  if (!isCurrent(row.spec)) throw new ConflictError(`points were added to sweep ${id} meanwhile: send yours again`);
  await transaction.sweep.update({ where: { id }, data: { spec: asJson(spec) }, select: { id: true } });
  await insertPoints(transaction, id, points, sender);
}

async function insertPoints(
  transaction: Transaction,
  sweepId: string,
  points: readonly SweepPoint[],
  sender: Sender | null,
): Promise<void> {
  await insertJobs(
    transaction,
    points.map(({ spec, name, point }) => ({ spec, sender, name, sweepId, sweepPoint: point })),
  );
}

/** The sweep. Throws NotFoundError. */
export async function getSweep(database: Database, id: string): Promise<SweepSummary> {
  const sweep = isUuid(id) ? await database.prisma.sweep.findUnique({ where: { id }, include: SETTLED }) : null;
  if (!sweep) throw new NotFoundError(`there is no sweep ${id}`);
  const [summary] = await summarise(database, [sweep]);
  return summary!; // one in, one out
}

/** The sweeps, newest first. */
export async function listSweeps(database: Database, limit: number): Promise<SweepSummary[]> {
  const found = await database.prisma.sweep.findMany({ orderBy: { id: 'desc' }, take: limit, include: SETTLED });
  return summarise(database, found);
}

const SETTLED = { settledPoints: { orderBy: { settledAt: 'asc' } } } as const;

async function summarise(
  database: Database,
  sweeps: readonly (Sweep & { settledPoints: SettledPoint[] })[],
): Promise<SweepSummary[]> {
  const ids = sweeps.map((sweep) => sweep.id);
  const groups = await database.prisma.job.groupBy({
    by: ['sweepId', 'state'],
    where: { sweepId: { in: ids } },
    _count: { _all: true },
  });
  const uses = new Map((await useOfSweeps(database, ids)).map(({ sweepId, ...use }) => [sweepId, use]));
  return sweeps.map((sweep) => {
    const own = groups.filter((group) => group.sweepId === sweep.id);
    const jobsByState = Object.fromEntries(own.map((group) => [group.state, group._count._all]));
    const numJobs = own.reduce((sum, group) => sum + group._count._all, 0);
    const use = uses.get(sweep.id) ?? { steps: 0, hours: 0, heldBy: null }; // removed meanwhile
    return { ...sweep, ...use, jobsByState, numJobs };
  });
}
