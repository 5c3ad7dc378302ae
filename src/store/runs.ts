// Rows of runs: the training of one arm of a job.
import type { Arm } from '../job-spec.ts';
import type { Database } from './database.ts';
import type { Run } from './generated/client.ts';
import { fenced } from './leases.ts';
import type { Fence } from './leases.ts';
import { finishControl, refuseTakenOver } from './shared-runs.ts';

/** `published` has no steps of its own; its run goes from queued to running (being scored) to succeeded like the others. */
export type RunState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** The run of an arm, made at the first call for the window [fromStep, toStep); later attempts get the same row back. */
export async function ensureRun(
  database: Database,
  fence: Fence,
  arm: Arm,
  window: { readonly fromStep: number; readonly toStep: number },
): Promise<Run> {
  const { jobId } = fence;
  return fenced(database, fence, async (transaction) => {
    const data = [{ jobId, arm, ...window, step: window.fromStep }];
    await transaction.run.createMany({ data, skipDuplicates: true });
    return transaction.run.findUniqueOrThrow({ where: { jobId_arm: { jobId, arm } } });
  });
}

/** Sets the state of an arm's run; a control that succeeded may be taken over by other jobs. Throws ConflictError when another job has taken it over. */
export async function setRunState(database: Database, fence: Fence, arm: Arm, state: RunState): Promise<void> {
  const { jobId } = fence;
  await fenced(database, fence, async (transaction) => {
    refuseTakenOver(await transaction.run.update({ where: { jobId_arm: { jobId, arm } }, data: { state } }));
    if (state === 'succeeded' && arm === 'control') await finishControl(transaction, jobId);
  });
}
