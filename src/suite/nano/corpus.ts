// Builds the nano suite's corpus from a seed: stories → token ids → a documents dataset, and the same tokens in training
// order as a preshuffled one, made by the service's own replay. The files are not committed but built on demand into a
// cache; the SHA-256s of a committed seed are in suite/nano/nano-1m-seedN/data.json.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeIndexedDataset } from '../../data/indexed-dataset.ts';
import { openDataset, type DatasetDescription } from '../../data/replay.ts';
import { numSamplesRequested } from '../../data/sample-index.ts';
import { readTokenizer } from '../../data/tokenizer.ts';
import { DataError, InputError } from '../../errors.ts';
import { packagePath } from '../../package-root.ts';
import { trainTokenizer } from './bpe-trainer.ts';
import { nanoTraining } from './definition.ts';
import { tellStories } from './stories.ts';

const { seqLength, batchSize, trainSteps, dataSeed } = nanoTraining;

/** Rows of the preshuffled file: those of all steps, and half a per cent of head-room that no step reads. */
export const numShuffledRows = numSamplesRequested(trainSteps, batchSize);
/** The head-room, rows [from, to): never trained on, the slice on which perplexity is measured. */
export const heldOutRows = { from: trainSteps * batchSize, to: numShuffledRows } as const;

// Read as a training of one sample a step, the same documents give the head-room, too. This asks the sample index for half a
// per cent more again, so the corpus has that many samples: then one pass suffices either way, and the order is the same.
const numSamples = numSamplesRequested(numShuffledRows, 1);

const tokenizerVocabSize = 1024;
const tokenizerStories = 20_000;
const fileNames = ['stories.bin', 'stories.idx', 'preshuffled.bin', 'preshuffled.idx'] as const;

/** What a data.json records. */
export interface NanoDataHashes {
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly sizeBytes: number }>>;
}

export interface NanoData {
  readonly folder: string;
  /** The stories as documents, in the order told. */
  readonly documents: DatasetDescription;
  /** The same tokens as rows in training order; use this one to train. */
  readonly preshuffled: DatasetDescription;
  readonly hashes: NanoDataHashes;
}

/** Where the one tokenizer of the suite lies. */
export function nanoTokenizerPath(): string {
  return packagePath('suite', 'nano', 'tokenizer.json');
}

/** The content of the suite's tokenizer.json, trained anew: the committed file equals it. */
export function trainNanoTokenizer(): string {
  const texts: string[] = [];
  for (const { text } of tellStories(1)) {
    texts.push(text);
    if (texts.length === tokenizerStories) break;
  }
  return trainTokenizer(texts, tokenizerVocabSize);
}

/** Builds the corpus of a seed into an existing folder and returns sizes and SHA-256s of its four files. */
export function buildNanoData(seed: number, folder: string): NanoDataHashes {
  const { documents, preshuffled } = describe(folder);
  writeIndexedDataset(documents.prefix, encodeStories(seed), 'uint16');
  writeIndexedDataset(preshuffled.prefix, readShuffledRows(documents), 'uint16');
  return hashFiles(folder);
}

/**
 * The corpus of a seed under `cacheFolder`, built when it is not there (some seconds). Throws DataError when files differ from
 * their recorded SHA-256s – the committed ones when this seed has them – and InputError for an impossible seed.
 */
export function ensureNanoData(seed: number, cacheFolder: string): Promise<NanoData> {
  // A promise, so that a caller need not change when the building moves off the main thread.
  return Promise.resolve().then(() => {
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
      throw new InputError(`seed of the nano corpus: expected a whole number from 0 to 4294967295, found ${String(seed)}`);
    }
    const folder = nanoDataFolder(seed, cacheFolder);
    if (!existsSync(join(folder, 'data.json'))) buildIntoPlace(seed, cacheFolder, folder);
    const hashes = readHashes(join(folder, 'data.json'));
    const committed = committedHashes(seed);
    checkFiles(folder, committed ?? hashes);
    return { folder, ...describe(folder), hashes: committed ?? hashes };
  });
}

/** What the corpus of a seed under `cacheFolder` is once it is built, whether it is there or not. */
export function nanoDataIn(seed: number, cacheFolder: string): Pick<NanoData, 'documents' | 'preshuffled'> {
  return describe(nanoDataFolder(seed, cacheFolder));
}

function nanoDataFolder(seed: number, cacheFolder: string): string {
  return join(cacheFolder, `nano-data-seed${String(seed)}`);
}

function describe(folder: string): Pick<NanoData, 'documents' | 'preshuffled'> {
  return {
    documents: {
      prefix: join(folder, 'stories'),
      layout: 'documents',
      seqLength,
      batchSize,
      trainSteps,
      seed: dataSeed,
    },
    preshuffled: { prefix: join(folder, 'preshuffled'), layout: 'preshuffled', seqLength, batchSize, trainSteps },
  };
}

// Each story's ids and the end-of-text id 0, until the tokens make the samples that are needed (neighbours share one token).
function* encodeStories(seed: number): Generator<number[]> {
  const tokenizer = readTokenizer(nanoTokenizerPath());
  let numTokens = 0;
  for (const { text } of tellStories(seed)) {
    const ids = [...tokenizer.encode(text), 0];
    yield ids;
    numTokens += ids.length;
    if (numTokens >= numSamples * seqLength + 1) return;
  }
}

function* readShuffledRows(documents: DatasetDescription): Generator<Int32Array> {
  const dataset = openDataset({ ...documents, batchSize: 1, trainSteps: numShuffledRows });
  try {
    for (let row = 0; row < numShuffledRows; row++) yield dataset.readSample(row);
  } finally {
    dataset.close();
  }
}

function buildIntoPlace(seed: number, cacheFolder: string, folder: string): void {
  mkdirSync(cacheFolder, { recursive: true });
  const temporary = mkdtempSync(`${folder}.building-`);
  try {
    const hashes = buildNanoData(seed, temporary);
    writeFileSync(join(temporary, 'data.json'), formatHashes(hashes));
    renameSync(temporary, folder);
  } catch (error) {
    // Another process may have put the same files there first; then its folder is as good.
    if (!existsSync(join(folder, 'data.json'))) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** A data.json's text. */
export function formatHashes(hashes: NanoDataHashes): string {
  return `${JSON.stringify(hashes, null, 2)}\n`;
}

/** The committed hashes of a seed's corpus, or undefined for a seed that the repository does not carry. */
export function committedHashes(seed: number): NanoDataHashes | undefined {
  const path = packagePath('suite', 'nano', `nano-1m-seed${String(seed)}`, 'data.json');
  return existsSync(path) ? readHashes(path) : undefined;
}

function readHashes(path: string): NanoDataHashes {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const files = (content as NanoDataHashes | null)?.files;
    for (const name of fileNames) {
      if (typeof files?.[name]?.sha256 !== 'string') throw new Error(`no SHA-256 for ${name}`);
    }
    return content as NanoDataHashes; // every field that is read was just checked
  } catch (cause) {
    throw new DataError(`${path}: expected the SHA-256s of a nano corpus; delete its folder and build it again`, { cause });
  }
}

function hashFiles(folder: string): NanoDataHashes {
  const files = fileNames.map((name) => {
    const bytes = readFileSync(join(folder, name));
    return [name, { sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length }] as const;
  });
  return { files: Object.fromEntries(files) };
}

function checkFiles(folder: string, expected: NanoDataHashes): void {
  const found = hashFiles(folder);
  for (const name of fileNames) {
    const [want, have] = [expected.files[name]?.sha256, found.files[name]?.sha256];
    if (want !== have) {
      throw new DataError(
        `${join(folder, name)}: expected SHA-256 ${String(want)}, found ${String(have)}; delete ${folder} and build it again`,
      );
    }
  }
}
