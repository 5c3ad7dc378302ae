// A dataset checked whole: every entry of the index, every shard, and token ids in sampled rows or in all. Opening checks only what it
// reads; this is for once, after a download.
import { DataError } from '../errors.ts';
import { openIndexedDataset, type IndexedDataset } from './indexed-dataset.ts';
import { checkDescription, openDataset, placeOf, type DatasetDescription } from './replay.ts';
import { findMissing, prepareTokenFiles, type DataAccess } from './token-files.ts';
import { itemBytes as itemBytesOf, type TokenType } from './token-type.ts';

export interface VerifyOptions {
  /** Ids must lie below; without it they need only be whole numbers. */
  readonly vocabSize?: number;
  /** Read every sample, not some thousand spread over the whole. */
  readonly isWhole?: boolean;
  readonly onProgress?: (done: number, total: number, words: string) => void;
}

export interface Verified {
  readonly type: TokenType;
  readonly numDocuments: number;
  readonly numTokens: number;
  readonly sizeBytes: number;
  readonly numSamples: number;
  readonly numSamplesRead: number;
  readonly highestToken: number;
}

/** Samples read when not all are: enough to meet a shard that is wrong, few enough to be fetched. */
const NUM_SAMPLED = 1024;
const SAMPLES_AT_ONCE = 64;

/**
 * Checks the complete index, that all shards are there with their sizes, and token ids; of documents also the index arrays, which are
 * built when they are not there yet. Throws DataError naming file and byte of the first fault, TransientError when a server stays out
 * of reach, InputError for an impossible description.
 */
export async function verifyDataset(
  description: DatasetDescription,
  access: DataAccess = {},
  options: VerifyOptions = {},
): Promise<Verified> {
  checkDescription(description);
  const { onProgress = () => undefined } = options;
  // As documents: then the whole index is fetched and checked, of rows, too.
  const place = { ...placeOf(description), isInRows: false };
  await prepareTokenFiles(place, access);
  const files = openIndexedDataset(description.prefix, access, place, (done, total) =>
    onProgress(done, total, 'entries of the index'),
  );
  files.close();
  const sizeBytes = files.numTokens * itemBytesOf(files.type);
  await checkPresent(description, sizeBytes, access);
  return {
    ...factsOf(files),
    sizeBytes,
    ...(await checkTokens(description, access, options, itemBytesOf(files.type))),
  };
}

function factsOf({ type, numDocuments, numTokens }: IndexedDataset) {
  return { type, numDocuments, numTokens };
}

async function checkPresent(description: DatasetDescription, sizeBytes: number, access: DataAccess): Promise<void> {
  const missing = await findMissing(placeOf(description), sizeBytes, access);
  if (missing.length === 0) return;
  const some = missing.slice(0, 3).join(', ') + (missing.length > 3 ? ', …' : '');
  throw new DataError(
    `${description.prefix}: expected all shards of ${sizeBytes} bytes, found ${missing.length} missing or of another size: ${some}; ` +
      'fetch them, or use only steps whose rows lie in the others',
  );
}

async function checkTokens(
  description: DatasetDescription,
  access: DataAccess,
  options: VerifyOptions,
  itemBytes: number,
) {
  const dataset = openDataset(description, access);
  try {
    const { numSamples } = dataset;
    const rowLength = description.seqLength + 1;
    let numSamplesRead = 0;
    let highestToken = 0;
    for (const [first, count] of stretches(numSamples, options.isWhole === true)) {
      const tokens = new Int32Array(count * rowLength);
      await dataset.fetchSamples(first, count);
      dataset.readSamples(first, count, tokens);
      for (let i = 0; i < tokens.length; i++) {
        const token = tokens[i]!; // i < length
        if (token > highestToken) highestToken = token;
        if (options.vocabSize === undefined || token < options.vocabSize) continue;
        const byte =
          description.layout === 'preshuffled' ? `byte ${(first * rowLength + i) * itemBytes} of the whole, ` : '';
        throw new DataError(
          `${description.prefix}.bin, ${byte}sample ${first + Math.floor(i / rowLength)}, token ${i % rowLength}: expected a token id ` +
            `below ${options.vocabSize}, found ${token}; the file is damaged, or of another tokenizer`,
        );
      }
      numSamplesRead += count;
      options.onProgress?.(first + count, numSamples, `samples, highest token ${highestToken}`);
    }
    return { numSamples, numSamplesRead, highestToken };
  } finally {
    dataset.close();
  }
}

/** All samples in stretches, or short stretches spread evenly from the first sample to the last. */
function* stretches(numSamples: number, isWhole: boolean): Generator<readonly [first: number, count: number]> {
  if (isWhole || numSamples <= NUM_SAMPLED) {
    for (let first = 0; first < numSamples; first += SAMPLES_AT_ONCE) {
      yield [first, Math.min(SAMPLES_AT_ONCE, numSamples - first)];
    }
    return;
  }
  const numStretches = NUM_SAMPLED / SAMPLES_AT_ONCE;
  for (let i = 0; i < numStretches; i++) {
    yield [Math.round((i * (numSamples - SAMPLES_AT_ONCE)) / (numStretches - 1)), SAMPLES_AT_ONCE];
  }
}
