// The batch that a step of the original training read. Second stop of the road: documents → samples → batch.
// Step s reads the samples s·batchSize up to, not including, (s+1)·batchSize, each of seqLength + 1 tokens: in the order of the rows of a
// preshuffled file, or in the order that GPT-NeoX v1.0 makes of documents (sample-index.ts).
import { createHash } from 'node:crypto';
import { InputError } from '../errors.ts';
import { openRows } from './indexed-dataset.ts';
import { openPackedSamples } from './packed-samples.ts';
import { numSamplesRequested } from './sample-index.ts';
import type { TokenType } from './token-type.ts';
import { prepareTokenFiles, type DataAccess, type TokenPlace } from './token-files.ts';

export const LAYOUTS = ['preshuffled', 'documents'] as const;
export type Layout = (typeof LAYOUTS)[number];

const MOST_SEQUENCE_LENGTH = 2 ** 20;
const MOST_BATCH_SIZE = 2 ** 20;
const MOST_TRAIN_STEPS = 10_000_000;

export interface DatasetDescription {
  /** Path or http(s) URL of the .bin and .idx without their endings. */
  readonly prefix: string;
  /** For a URL whose .bin lies in shards: the number at the end of their names, 20 for NAME-00000-of-00020.bin. */
  readonly shards?: number;
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
  /** In which its files store token ids. */
  readonly tokenType: TokenType;
  /** Samples that the original training could read. */
  readonly numSamples: number;
  /** Tokens of a sample, [T + 1]; throws InputError for a sample that is not there, DataError for damaged bytes. */
  readSample(sample: number): Int32Array;
  /** Writes samples [first, first + count) to `into`, [count, T + 1]; throws as readSample does. */
  readSamples(first: number, count: number, into: Int32Array): void;
  /**
   * Brings here what reading these samples needs when the files lie behind a URL; what is local is there at once. Throws as readSample does,
   * and TransientError when the server stays out of reach.
   */
  fetchSamples(first: number, count: number): Promise<void>;
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

/**
 * Fetches what `openDataset` reads of files behind a URL, into the cache folder; nothing to do for local files. Throws DataError, InputError,
 * NotFoundError and TransientError.
 */
export async function prepareDataset(description: DatasetDescription, access: DataAccess = {}): Promise<void> {
  checkDescription(description);
  await prepareTokenFiles(placeOf(description), access);
}

/**
 * Opens a dataset for replay; the caller closes it. A URL must have been prepared. Throws InputError for an impossible description, DataError
 * for bad files.
 */
export function openDataset(description: DatasetDescription, access: DataAccess = {}): Dataset {
  checkDescription(description);
  return description.layout === 'preshuffled' ? preshuffled(description, access) : packed(description, access);
}

/**
 * The batch of a step, or its first `numRows` rows. Throws InputError when the step lies beyond the dataset.
 */
export function replayBatch(dataset: Dataset, step: number, numRows?: number): Batch {
  const place = placeOfStep(dataset, step, numRows);
  const rowLength = dataset.description.seqLength + 1;
  const tokens = new Int32Array(place.numRows * rowLength);
  dataset.readSamples(place.firstSample, place.numRows, tokens);
  return { step, ...place, rowLength, tokens };
}

/** The samples that a step reads, or the first `numRows` of them. Throws InputError when the step lies beyond the dataset. */
export function placeOfStep(
  { description: { prefix, batchSize }, numSamples }: Dataset,
  step: number,
  numRows: number = batchSize,
): { readonly firstSample: number; readonly numRows: number } {
  const numSteps = Math.floor(numSamples / batchSize);
  if (!Number.isInteger(step) || step < 0 || step >= numSteps) {
    const steps = numSteps === 0 ? 'none' : `0 to ${numSteps - 1}`;
    throw new InputError(
      `step: expected one of ${steps} (${prefix} has ${numSamples} samples, ${batchSize} a step), found ${step}`,
    );
  }
  if (!Number.isInteger(numRows) || numRows < 1 || numRows > batchSize) {
    throw new InputError(`rows of a step: expected 1 to ${batchSize} (the batch size), found ${numRows}`);
  }
  return { firstSample: step * batchSize, numRows };
}

/** SHA-256 of a batch's token ids as little-endian int32, row-major: 64 hex digits. */
export function batchSha256({ tokens }: Pick<Batch, 'tokens'>): string {
  // Node runs on little-endian machines only, so the array's own bytes are those to hash.
  return createHash('sha256')
    .update(Buffer.from(tokens.buffer, tokens.byteOffset, tokens.byteLength))
    .digest('hex');
}

/** Throws InputError for a description that no files could have. */
export function checkDescription({ layout, seqLength, batchSize, trainSteps, seed }: DatasetDescription): void {
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

function checkSamples({ description, numSamples }: Dataset, first: number, count: number): void {
  if (Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count >= 0 && first + count <= numSamples)
    return;
  const found = count === 1 ? first : `${first} to ${first + count - 1}`;
  throw new InputError(`${description.prefix}: expected a sample from 0 to ${numSamples - 1}, found ${found}`);
}

/** Where a dataset's token files are found. */
export function placeOf({ prefix, layout, shards }: DatasetDescription): TokenPlace {
  return { prefix, isInRows: layout === 'preshuffled', ...(shards !== undefined && { shards }) };
}

// Each document is one row, stored in training order.
function preshuffled(description: DatasetDescription, access: DataAccess): Dataset {
  const { files, rowLength: found } = openRows(placeOf(description), access);
  const rowLength = description.seqLength + 1;
  if (found !== rowLength) {
    files.close();
    throw new InputError(
      `${files.prefix}.idx: expected rows of ${rowLength} tokens (sequence length ${description.seqLength} and one more), ` +
        `found ${found} in row 0; the sequence length may be ${found - 1}`,
    );
  }
  const dataset: Dataset = {
    description,
    tokenType: files.type,
    numSamples: files.numDocuments,
    readSample: (sample) => readOne(dataset, sample),
    readSamples(first, count, into) {
      checkSamples(dataset, first, count);
      files.readRows(first, count, rowLength, into);
    },
    async fetchSamples(first, count) {
      checkSamples(dataset, first, count);
      if (count > 0) await files.fetchRows(first, count, rowLength);
    },
    close: () => files.close(),
  };
  return dataset;
}

function packed(description: DatasetDescription, access: DataAccess): Dataset {
  const { seqLength, batchSize, trainSteps = 0, seed = 0 } = description; // both are there: checkDescription
  const order = { seqLength, numSamples: numSamplesRequested(trainSteps, batchSize), seed };
  const samples = openPackedSamples(placeOf(description), order, access);
  const dataset: Dataset = {
    description,
    tokenType: samples.tokenType,
    numSamples: trainSteps * batchSize, // the index has half a per cent more, which no step reads
    readSample: (sample) => readOne(dataset, sample),
    readSamples(first, count, into) {
      checkSamples(dataset, first, count);
      for (let i = 0; i < count; i++) samples.read(first + i, into, i * (seqLength + 1));
    },
    async fetchSamples(first, count) {
      checkSamples(dataset, first, count);
      await samples.fetch(first, count);
    },
    close: () => samples.close(),
  };
  return dataset;
}

function readOne(dataset: Dataset, sample: number): Int32Array {
  const tokens = new Int32Array(dataset.description.seqLength + 1);
  dataset.readSamples(sample, 1, tokens);
  return tokens;
}
