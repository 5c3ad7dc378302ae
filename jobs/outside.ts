// Jobs whose arms another engine trains: what a worker does for them is to score what was imported, as the same job's runs, and to let go of the job while
// there is nothing to score.
import { join } from 'node:path';
import { fileSha256 } from '../src/checkpoint/checkpoint.ts';
import { DataError } from '../src/errors.ts';
import type { Arm, JobSpec } from '../src/job-spec.ts';
import type { Database } from '../src/store/database.ts';
import { listCheckpoints } from '../src/store/records.ts';
import { listEvaluations } from '../src/store/results.ts';
import { suiteCheckpoint, type Preparation, type StartCheckpoint } from './preparation.ts';

/** Whether another engine trains this arm. */
export function isTrainedOutside({ training }: JobSpec, arm: Arm): boolean {
  return arm !== 'published' && training.engine === 'gpt-neox'; // jobs of earlier releases do not say: trained here
}

/** What is there of an arm and not scored: its start, where the plan scores that, and imported checkpoints. Throws DataError for one that was changed. */
export async function findUnscored(
  database: Database,
  jobId: string,
  arm: Arm,
  { plan, model, scorings, heldBack }: Preparation,
): Promise<Required<StartCheckpoint>[]> {
  const evaluations = await listEvaluations(database, jobId);
  const numWanted = scorings.length + (heldBack === null ? 0 : 1);
  const isScored = (step: number) =>
    evaluations.filter((found) => found.arm === arm && found.step === step).length >= numWanted;
  const start = plan.evaluateAt.includes(plan.from) && !isScored(plan.from);
  const imported = (await listCheckpoints(database, jobId, arm)).filter(({ step }) => !isScored(step)).reverse();
  for (const { path, manifestSha256: expected } of imported) {
    const found = await fileSha256(join(path, 'manifest.json'));
    if (found !== expected)
      throw new DataError(
        `${path}/manifest.json: expected the one that was imported (SHA-256 ${expected}), found ${found}`,
      );
  }
  return [
    ...(start ? [{ path: suiteCheckpoint(model, plan.from), isOwn: false, scoreAt: plan.from }] : []),
    ...imported.map(({ path, step }) => ({ path, isOwn: false, scoreAt: step })),
  ];
}

export interface Waiting {
  /** Trained arms whose last checkpoint has not come. */
  readonly arms: readonly Arm[];
  /** Of the whole job, so that one that comes meanwhile is noticed; null when one has come that is not scored. */
  readonly numCheckpoints: number | null;
  readonly message: string;
}

/** What the job still waits for. */
export async function findWaiting(
  database: Database,
  jobId: string,
  spec: JobSpec,
  preparation: Preparation,
): Promise<Waiting> {
  const { to } = preparation.plan;
  const arms: Arm[] = [];
  let [numCheckpoints, numUnscored] = [0, 0];
  for (const arm of spec.arms.filter((one) => isTrainedOutside(spec, one))) {
    const found = await listCheckpoints(database, jobId, arm);
    numCheckpoints += found.length;
    numUnscored += (await findUnscored(database, jobId, arm, preparation)).length;
    if (!found.some(({ step }) => step === to)) arms.push(arm);
  }
  const message = `waits for GPT-NeoX to train ${arms.join(' and ')} to step ${to}: \`tiresias export neox ${jobId}\`, then \`tiresias import neox ${jobId}\``;
  return { arms, numCheckpoints: numUnscored > 0 ? null : numCheckpoints, message };
}
