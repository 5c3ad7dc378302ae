// Forks: jobs that start from a checkpoint of another job's run. The checkpoint is pinned in the transaction that makes the fork, so that it is never removed.
import { ConflictError, NotFoundError } from '../errors.ts';
import type { Arm } from '../job-spec.ts';
import type { Database, Transaction } from './database.ts';
import type { StartOfFork } from './jobs.ts';
import { recordsIdOfRow, runsByRecords } from './shared-runs.ts';

/** The checkpoint of a run at a step, or its newest. Throws NotFoundError that lists the steps there are. */
export async function findStart(
  database: Database,
  jobId: string,
  arm: Arm,
  step: number | undefined,
): Promise<StartOfFork> {
  const rows = await database.prisma.checkpoint.findMany({
    where: { runId: { in: [...(await runsByRecords(database, jobId, arm)).keys()] } },
    orderBy: { step: 'desc' },
    select: { step: true, path: true, manifestSha256: true },
  });
  const found = step === undefined ? rows[0] : rows.find((row) => row.step === step);
  if (found !== undefined) return { job: jobId, arm, ...found };
  const there = rows.length === 0 ? 'none' : rows.map((row) => `step ${row.step}`).join(', ');
  const wanted = step === undefined ? '' : ` at step ${step}`;
  throw new NotFoundError(`job ${jobId} keeps no checkpoint of ${arm}${wanted} (there is: ${there})`);
}

/** Keeps the checkpoint for good. Throws ConflictError when it was removed meanwhile. */
export async function pinStart(transaction: Transaction, { job, arm, step }: StartOfFork): Promise<void> {
  const run = await transaction.run.findUnique({ where: { jobId_arm: { jobId: job, arm } } });
  const { count } = await transaction.checkpoint.updateMany({
    where: { runId: { in: run === null ? [] : [recordsIdOfRow(run)] }, step },
    data: { isPinned: true },
  });
  if (count === 0)
    throw new ConflictError(`the checkpoint of ${arm} at step ${step} of job ${job} has just been removed`);
}
