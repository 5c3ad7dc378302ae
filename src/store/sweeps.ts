// Rows of sweeps: a grid of jobs, made whole or not at all.
import { NotFoundError } from '../errors.ts';
import type { JobSpec } from '../job-spec.ts';
import type { Database, Transaction } from './database.ts';
import { asJson } from './events.ts';
import type { Sweep } from './generated/client.ts';
import { insertJobs, isUuid } from './jobs.ts';

export interface SweepPoint {
  readonly spec: JobSpec;
  /** Name of the job. */
  readonly name: string;
  /** The values of the grid at this point, by dotted path. */
  readonly point: Record<string, unknown>;
}

export interface NewSweep {
  readonly name: string;
  /** The document as it was submitted. */
  readonly spec: unknown;
  /** The paths of its grid in the order given. */
  readonly axes: readonly string[];
  readonly points: readonly SweepPoint[];
}

/** A sweep with how many of its jobs are in which state. */
export type SweepSummary = Sweep & { readonly numJobs: number; readonly jobsByState: Record<string, number> };

/** Stores the sweep and all its jobs inside `transaction`; the jobs are claimed in the order of the points. Answers its id. */
export async function insertSweep(transaction: Transaction, sweep: NewSweep): Promise<string> {
  const { name, spec, axes } = sweep;
  const row = await transaction.sweep.create({ data: { name, spec: asJson(spec), axes: [...axes] } });
  const jobs = sweep.points.map(({ spec, name, point }) => ({ spec, name, sweepId: row.id, sweepPoint: point }));
  await insertJobs(transaction, jobs);
  return row.id;
}

/** The sweep. Throws NotFoundError. */
export async function getSweep(database: Database, id: string): Promise<SweepSummary> {
  const sweep = isUuid(id) ? await database.prisma.sweep.findUnique({ where: { id } }) : null;
  if (!sweep) throw new NotFoundError(`there is no sweep ${id}`);
  const [summary] = await summarise(database, [sweep]);
  return summary!; // one in, one out
}

/** The sweeps, newest first. */
export async function listSweeps(database: Database, limit: number): Promise<SweepSummary[]> {
  return summarise(database, await database.prisma.sweep.findMany({ orderBy: { id: 'desc' }, take: limit }));
}

async function summarise(database: Database, sweeps: readonly Sweep[]): Promise<SweepSummary[]> {
  const groups = await database.prisma.job.groupBy({
    by: ['sweepId', 'state'],
    where: { sweepId: { in: sweeps.map((sweep) => sweep.id) } },
    _count: { _all: true },
  });
  return sweeps.map((sweep) => {
    const own = groups.filter((group) => group.sweepId === sweep.id);
    const jobsByState = Object.fromEntries(own.map((group) => [group.state, group._count._all]));
    return { ...sweep, jobsByState, numJobs: own.reduce((sum, group) => sum + group._count._all, 0) };
  });
}
