// The batches of a run, one step at a time: dataset → replay → rewrite, as the trainer's loop gets them. What a step's batch holds depends on
// the task and the step number only, whoever asks and in whatever order.
import {
  batchSha256,
  openDataset,
  placeOfStep,
  prepareDataset,
  replayBatch,
  type Batch,
  type DatasetDescription,
} from '../src/data/replay.ts';
import { readTokenizer } from '../src/data/tokenizer.ts';
import type { DataAccess } from '../src/data/token-files.ts';
import type { TokenType } from '../src/data/token-type.ts';
import { rewriteBatch, type Intervention, type Proof, type RewrittenBatch } from '../src/intervention/batch.ts';
import { log } from '../src/log.ts';

/** How a task's files are reached: plain values, for messages between processes and threads. */
export type TaskAccess = Pick<DataAccess, 'cacheFolder' | 'headers'>;

export interface BatchTask {
  readonly dataset: DatasetDescription;
  readonly access: TaskAccess;
  readonly rowsPerStep: number;
  /** How batches are rewritten; null leaves them as they are. */
  readonly rewriting: { readonly tokenizerPath: string; readonly intervention: Intervention } | null;
}

/** What was done to a batch, and how long its making took. */
export interface TimedProof extends Proof {
  readonly replayMs: number;
  readonly rewriteMs: number;
}

export interface Batches {
  /** In which the dataset's files store token ids. */
  readonly tokenType: TokenType;
  /** The rewritten batch of a step and its proof. Throws as replayBatch, fetchSamples and rewriteBatch do. */
  of(step: number): Promise<{ readonly batch: Batch; readonly proof: TimedProof }>;
  close(): void;
}

/** Opens a run's data; the caller closes it. Throws as prepareDataset, openDataset and readTokenizer do. */
export async function openBatches({
  dataset: description,
  access,
  rowsPerStep,
  rewriting,
}: BatchTask): Promise<Batches> {
  const reporting = { ...access, report: (words: string) => log.warn({ dataset: description.prefix }, words) };
  const tokenizer = rewriting === null ? undefined : readTokenizer(rewriting.tokenizerPath);
  await prepareDataset(description, reporting);
  const dataset = openDataset(description, reporting);
  return {
    tokenType: dataset.tokenType,
    async of(step) {
      const startedMs = performance.now();
      const { firstSample, numRows } = placeOfStep(dataset, step, rowsPerStep);
      await dataset.fetchSamples(firstSample, numRows);
      const original = replayBatch(dataset, step, rowsPerStep);
      const replayedMs = performance.now();
      const { batch, proof } =
        rewriting === null || tokenizer === undefined
          ? leaveAsItIs(original)
          : rewriteBatch(original, tokenizer, rewriting.intervention);
      const rewriteMs = performance.now() - replayedMs;
      return { batch, proof: { ...proof, replayMs: replayedMs - startedMs, rewriteMs } };
    },
    close: () => dataset.close(),
  };
}

/** The control arm's rewriting: none, proved the same way. */
function leaveAsItIs(batch: Batch): RewrittenBatch {
  const sha256 = batchSha256(batch);
  const counts = { numRowsChanged: 0, numEdits: 0, editsByRule: {}, numTokensCut: 0, numResegmented: 0 };
  return { batch, proof: { sha256Before: sha256, sha256After: sha256, ...counts, samples: [] } };
}
