// Checkpoints that another engine has trained for a job: taken in as the job's run, with where they come from, and handed to a worker for scoring.
// Nobody holds a lease meanwhile, so the writes carry no fence: they hold the lock on the job's row instead.
import { ConflictError, InputError, NotFoundError } from '../errors.ts';
import type { Arm, JobSpec, JobState } from '../job-spec.ts';
import type { Database, Transaction } from './database.ts';
import { appendEvent, asJson } from './events.ts';
import type { Run } from './generated/client.ts';
import { isUuid, notifyWorkers } from './jobs.ts';

export interface OutsideCheckpoint {
  readonly arm: Arm;
  /** Updates finished. */
  readonly step: number;
  readonly path: string;
  readonly manifestSha256: string;
  readonly sizeBytes: number;
  /** Who trained it, from what, and the files that it was made of. */
  readonly origin: { readonly engine: string } & Readonly<Record<string, unknown>>;
}

/** States in which a worker will come by the job again, or can be made to. */
const OPEN: readonly JobState[] = ['paused', 'queued', 'running', 'recovering', 'pausing'];

/**
 * Records the checkpoint and wakes a worker for it. Throws NotFoundError, InputError where job, arm and step do not fit, ConflictError where the job is over
 * or has that checkpoint.
 */
export async function acceptOutside(database: Database, jobId: string, checkpoint: OutsideCheckpoint): Promise<void> {
  if (!isUuid(jobId)) throw new NotFoundError(`there is no job ${jobId}`);
  const { arm, step, path, manifestSha256, sizeBytes, origin } = checkpoint;
  await database.transaction(async (transaction) => {
    await transaction.$executeRaw`SELECT id FROM job WHERE id = ${jobId}::uuid FOR NO KEY UPDATE`;
    const run = await fittingRun(transaction, jobId, checkpoint);
    const { attempt, state, pauseRequested } = run.job;
    const row = {
      runId: run.id,
      step,
      attempt,
      path,
      manifestSha256,
      sizeBytes: BigInt(sizeBytes),
      origin: asJson(origin),
    };
    const { count } = await transaction.checkpoint.createMany({ data: [row], skipDuplicates: true });
    if (count === 0) throw new ConflictError(`${arm} of job ${jobId} has a checkpoint at step ${step} already`);
    if (run.step < step) await transaction.run.update({ where: { id: run.id }, data: { step }, select: { id: true } });
    await appendEvent(transaction, jobId, 'checkpoint', { arm, step, origin });
    if (state !== 'paused' || pauseRequested) return; // whoever works on it looks again before letting go: park in leases.ts
    await transaction.$executeRaw`
      UPDATE job SET state = 'queued', message = NULL, run_at = clock_timestamp() WHERE id = ${jobId}::uuid`;
    await appendEvent(transaction, jobId, 'state', { state: 'queued', attempt });
    await notifyWorkers(transaction, jobId);
  });
}

async function fittingRun(transaction: Transaction, jobId: string, { arm, step, origin }: OutsideCheckpoint) {
  const job = await transaction.job.findUnique({ where: { id: jobId }, include: { runs: true } });
  if (!job) throw new NotFoundError(`there is no job ${jobId}`);
  const spec = job.spec as unknown as JobSpec; // checked by jobSpecSchema before it was stored
  const { engine = 'tiresias' } = spec.training; // jobs of earlier releases do not say
  if (engine !== origin.engine) {
    const words = engine === 'tiresias' ? 'is trained here' : `is trained by ${engine}`;
    throw new InputError(
      `job ${jobId} ${words}, not by ${origin.engine}: submit one with training.engine "${origin.engine}"`,
    );
  }
  if (arm === 'published' || !spec.arms.includes(arm))
    throw new InputError(`job ${jobId} trains ${trainedArms(spec).join(' and ')}; it has no training of ${arm}`);
  const state = job.state as JobState; // only states are stored
  if (!OPEN.includes(state)) throw new ConflictError(`job ${jobId} is ${state}: nothing is added to it`);
  const run: Run | undefined = job.runs.find((one) => one.arm === arm);
  if (run === undefined)
    throw new ConflictError(
      `no worker has begun job ${jobId}, so it has no plan yet: start one, and import when the job waits`,
    );
  if (step <= run.fromStep || step > run.toStep)
    throw new InputError(
      `step ${step} is none of job ${jobId}: its window ends at ${run.toStep} and begins after ${run.fromStep}`,
    );
  return { ...run, job: { attempt: job.attempt, state, pauseRequested: job.pauseRequested } };
}

function trainedArms({ arms }: JobSpec): Arm[] {
  return arms.filter((arm) => arm !== 'published');
}
