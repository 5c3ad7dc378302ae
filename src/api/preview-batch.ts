// The rewritten batch of a step before anything is trained: dataset → replay → rewrite, as a trainer would do it, and of some rows every edit.
import { openDataset, placeOfStep, prepareDataset, replayBatch } from '../data/replay.ts';
import { readTokenizer } from '../data/tokenizer.ts';
import { rewriteBatch, rewriteSample, type Intervention, type Proof } from '../intervention/batch.ts';
import { describeEdit, type EditSample } from '../intervention/edit-sample.ts';
import { datasetCacheFolder, describeDataset } from '../suite/datasets.ts';
import { dataHeaders, type HubLogin } from '../suite/hub/remote-data.ts';

/** Plain values, for a message to a thread. */
export interface PreviewTask {
  readonly home: string;
  readonly hub?: HubLogin | undefined;
  readonly dataset: string;
  readonly tokenizerPath: string;
  readonly step: number;
  readonly rowsPerStep: 'all' | number;
  readonly intervention: Intervention;
  /** Rows that are told in full at most. */
  readonly maxRows: number;
}

export interface PreviewedRow {
  /** Row of the batch, and number of the sample in the data. */
  readonly row: number;
  readonly sample: number;
  /** The row's text, or what of it is valid UTF-8; the ends may be parts of words. */
  readonly before: string;
  readonly after: string;
  readonly numTokensCut: number;
  readonly edits: readonly Omit<EditSample, 'row' | 'sample'>[];
}

export interface BatchPreview extends Omit<Proof, 'samples'> {
  readonly step: number;
  readonly firstSample: number;
  readonly numRows: number;
  /** Tokens of a row. */
  readonly rowLength: number;
  /** Of the rows that change, the first. */
  readonly rows: readonly PreviewedRow[];
}

/** Replays and rewrites the batch of a step. Throws as a trainer would: InputError, DataError, NotFoundError, TransientError. */
export async function previewBatch(task: PreviewTask): Promise<BatchPreview> {
  const { home, hub, step, intervention } = task;
  const description = await describeDataset(home, task.dataset);
  const access = { cacheFolder: datasetCacheFolder(home, task.dataset), ...dataHeaders(description.prefix, hub) };
  await prepareDataset(description, access);
  const tokenizer = readTokenizer(task.tokenizerPath);
  const dataset = openDataset(description, access);
  try {
    const rowsPerStep = task.rowsPerStep === 'all' ? description.batchSize : task.rowsPerStep;
    const { firstSample, numRows } = placeOfStep(dataset, step, rowsPerStep);
    await dataset.fetchSamples(firstSample, numRows);
    const batch = replayBatch(dataset, step, rowsPerStep);
    const { rowLength } = batch;
    const { batch: after, proof } = rewriteBatch(batch, tokenizer, intervention);
    const rows: PreviewedRow[] = [];
    for (let row = 0; row < numRows && rows.length < task.maxRows && proof.numEdits > 0; row++) {
      const sample = firstSample + row;
      const [before, changed] = [batch, after].map(({ tokens }) =>
        tokens.subarray(row * rowLength, (row + 1) * rowLength),
      );
      if (before!.every((id, i) => id === changed![i])) continue; // both were cut
      const rewritten = rewriteSample(tokenizer, before!, intervention, sample, `step ${step}, sample ${sample}`);
      const edits = (rewritten?.edits ?? []).map((edit) => describeEdit(edit));
      const texts = { before: textOf(before!), after: textOf(changed!) };
      rows.push({ row, sample, ...texts, numTokensCut: rewritten?.numTokensCut ?? 0, edits });
    }
    const { sha256Before, sha256After, numRowsChanged, numEdits, editsByRule, numTokensCut, numResegmented } = proof;
    const counts = { numRowsChanged, numEdits, editsByRule, numTokensCut, numResegmented };
    return { step, firstSample, numRows, rowLength, sha256Before, sha256After, ...counts, rows };
  } finally {
    dataset.close();
  }

  function textOf(tokens: Int32Array): string {
    return tokenizer.decode([...tokens]);
  }
}
