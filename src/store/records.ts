// What a run records as it goes: steps with the proof of their rewriting, checkpoints, evaluations. Every function takes the
// fence and writes its rows and its event in one transaction: nothing when the lease is lost (ConflictError), nothing twice
// when a resumed attempt comes by the same step again.
import { DataError } from '../errors.ts';
import { settingsText, type Arm, type ScoringSettings } from '../job-spec.ts';
import type { Database, Transaction } from './database.ts';
import { appendEvent, appendEvents, asJson } from './events.ts';
import type { Checkpoint, Run, Step } from './generated/client.ts';
import { fenced } from './leases.ts';
import type { Fence } from './leases.ts';
import { finishScore } from './published-scores.ts';
import { refuseTakenOver } from './shared-runs.ts';

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
  /** Null, as the gradient's norm, where it was not finite. */
  readonly lossNats: number | null;
  readonly learningRate: number;
  readonly gradientNorm: number | null;
  /** Why the update was left out; null where it was made. */
  readonly skipped: string | null;
  readonly tokensPerSecond: number;
  /** What reading the batch and rewriting it took, in a thread beside the training. */
  readonly replayMs: number;
  readonly rewriteMs: number;
  /** Resident memory of the trainer, and bytes of its live tensors, after the step. */
  readonly rssBytes: number;
  readonly tensorBytes: number;
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
  /** None where the protocol has none. */
  readonly settings?: ScoringSettings;
  readonly sha256: string;
  readonly numItems: number;
  readonly scores: unknown;
  readonly items: unknown;
}

/**
 * Records updates and their samples of edits, in order; answers how many were new. Throws DataError when a step was recorded before
 * with another batch: the data or the rewriting have changed since, and the job can no longer be believed.
 */
export async function recordSteps(
  database: Database,
  fence: Fence,
  arm: Arm,
  records: readonly StepRecord[],
): Promise<number> {
  return fenced(database, fence, async (transaction) => {
    const run = await findRun(transaction, fence, arm);
    const fresh = await newOnes(transaction, run, fence, records);
    if (fresh.length === 0) return 0;
    const end = Math.max(...fresh.map(({ step }) => step + 1));
    await transaction.step.createMany({
      data: fresh.map((record) => ({ runId: run.id, attempt: fence.attempt, ...pickStep(record) })),
    });
    const samples = fresh.flatMap(({ step, samples }) =>
      samples.map((sample, position) => ({ runId: run.id, step, position, ...pickSample(sample) })),
    );
    if (samples.length > 0) await transaction.editSample.createMany({ data: samples });
    if (run.step < end) {
      await transaction.run.update({ where: { id: run.id }, data: { step: end }, select: { id: true } });
    }
    await appendEvents(
      transaction,
      fence.jobId,
      'step',
      fresh.map((record) => ({ arm, ...pickEvent(record) })),
    );
    return fresh.length;
  });
}

/** Those that were not recorded before, by step; the lock on the job's row keeps others from recording meanwhile. */
async function newOnes(
  transaction: Transaction,
  run: Run,
  { attempt }: Fence,
  records: readonly StepRecord[],
): Promise<readonly StepRecord[]> {
  const steps = records.map(({ step }) => step);
  const earlier = await transaction.step.findMany({ where: { runId: run.id, step: { in: steps } } });
  const known = new Map<number, RecordedBatch>(earlier.map((row) => [row.step, row]));
  return records.filter((record) => {
    const twin = known.get(record.step);
    if (twin === undefined) known.set(record.step, { ...record, attempt });
    else refuseOtherBatch(run, record, twin);
    return twin === undefined;
  });
}

type RecordedBatch = Pick<Step, 'attempt' | 'sha256Before' | 'sha256After'>;

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

/** Records the scores of the model of `arm` after `step` updates, with the values of every item; those of the published checkpoint other jobs may take from then on. */
export async function recordEvaluation(
  database: Database,
  fence: Fence,
  arm: Arm,
  step: number,
  record: EvaluationRecord,
): Promise<boolean> {
  const { benchmark, protocol, settings = {}, sha256, numItems, scores, items } = record;
  return fenced(database, fence, async (transaction) => {
    const run = await findRun(transaction, fence, arm);
    const key = { runId: run.id, step, attempt: fence.attempt, benchmark, protocol, settings: settingsText(settings) };
    const row = { ...key, sha256, numItems, scores: asJson(scores), items: asJson(storableIn(items)) };
    const { count } = await transaction.evaluation.createMany({ data: [row], skipDuplicates: true });
    if (arm === 'published') await finishScore(transaction, fence.jobId, { benchmark, protocol, settings });
    if (count === 0) return false;
    await appendEvent(transaction, fence.jobId, 'evaluation', { arm, step, benchmark, protocol, settings, scores });
    return true;
  });
}

/** The checkpoints of a job's arm, newest first: the first is where a resumed attempt goes on. */
export async function listCheckpoints(database: Database, jobId: string, arm: Arm): Promise<Checkpoint[]> {
  return database.prisma.checkpoint.findMany({ where: { run: { jobId, arm } }, orderBy: { step: 'desc' } });
}

/** Forgets a checkpoint that is about to be removed, so that nobody resumes from it; false for one that a fork starts from, which stays. */
export async function deleteCheckpoint(database: Database, fence: Fence, arm: Arm, step: number): Promise<boolean> {
  return fenced(database, fence, async (transaction) => {
    const run = await findRun(transaction, fence, arm);
    const { count } = await transaction.checkpoint.deleteMany({ where: { runId: run.id, step, isPinned: false } });
    return count > 0;
  });
}

/** Forgets a checkpoint whose files are damaged, and says so in the job's events. */
export async function forgetDamaged(
  database: Database,
  fence: Fence,
  arm: Arm,
  step: number,
  message: string,
): Promise<void> {
  await fenced(database, fence, async (transaction) => {
    const run = await findRun(transaction, fence, arm);
    await transaction.checkpoint.deleteMany({ where: { runId: run.id, step } });
    await appendEvent(transaction, fence.jobId, 'checkpoint-damaged', { arm, step, message });
  });
}

async function findRun(transaction: Transaction, fence: Fence, arm: Arm): Promise<Run> {
  const run = await transaction.run.findUnique({ where: { jobId_arm: { jobId: fence.jobId, arm } } });
  if (!run)
    throw new Error(`bug: nothing can be recorded for ${arm} of job ${fence.jobId} before ensureRun made its run`);
  refuseTakenOver(run);
  return run;
}

function refuseOtherBatch(run: Run, { step, sha256Before, sha256After }: StepRecord, earlier: RecordedBatch): void {
  if (earlier.sha256Before === sha256Before && earlier.sha256After === sha256After) return;
  const expected = `${earlier.sha256Before} rewritten to ${earlier.sha256After}`;
  throw new DataError(
    `run ${run.id} (${run.arm}), step ${step}: attempt ${earlier.attempt} read batch ${expected}, but now it is ${sha256Before} rewritten to ${sha256After}: the data or the rules changed, so start a new job`,
  );
}

// Callers may hand over objects with more fields; Prisma refuses those it does not know.
function pickStep(record: StepRecord) {
  const { step, lossNats, learningRate, gradientNorm, tokensPerSecond, numRows, numRowsChanged, numEdits } = record;
  const { numTokensCut, numResegmented, sha256Before, sha256After } = record;
  const { replayMs, rewriteMs, rssBytes, tensorBytes, skipped } = record;
  const measures = { step, lossNats, learningRate, gradientNorm, skipped, tokensPerSecond, replayMs, rewriteMs };
  const memory = { rssBytes: BigInt(rssBytes), tensorBytes: BigInt(tensorBytes) };
  const proof = { numRows, numRowsChanged, numEdits, numTokensCut, numResegmented, sha256Before, sha256After };
  return { ...measures, ...memory, ...proof, editsByRule: asJson(record.editsByRule) };
}

/** What viewers are told of a step at once; the rest they read. */
function pickEvent(record: StepRecord) {
  const { step, lossNats, learningRate, gradientNorm, tokensPerSecond, numRows, numEdits } = record;
  const { replayMs, rewriteMs, rssBytes, skipped } = record;
  const measures = { step, lossNats, learningRate, gradientNorm, tokensPerSecond, numRows, numEdits };
  return { ...measures, replayMs, rewriteMs, rssBytes, ...(skipped !== null && { skipped }) };
}

function pickSample(sample: EditSampleRecord): EditSampleRecord {
  const { row, sample: index, rule } = sample;
  const [before, after] = [storable(sample.before), storable(sample.after)];
  const [contextBefore, contextAfter] = [storable(sample.contextBefore), storable(sample.contextAfter)];
  return { row, sample: index, rule, before, after, contextBefore, contextAfter };
}

/** The value with every text in it storable: what a model answers, or a library says, may hold anything. */
export function storableIn(value: unknown): unknown {
  if (typeof value === 'string') return storable(value);
  if (Array.isArray(value)) return value.map(storableIn);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, storableIn(inner)]));
}

// The corpus may hold U+0000, and a context may begin or end inside a surrogate pair; Postgres takes neither.
function storable(text: string): string {
  return text.replaceAll(/\0|\p{Surrogate}/gu, '\uFFFD');
}
