// The batch that a step of the original training read. Second stop of the road: documents → samples → batch.
// Step s reads the samples s·batchSize up to, not including, (s+1)·batchSize, each of seqLength + 1 tokens: in the order of the rows of a
// preshuffled file, or in the order that GPT-NeoX v1.0 makes of documents (sample-index.ts).
import { createHash } from 'node:crypto';
import { DataError, InputError } from '../errors.ts';
import { openIndexedDataset, type IndexedDataset } from './indexed-dataset.ts';
import { buildSampleIndex, numSamplesRequested, type SampleIndex } from './sample-index.ts';

export const LAYOUTS = ['preshuffled', 'documents'] as const;
export type Layout = (typeof LAYOUTS)[number];

const MOST_SEQUENCE_LENGTH = 2 ** 20;
const MOST_BATCH_SIZE = 2 ** 20;
const MOST_TRAIN_STEPS = 10_000_000;

export interface DatasetDescription {
  /** Path of the .bin and .idx without their endings. */
  readonly prefix: string;
  readonly layout: Layout;
  /** Tokens of a model input, T; a sample has one more. */
  readonly seqLength: number;
  /** Samples of one step. */
  readonly batchSize: number;
  /** Steps of the whole original training; documents only, where the order depends on it. */
  readonly trainSteps?: number;
  /** Seed of the original training's data order; documents only. */
  readonly seed?: number;
}

export interface Dataset {
  readonly description: DatasetDescription;
  /** Samples that the original training could read. */
  readonly numSamples: number;
  /** Tokens of a sample, [T + 1]; throws InputError for a sample that is not there, DataError for damaged bytes. */
  readSample(sample: number): Int32Array;
  close(): void;
}

export interface Batch {
  readonly step: number;
  readonly firstSample: number;
  readonly numRows: number;
  /** T + 1. */
  readonly rowLength: number;
  /** [numRows, rowLength], row-major. */
  readonly tokens: Int32Array;
}

/** Opens a dataset for replay; the caller closes it. Throws InputError for an impossible description, DataError for bad files. */
export function openDataset(description: DatasetDescription): Dataset {
  checkDescription(description);
  const files = openIndexedDataset(description.prefix);
  try {
    return description.layout === 'preshuffled' ? preshuffled(files, description) : packed(files, description);
  } catch (error) {
    files.close();
    throw error;
  }
}

/**
 * The batch of a step, or its first `numRows` rows. Throws InputError when the step lies beyond the dataset.
 */
export function replayBatch(dataset: Dataset, step: number, numRows: number = dataset.description.batchSize): Batch {
  const { prefix, batchSize, seqLength } = dataset.description;
  const numSteps = Math.floor(dataset.numSamples / batchSize);
  if (!Number.isInteger(step) || step < 0 || step >= numSteps) {
    const steps = numSteps === 0 ? 'none' : `0 to ${numSteps - 1}`;
    throw new InputError(
      `step: expected one of ${steps} (${prefix} has ${dataset.numSamples} samples, ${batchSize} a step), found ${step}`,
    );
  }
  if (!Number.isInteger(numRows) || numRows < 1 || numRows > batchSize) {
    throw new InputError(`rows of a step: expected 1 to ${batchSize} (the batch size), found ${numRows}`);
  }
  const rowLength = seqLength + 1;
  const firstSample = step * batchSize;
  const tokens = new Int32Array(numRows * rowLength);
  for (let row = 0; row < numRows; row++) tokens.set(dataset.readSample(firstSample + row), row * rowLength);
  return { step, firstSample, numRows, rowLength, tokens };
}

/** SHA-256 of a batch's token ids as little-endian int32, row-major: 64 hex digits. */
export function batchSha256({ tokens }: Pick<Batch, 'tokens'>): string {
  // Node runs on little-endian machines only, so the array's own bytes are those to hash.
  return createHash('sha256')
    .update(Buffer.from(tokens.buffer, tokens.byteOffset, tokens.byteLength))
    .digest('hex');
}

function checkDescription({ layout, seqLength, batchSize, trainSteps, seed }: DatasetDescription): void {
  if (!LAYOUTS.includes(layout))
    throw new InputError(`layout: expected ${LAYOUTS.join(' or ')}, found ${String(layout)}`);
  checkCount('sequence length', seqLength, MOST_SEQUENCE_LENGTH);
  checkCount('batch size', batchSize, MOST_BATCH_SIZE);
  if (layout === 'preshuffled') return;
  if (trainSteps === undefined || seed === undefined) {
    throw new InputError(
      'layout documents: expected the training steps and the seed of the original training, because the order depends on both',
    );
  }
  checkCount('training steps', trainSteps, MOST_TRAIN_STEPS);
}

function checkCount(what: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new InputError(`${what}: expected a whole number from 1 to ${most}, found ${value}`);
  }
}

function checkSample(dataset: Dataset, sample: number): void {
  if (!Number.isInteger(sample) || sample < 0 || sample >= dataset.numSamples) {
    throw new InputError(
      `${dataset.description.prefix}: expected a sample from 0 to ${dataset.numSamples - 1}, found ${sample}`,
    );
  }
}

// Each document is one row, stored in training order.
function preshuffled(files: IndexedDataset, description: DatasetDescription): Dataset {
  const rowLength = description.seqLength + 1;
  if (files.uniformLength !== rowLength) {
    let row = 0;
    while (files.documentLength(row) === rowLength) row++;
    const message =
      `${files.prefix}.idx: expected rows of ${rowLength} tokens (sequence length ${description.seqLength} and one more), ` +
      `found ${files.documentLength(row)} in row ${row}; `;
    if (files.uniformLength !== undefined) {
      throw new InputError(
        `${message}all rows have that length: the sequence length may be ${files.uniformLength - 1}`,
      );
    }
    throw new DataError(`${message}rows of several lengths are not preshuffled: the layout may be documents`);
  }
  const dataset: Dataset = {
    description,
    numSamples: files.numDocuments,
    readSample(sample) {
      checkSample(dataset, sample);
      return files.readDocument(sample);
    },
    close: () => files.close(),
  };
  return dataset;
}

function packed(files: IndexedDataset, description: DatasetDescription): Dataset {
  const { seqLength, batchSize, trainSteps = 0, seed = 0 } = description; // both are there: checkDescription
  const index = buildSampleIndex(files, seqLength, numSamplesRequested(trainSteps, batchSize), seed);
  const dataset: Dataset = {
    description,
    numSamples: trainSteps * batchSize, // the index has half a per cent more, which no step reads
    readSample(sample) {
      checkSample(dataset, sample);
      return readPackedSample(files, index, index.order[sample]!, seqLength + 1);
    },
    close: () => files.close(),
  };
  return dataset;
}

function readPackedSample(files: IndexedDataset, index: SampleIndex, sample: number, rowLength: number): Int32Array {
  const tokens = new Int32Array(rowLength);
  let position = index.starts[2 * sample]!;
  let offset = index.starts[2 * sample + 1]!;
  for (let at = 0; at < rowLength;) {
    const document = index.documents[position]!;
    const count = Math.min(rowLength - at, files.documentLength(document) - offset);
    files.readTokens(document, offset, count, tokens, at);
    at += count;
    position += 1;
    offset = 0;
  }
  return tokens;
}
