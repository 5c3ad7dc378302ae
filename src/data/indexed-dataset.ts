// Tokens of many documents in PREFIX.bin and their lengths in PREFIX.idx: the MMIDIDX format of Megatron-LM and GPT-NeoX
// (megatron/data/indexed_dataset.py), version 1, read and written. First stop of the road: bytes → documents.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { DataError, InputError } from '../errors.ts';
import type { ByteFile, ByteRange } from './byte-file.ts';
import { openTokenFiles, type DataAccess, type TokenPlace } from './token-files.ts';
import {
  checkOuterBoundaries,
  checkRows,
  checkTokenIndex,
  lengthOf,
  MOST_DOCUMENTS,
  readTokenIndex,
  tokenIndexBytes,
  type TokenIndex,
} from './token-index.ts';
import { decodeTokens, encodeTokens, itemBytes, type TokenType } from './token-type.ts';

/** Token ids that are decoded at once: their bytes stay in the processor's cache. */
const ROWS_BYTES = 2 ** 18;

/** An open pair of .idx and .bin. */
export class IndexedDataset {
  readonly prefix: string;
  readonly type: TokenType;
  readonly numDocuments: number;
  readonly numTokens: number;
  readonly index: TokenIndex;
  readonly #idx: ByteFile;
  readonly #bin: ByteFile;
  readonly #itemBytes: number;
  #buffer = Buffer.alloc(0);

  constructor(prefix: string, index: TokenIndex, numTokens: number, idx: ByteFile, bin: ByteFile) {
    this.prefix = prefix;
    this.type = index.type;
    this.numDocuments = index.numDocuments;
    this.numTokens = numTokens;
    this.index = index;
    this.#idx = idx;
    this.#bin = bin;
    this.#itemBytes = itemBytes(index.type);
  }

  /** Tokens of a document; throws InputError for a number that is none, DataError for a damaged index. */
  documentLength(document: number): number {
    if (!Number.isInteger(document) || document < 0 || document >= this.numDocuments) {
      throw new InputError(`${this.prefix}: expected a document from 0 to ${this.numDocuments - 1}, found ${document}`);
    }
    return lengthOf(this.index, document);
  }

  /** Where tokens [from, from + count) of a document lie in the .bin. Throws DataError when the index has changed meanwhile. */
  bytesOf(document: number, from: number, count: number): ByteRange {
    const length = this.documentLength(document);
    if (from < 0 || count < 0 || from + count > length) {
      throw new RangeError(`bug: tokens ${from} to ${from + count} of document ${document}, which holds ${length}`);
    }
    const pointer = this.index.pointers.int64(document);
    if (!(pointer >= 0 && pointer + length * this.#itemBytes <= this.#bin.sizeBytes)) {
      throw new DataError(
        `${this.index.path}, byte ${this.index.pointers.placeOf(document)}: expected a document within the .bin's ${this.#bin.sizeBytes} bytes, ` +
          `found byte ${pointer}; the index was changed after it was opened`,
      );
    }
    return { offset: pointer + from * this.#itemBytes, sizeBytes: count * this.#itemBytes };
  }

  /** Writes `count` tokens of a document, from its token `from` on, to `into[at …]`. Throws DataError for damaged bytes. */
  readTokens(document: number, from: number, count: number, into: Int32Array, at: number): void {
    const { offset } = this.bytesOf(document, from, count);
    if (at + count > into.length) throw new RangeError(`bug: ${count} tokens at ${at} of ${into.length}`);
    this.#decode(offset, count, into, at);
  }

  /** All tokens of a document. */
  readDocument(document: number): Int32Array {
    const tokens = new Int32Array(this.documentLength(document));
    this.readTokens(document, 0, tokens.length, tokens, 0);
    return tokens;
  }

  /** Writes documents [first, first + count), each a row of `rowLength` tokens, to `into`: [count, rowLength]. Throws DataError. */
  readRows(first: number, count: number, rowLength: number, into: Int32Array): void {
    checkRows(this.index, first, count, rowLength);
    const perRead = Math.max(1, Math.floor(ROWS_BYTES / this.#itemBytes));
    const from = first * rowLength;
    for (let at = 0; at < count * rowLength; at += perRead) {
      this.#decode((from + at) * this.#itemBytes, Math.min(perRead, count * rowLength - at), into, at);
    }
  }

  /** Brings the entries and tokens of rows [first, first + count) here. */
  async fetchRows(first: number, count: number, rowLength: number): Promise<void> {
    const rowBytes = rowLength * this.#itemBytes;
    const { lengths, pointers } = this.index;
    await Promise.all([
      this.#idx.fetch(
        [lengths, pointers].map((table) => ({ offset: table.placeOf(first), sizeBytes: count * table.width })),
      ),
      this.#bin.fetch([{ offset: first * rowBytes, sizeBytes: count * rowBytes }]),
    ]);
  }

  /** Brings bytes of the .bin here. */
  fetchBytes(ranges: readonly ByteRange[]): Promise<void> {
    return this.#bin.fetch(ranges);
  }

  close(): void {
    this.#idx.close();
    this.#bin.close();
  }

  #decode(offset: number, count: number, into: Int32Array, at: number): void {
    const sizeBytes = count * this.#itemBytes;
    if (this.#buffer.length < sizeBytes) this.#buffer = Buffer.allocUnsafeSlow(sizeBytes);
    const bytes = this.#buffer.subarray(0, sizeBytes);
    this.#bin.read(bytes, offset);
    decodeTokens(this.type, bytes, count, into, at, (byte) => this.#bin.where(offset + byte));
  }
}

/**
 * Opens PREFIX.idx and PREFIX.bin (or its shards) and checks the whole index against itself and against the size of the .bin.
 * The caller closes it. Throws DataError naming file, offset, what was expected and what was found.
 */
export function openIndexedDataset(
  prefix: string,
  access: DataAccess = {},
  place: Omit<TokenPlace, 'prefix'> = { isInRows: false },
  onProgress: (numChecked: number, numEntries: number) => void = () => undefined,
): IndexedDataset {
  return openTokens({ ...place, prefix }, access, (index) =>
    checkTokenIndex(index, (done) => onProgress(done, index.numDocuments + index.boundaries.count)),
  );
}

/**
 * The same for documents that are rows of one length, that of document 0, without reading the whole index: its header, the sizes of both files
 * and the first and last row are checked here, the entries of a row when it is read. Throws DataError.
 */
export function openRows(place: TokenPlace, access: DataAccess): { files: IndexedDataset; rowLength: number } {
  let rowLength = 0;
  const files = openTokens(place, access, (index) => {
    rowLength = lengthOf(index, 0);
    checkRows(index, 0, 1, rowLength);
    checkRows(index, index.numDocuments - 1, 1, rowLength);
    checkOuterBoundaries(index);
    return index.numDocuments * rowLength;
  });
  return { files, rowLength };
}

/**
 * Opens both files and checks their sizes against each other; `countTokens` checks as much of the index as is wanted and returns the tokens of
 * all documents. The caller closes it. Throws DataError.
 */
export function openTokens(
  place: TokenPlace,
  access: DataAccess,
  countTokens: (index: TokenIndex) => number,
): IndexedDataset {
  const { idx, binBytes, openBin } = openTokenFiles(place, access);
  let bin: ByteFile | undefined;
  try {
    const index = readTokenIndex(idx, binBytes);
    const numTokens = countTokens(index);
    const expectedBytes = numTokens * itemBytes(index.type);
    bin = openBin(expectedBytes);
    if (bin.sizeBytes !== expectedBytes) {
      throw new DataError(
        `${bin.path}, byte ${Math.min(bin.sizeBytes, expectedBytes)}: expected ${expectedBytes} bytes (${numTokens} tokens of ${index.type} ` +
          `in ${index.numDocuments} documents by ${index.path}), found ${bin.sizeBytes}; ` +
          `the file is ${bin.sizeBytes < expectedBytes ? 'cut short' : 'of another index'}: fetch or build both anew`,
      );
    }
    return new IndexedDataset(place.prefix, index, numTokens, idx, bin);
  } catch (error) {
    idx.close();
    bin?.close();
    throw error;
  }
}

/**
 * Writes documents of token ids; both files appear under their names only when complete, the .idx last.
 * Throws InputError for an id that the type cannot hold.
 */
export function writeIndexedDataset(prefix: string, documents: Iterable<ArrayLike<number>>, type: TokenType): void {
  const writer = createIndexedDataset(prefix, type);
  try {
    for (const tokens of documents) writer.add(tokens);
    writer.finish();
  } finally {
    writer.close();
  }
}

export interface IndexedDatasetWriter {
  /** Appends a document. Throws InputError for an id that the type cannot hold. */
  add(tokens: ArrayLike<number>): void;
  /** Puts both files in place, the .idx last. */
  finish(): void;
  /** Removes what is not finished; the caller closes in any case. */
  close(): void;
}

/** Begins a .bin and its .idx, for documents that come one after the other. */
export function createIndexedDataset(prefix: string, type: TokenType): IndexedDatasetWriter {
  const temporary = { bin: `${prefix}.bin.${process.pid}.tmp`, idx: `${prefix}.idx.${process.pid}.tmp` };
  const lengths: number[] = [];
  let bin: number | undefined = openSync(temporary.bin, 'w');
  const closeBin = () => {
    if (bin !== undefined) closeSync(bin);
    bin = undefined;
  };
  return {
    add(tokens) {
      if (bin === undefined) throw new Error(`bug: ${prefix} is finished`);
      if (lengths.length === MOST_DOCUMENTS) throw new InputError(`${prefix}: more than ${MOST_DOCUMENTS} documents`);
      const bytes = encodeTokens(type, tokens);
      lengths.push(tokens.length);
      writeAll(bin, bytes);
    },
    finish() {
      if (bin === undefined) throw new Error(`bug: ${prefix} is finished`);
      fsyncSync(bin);
      closeBin();
      const idx = openSync(temporary.idx, 'w');
      try {
        writeAll(idx, tokenIndexBytes(lengths, type));
        fsyncSync(idx);
      } finally {
        closeSync(idx);
      }
      renameSync(temporary.bin, `${prefix}.bin`);
      renameSync(temporary.idx, `${prefix}.idx`);
    },
    close() {
      closeBin();
      rmSync(temporary.bin, { force: true });
      rmSync(temporary.idx, { force: true });
    },
  };
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
}
