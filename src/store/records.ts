// What a run records as it goes: steps with the proof of their rewriting, checkpoints, evaluations. Every function takes the
// fence and writes its rows and its event in one transaction: nothing when the lease is lost (ConflictError), nothing twice
// when a resumed attempt comes by the same step again (it returns false then).
import { DataError } from '../errors.ts';
import type { Arm } from '../job-spec.ts';
import type { Database, Transaction } from './database.ts';
import { appendEvent, asJson } from './events.ts';
import type { Checkpoint, Run } from './generated/client.ts';
import { fenced } from './leases.ts';
import type { Fence } from './leases.ts';

export interface EditSampleRecord {
  readonly row: number;
  readonly sample: number;
  readonly rule: string;
  readonly before: string;
  readonly after: string;
  readonly contextBefore: string;
  readonly contextAfter: string;
}

/** One update: `step` is the one whose batch was read. Losses in nats per token. */
export interface StepRecord {
  readonly step: number;
  readonly lossNats: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  readonly tokensPerSecond: number;
  readonly numRows: number;
  readonly numRowsChanged: number;
  readonly numEdits: number;
  readonly editsByRule: Readonly<Record<string, number>>;
  readonly numTokensCut: number;
  readonly numResegmented: number;
  readonly sha256Before: string;
  readonly sha256After: string;
  readonly samples: readonly EditSampleRecord[];
}

export interface CheckpointRecord {
  /** Updates finished. */
  readonly step: number;
  readonly path: string;
  readonly manifestSha256: string;
  readonly sizeBytes: number;
}

export interface EvaluationRecord {
  readonly benchmark: string;
  readonly protocol: string;
  readonly sha256: string;
  readonly numItems: number;
  readonly scores: unknown;
  readonly items: unknown;
}

/**
 * Records one update and its sample of edits. Throws DataError when the step was recorded before with another batch: the data
 * or the rewriting have changed since, and the job can no longer be believed.
 */
export async function recordStep(database: Database, fence: Fence, arm: Arm, record: StepRecord): Promise<boolean> {
  const { samples, editsByRule, ...rest } = record;
  return fenced(database, fence, async (transaction) => {
    const run = await findRun(transaction, fence, arm);
    const row = { runId: run.id, attempt: fence.attempt, editsByRule: asJson(editsByRule), ...pickStep(rest) };
    const { count } = await transaction.step.createMany({ data: [row], skipDuplicates: true });
    if (count === 0) {
      await refuseOtherBatch(transaction, run, record);
      return false;
    }
    const data = samples.map((sample, position) => ({
      runId: run.id,
      step: record.step,
      position,
      ...pickSample(sample),
    }));
    if (data.length > 0) await transaction.editSample.createMany({ data });
    if (run.step < record.step + 1) {
      await transaction.run.update({ where: { id: run.id }, data: { step: record.step + 1 }, select: { id: true } });
    }
    const { step, lossNats, learningRate, tokensPerSecond, numEdits } = record;
    const event = { arm, step, lossNats, learningRate, tokensPerSecond, numEdits };
    await appendEvent(transaction, fence.jobId, 'step', event);
    return true;
  });
}

/** Records a checkpoint whose files are complete. It proves progress: the count of workers lost in a row starts anew. */
export async function recordCheckpoint(
  database: Database,
  fence: Fence,
  arm: Arm,
  record: CheckpointRecord,
): Promise<boolean> {
  const { step, path, manifestSha256, sizeBytes } = record;
  return fenced(database, fence, async (transaction) => {
    const run = await findRun(transaction, fence, arm);
    const row = { runId: run.id, step, attempt: fence.attempt, path, manifestSha256, sizeBytes: BigInt(sizeBytes) };
    const { count } = await transaction.checkpoint.createMany({ data: [row], skipDuplicates: true });
    if (count === 0) return false;
    await transaction.job.update({ where: { id: fence.jobId }, data: { numLost: 0 }, select: { id: true } });
    await appendEvent(transaction, fence.jobId, 'checkpoint', { arm, step });
    return true;
  });
}

/** Records the scores of the model of `arm` after `step` updates, with the values of every item. */
export async function recordEvaluation(
  database: Database,
  fence: Fence,
  arm: Arm,
  step: number,
  record: EvaluationRecord,
): Promise<boolean> {
  const { benchmark, protocol, sha256, numItems, scores, items } = record;
  return fenced(database, fence, async (transaction) => {
    const run = await findRun(transaction, fence, arm);
    const key = { runId: run.id, step, attempt: fence.attempt, benchmark, protocol };
    const row = { ...key, sha256, numItems, scores: asJson(scores), items: asJson(items) };
    const { count } = await transaction.evaluation.createMany({ data: [row], skipDuplicates: true });
    if (count === 0) return false;
    await appendEvent(transaction, fence.jobId, 'evaluation', { arm, step, benchmark, protocol, scores });
    return true;
  });
}

/** The checkpoints of a job's arm, newest first: the first is where a resumed attempt goes on. */
export async function listCheckpoints(database: Database, jobId: string, arm: Arm): Promise<Checkpoint[]> {
  return database.prisma.checkpoint.findMany({ where: { run: { jobId, arm } }, orderBy: { step: 'desc' } });
}

/** Forgets a checkpoint that is about to be removed, so that nobody resumes from it. */
export async function deleteCheckpoint(database: Database, fence: Fence, arm: Arm, step: number): Promise<void> {
  await fenced(database, fence, async (transaction) => {
    const run = await findRun(transaction, fence, arm);
    await transaction.checkpoint.deleteMany({ where: { runId: run.id, step } });
  });
}

async function findRun(transaction: Transaction, fence: Fence, arm: Arm): Promise<Run> {
  const run = await transaction.run.findUnique({ where: { jobId_arm: { jobId: fence.jobId, arm } } });
  if (!run)
    throw new Error(`bug: nothing can be recorded for ${arm} of job ${fence.jobId} before ensureRun made its run`);
  return run;
}

async function refuseOtherBatch(transaction: Transaction, run: Run, record: StepRecord): Promise<void> {
  const { step, sha256Before, sha256After } = record;
  const earlier = await transaction.step.findUniqueOrThrow({ where: { runId_step: { runId: run.id, step } } });
  if (earlier.sha256Before === sha256Before && earlier.sha256After === sha256After) return;
  const expected = `${earlier.sha256Before} rewritten to ${earlier.sha256After}`;
  throw new DataError(
    `run ${run.id} (${run.arm}), step ${step}: attempt ${earlier.attempt} read batch ${expected}, but now it is ${sha256Before} rewritten to ${sha256After}: the data or the rules changed, so start a new job`,
  );
}

// Callers may hand over objects with more fields; Prisma refuses those it does not know.
function pickStep(record: Omit<StepRecord, 'samples' | 'editsByRule'>) {
  const { step, lossNats, learningRate, gradientNorm, tokensPerSecond, numRows, numRowsChanged, numEdits } = record;
  const { numTokensCut, numResegmented, sha256Before, sha256After } = record;
  const measures = { step, lossNats, learningRate, gradientNorm, tokensPerSecond };
  return { ...measures, numRows, numRowsChanged, numEdits, numTokensCut, numResegmented, sha256Before, sha256After };
}

function pickSample(sample: EditSampleRecord): EditSampleRecord {
  const { row, sample: index, rule } = sample;
  const [before, after] = [storable(sample.before), storable(sample.after)];
  const [contextBefore, contextAfter] = [storable(sample.contextBefore), storable(sample.contextAfter)];
  return { row, sample: index, rule, before, after, contextBefore, contextAfter };
}

// The corpus may hold U+0000, and a context may begin or end inside a surrogate pair; Postgres takes neither.
function storable(text: string): string {
  return text.replaceAll(/\0|\p{Surrogate}/gu, '\uFFFD');
}
