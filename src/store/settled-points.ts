// Points of a sweep that met a stop rule. What was found and the cancelling of the point's jobs that had not begun are written in one transaction with the mark
// of the jobs that were looked at, so that a look that broke off is made again, and one that was made is not.
import type { Database } from './database.ts';
import { asJson } from './events.ts';
import { cancelUnbegun } from './sweep-orders.ts';

/** A job as far as rules go by it. */
export interface PointJob {
  readonly id: string;
  readonly state: string;
  readonly sweepPoint: unknown;
  readonly stopLooked: boolean;
}

export interface RuledSweep {
  readonly id: string;
  /** Checked before it was stored, and its rules. */
  readonly spec: unknown;
  readonly stop: unknown;
  readonly jobs: readonly PointJob[];
  /** Keys of the points that met a rule before. */
  readonly settled: readonly string[];
}

/** The running sweeps with rules in which a job has succeeded since the last look. */
export async function sweepsToLookAt({ prisma }: Database): Promise<RuledSweep[]> {
  const due = await prisma.$queryRaw<{ id: string }[]>`
    SELECT id::text FROM sweep WHERE stop IS NOT NULL AND state = 'active' AND EXISTS (
      SELECT 1 FROM job WHERE sweep_id = sweep.id AND state = 'succeeded' AND NOT stop_looked)
    ORDER BY id`;
  if (due.length === 0) return [];
  const jobs = {
    orderBy: { id: 'asc' },
    select: { id: true, state: true, sweepPoint: true, stopLooked: true },
  } as const;
  const found = await prisma.sweep.findMany({
    where: { id: { in: due.map(({ id }) => id) } },
    select: { id: true, spec: true, stop: true, jobs, settledPoints: { select: { point: true } } },
  });
  return found.map(({ settledPoints, ...sweep }) => ({ ...sweep, settled: settledPoints.map(({ point }) => point) }));
}

export interface NewSettledPoint {
  /** Its key. */
  readonly point: string;
  /** All its jobs. */
  readonly jobs: readonly string[];
  readonly rule: unknown;
  readonly found: unknown;
  /** What its jobs that are not needed say. */
  readonly message: string;
}

/** Writes what a look at these jobs has found; what another worker has written meanwhile stays. */
export async function recordLook(
  database: Database,
  sweepId: string,
  lookedAt: readonly string[],
  points: readonly NewSettledPoint[],
): Promise<void> {
  await database.transaction(async (transaction) => {
    for (const { point, jobs, rule, found, message } of points) {
      const row = { sweepId, point, rule: asJson(rule), found: asJson(found), numCancelled: 0 };
      const { count } = await transaction.settledPoint.createMany({ data: [row], skipDuplicates: true });
      if (count === 0) continue;
      const numCancelled = await cancelUnbegun(transaction, sweepId, message, jobs);
      await transaction.settledPoint.update({
        where: { sweepId_point: { sweepId, point } },
        data: { numCancelled },
        select: { point: true },
      });
    }
    await transaction.job.updateMany({ where: { id: { in: [...lookedAt] } }, data: { stopLooked: true } });
  });
}
