// The index arrays of packed documents as files, under the names that GPT-NeoX v1.0 gives its own (megatron/data/gpt2_dataset.py): found
// beside the data or in a cache folder and verified whole before use, or built; then read at their places. Between dataset and replay.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { DataError, InputError, messageOf } from '../errors.ts';
import { openLocalFile, type ByteFile } from './byte-file.ts';
import type { NumberTable } from './number-table.ts';
import { readNpy, writeNpy, type NpyType } from './npy.ts';
import { isUrl } from './remote-file.ts';
import {
  buildSampleIndex,
  sizeSampleIndex,
  type Corpus,
  type SampleIndexSize,
  type SampleOrder,
} from './sample-index.ts';
import { isSealed, type Seal } from './seal.ts';

/** `train_0` is GPT-NeoX's name for the first of `train-data-paths`, with which all of Pythia was trained. */
const DATASET_NAME = 'train_0';

const COMPARED_AT_ONCE = 2 ** 18; // 1 MiB

export interface IndexMaps extends SampleIndexSize {
  /** Packed sample that is read as the i-th training sample. Throws DataError when the file has changed. */
  sampleAt(i: number): number;
  /** Position and token where a packed sample begins; 0 to numSamples inclusive. */
  startOf(sample: number): readonly [position: number, offset: number];
  /** Document at a position. */
  documentAt(position: number): number;
  /** The three files. */
  readonly files: readonly ByteFile[];
  close(): void;
}

/** The paths of the three files. */
export interface MapFiles {
  readonly documents: string;
  readonly starts: string;
  readonly order: string;
}

/**
 * Opens the arrays of a corpus: those in `cacheFolder`, those of GPT-NeoX beside the data, or new ones, which stay in the cache folder if
 * one is given. Found ones are verified whole unless `seal` has them. The caller closes them. Throws DataError naming the file of found
 * arrays that are not the right ones; nothing is replaced silently.
 */
export function openIndexMaps(corpus: Corpus, order: SampleOrder, cacheFolder?: string, seal?: Seal): IndexMaps {
  const folders = [
    ...(cacheFolder === undefined ? [] : [cacheFolder]),
    ...(isUrl(corpus.prefix) ? [] : [dirname(corpus.prefix)]),
  ];
  for (const folder of folders) {
    const files = nameFiles(folder, corpus.prefix, order);
    // One or two alone are a building that is under way or was broken off.
    if (Object.values(files).some((path: string) => !existsSync(path))) continue;
    const maps = openFiles(files, sizeSampleIndex(corpus, order), corpus.numDocuments);
    try {
      if (!maps.files.every((file) => isSealed(seal, file))) verifyMaps(maps, corpus, order);
      return maps;
    } catch (error) {
      maps.close();
      throw error;
    }
  }
  if (cacheFolder !== undefined) return buildInto(cacheFolder, corpus, order, true);
  const temporary = mkdtempSync(join(tmpdir(), 'tiresias-index-'));
  try {
    return buildInto(temporary, corpus, order, false);
  } finally {
    rmSync(temporary, { recursive: true, force: true }); // what is open stays readable until it is closed
  }
}

/** Where the seal of a corpus and its arrays is kept. */
export function sealPath(cacheFolder: string, prefix: string, order: SampleOrder): string {
  return `${nameStem(cacheFolder, prefix, order)}_checked.json`;
}

function nameStem(folder: string, prefix: string, { numSamples, seqLength, seed }: SampleOrder): string {
  const name = basename(isUrl(prefix) ? new URL(prefix).pathname : prefix);
  return join(folder, `${name}_${DATASET_NAME}_indexmap_${numSamples}ns_${seqLength}sl_${seed}s`);
}

/** The paths that GPT-NeoX gives the arrays of a prefix in a folder. */
export function nameFiles(folder: string, prefix: string, order: SampleOrder): MapFiles {
  const stem = nameStem(folder, prefix, order);
  return { documents: `${stem}_doc_idx.npy`, starts: `${stem}_sample_idx.npy`, order: `${stem}_shuffle_idx.npy` };
}

function buildInto(folder: string, corpus: Corpus, order: SampleOrder, isLasting: boolean): IndexMaps {
  const files = nameFiles(folder, corpus.prefix, order);
  const { numPositions, numSamples } = sizeSampleIndex(corpus, order);
  makeCacheFolder(files.documents);
  const size = buildSampleIndex(corpus, order, {
    documents: (values) => writeNpy(files.documents, '<i4', [numPositions], [values], isLasting),
    starts: (pieces) => writeNpy(files.starts, '<i4', [numSamples + 1, 2], pieces, isLasting),
    order: (values) => writeNpy(files.order, '<u4', [numSamples], [values], isLasting),
  });
  return openFiles(files, size, corpus.numDocuments);
}

/** Makes the folder of a file of the cache. Throws InputError when it cannot be. */
export function makeCacheFolder(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    const words = `${dirname(path)}: expected a folder that can be written, for index arrays: ${messageOf(error)}`;
    throw new InputError(words, { cause: error });
  }
}

class Maps implements IndexMaps {
  readonly numEpochs: number;
  readonly numPositions: number;
  readonly numSamples: number;
  readonly documents: NumberTable;
  readonly starts: NumberTable;
  readonly order: NumberTable;
  readonly #numDocuments: number;

  constructor(size: SampleIndexSize, numDocuments: number, tables: readonly [NumberTable, NumberTable, NumberTable]) {
    this.numEpochs = size.numEpochs;
    this.numPositions = size.numPositions;
    this.numSamples = size.numSamples;
    [this.documents, this.starts, this.order] = tables;
    this.#numDocuments = numDocuments;
  }

  sampleAt(i: number): number {
    const sample = this.order.uint32(i);
    if (sample < this.numSamples) return sample;
    throw badEntry(this.order, i, `a sample from 0 to ${this.numSamples - 1}`, sample);
  }

  startOf(sample: number): readonly [number, number] {
    const position = this.starts.int32(2 * sample);
    const offset = this.starts.int32(2 * sample + 1);
    if (position < 0 || position >= this.numPositions) {
      throw badEntry(this.starts, 2 * sample, `a position from 0 to ${this.numPositions - 1}`, position);
    }
    if (offset < 0) throw badEntry(this.starts, 2 * sample + 1, 'a token of a document', offset);
    return [position, offset];
  }

  documentAt(position: number): number {
    const document = this.documents.int32(position);
    if (document >= 0 && document < this.#numDocuments) return document;
    throw badEntry(this.documents, position, `a document from 0 to ${this.#numDocuments - 1}`, document);
  }

  get files(): readonly ByteFile[] {
    return [this.documents, this.starts, this.order].map(({ file }) => file);
  }

  close(): void {
    for (const file of this.files) file.close();
  }
}

function openFiles(files: MapFiles, size: SampleIndexSize, numDocuments: number): Maps {
  const tables: NumberTable[] = [];
  const add = (path: string, type: NpyType, shape: readonly number[]): NumberTable => {
    const file = openLocalFile(path);
    try {
      const table = readNpy(file, type, shape);
      tables.push(table);
      return table;
    } catch (error) {
      file.close();
      throw error;
    }
  };
  try {
    const documents = add(files.documents, '<i4', [size.numPositions]);
    const starts = add(files.starts, '<i4', [size.numSamples + 1, 2]);
    return new Maps(size, numDocuments, [documents, starts, add(files.order, '<u4', [size.numSamples])]);
  } catch (error) {
    for (const { file } of tables) file.close();
    throw error;
  }
}

/** Checks found arrays whole: they must be the ones that would be built. Takes the time and the memory of building them. */
function verifyMaps(maps: Maps, corpus: Corpus, order: SampleOrder): void {
  buildSampleIndex(corpus, order, {
    documents: (values) =>
      compare(maps.documents, 0, values, (value, entry) => `document ${value} at position ${entry}`),
    starts(pieces) {
      const words = (value: number, entry: number) =>
        `sample ${Math.floor(entry / 2)} to begin at ${entry % 2 === 0 ? 'position' : 'token'} ${value}`;
      let entry = 0;
      for (const piece of pieces) {
        compare(maps.starts, entry, piece, words);
        entry += piece.length;
      }
    },
    order: (values) =>
      compare(maps.order, 0, values, (value, entry) => `sample ${value} to be read as number ${entry}`),
  });
}

/** Compares the entries of a table from `first` on with what they should be, which is never negative. */
function compare(
  table: NumberTable,
  first: number,
  values: Int32Array | Uint32Array,
  words: (value: number, entry: number) => string,
): void {
  const wanted = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  for (let from = 0; from < values.length; from += COMPARED_AT_ONCE) {
    const count = Math.min(COMPARED_AT_ONCE, values.length - from);
    const found = table.read(first + from, count);
    if (found.equals(wanted.subarray(4 * from, 4 * (from + count)))) continue;
    for (let i = 0; i < count; i++) {
      const [value, other] = [values[from + i]!, found.readInt32LE(4 * i)]; // both have `count` entries from here
      if ((value | 0) !== other) throw badEntry(table, first + from + i, words(value, first + from + i), other);
    }
  }
}

function badEntry(table: NumberTable, entry: number, expected: string, found: number): DataError {
  return new DataError(
    `${table.file.path}, byte ${table.placeOf(entry)}: expected ${expected}, found ${found}; the index array is damaged or of other documents: ` +
      'delete the three files of that name, they are built anew',
  );
}
