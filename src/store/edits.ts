// Sums over the steps of a run: what the proof of intervention adds up to.
import type { Arm } from '../job-spec.ts';
import type { Database } from './database.ts';

/** Pronoun edits of all recorded steps of an arm. */
export async function totalEdits(database: Database, jobId: string, arm: Arm): Promise<number> {
  const { _sum } = await database.prisma.step.aggregate({ where: { run: { jobId, arm } }, _sum: { numEdits: true } });
  return _sum.numEdits ?? 0;
}
