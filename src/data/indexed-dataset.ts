// Tokens of many documents in PREFIX.bin and their lengths in PREFIX.idx: the MMIDIDX format of Megatron-LM and GPT-NeoX
// (megatron/data/indexed_dataset.py), version 1, read and written. First stop of the road: bytes → documents.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { DataError, InputError } from '../errors.ts';
import { ByteFile } from './byte-file.ts';
import { MOST_DOCUMENTS, readTokenIndex, tokenIndexBytes, type TokenIndex } from './token-index.ts';
import { decodeTokens, encodeTokens, itemBytes, type TokenType } from './token-type.ts';

/** An open pair of .idx and .bin. */
export class IndexedDataset {
  readonly prefix: string;
  readonly type: TokenType;
  readonly numDocuments: number;
  readonly numTokens: number;
  /** The length of every document in tokens, when all have the same. */
  readonly uniformLength: number | undefined;
  readonly #index: TokenIndex;
  readonly #bin: ByteFile;
  readonly #itemBytes: number;
  #buffer = Buffer.alloc(0);

  constructor(prefix: string, index: TokenIndex, bin: ByteFile) {
    this.prefix = prefix;
    this.type = index.type;
    this.numDocuments = index.numDocuments;
    this.numTokens = index.numTokens;
    this.uniformLength = index.uniformLength;
    this.#index = index;
    this.#bin = bin;
    this.#itemBytes = itemBytes(index.type);
  }

  /** Tokens of a document; throws InputError for a number that is none. */
  documentLength(document: number): number {
    if (!Number.isInteger(document) || document < 0 || document >= this.numDocuments) {
      throw new InputError(`${this.prefix}: expected a document from 0 to ${this.numDocuments - 1}, found ${document}`);
    }
    return this.#index.length(document);
  }

  /** Writes `count` tokens of a document, from its token `from` on, to `into[at …]`. Throws DataError for damaged bytes. */
  readTokens(document: number, from: number, count: number, into: Int32Array, at: number): void {
    const length = this.documentLength(document);
    if (from < 0 || count < 0 || from + count > length || at + count > into.length) {
      throw new RangeError(`bug: tokens ${from} to ${from + count} of document ${document}, which holds ${length}`);
    }
    const sizeBytes = count * this.#itemBytes;
    const offset = (this.#index.tokensBefore(document) + from) * this.#itemBytes;
    if (this.#buffer.length < sizeBytes) this.#buffer = Buffer.allocUnsafeSlow(sizeBytes);
    const bytes = this.#buffer.subarray(0, sizeBytes);
    this.#bin.read(bytes, offset);
    decodeTokens(this.type, bytes, count, into, at, (byte) => this.#bin.where(offset + byte));
  }

  /** All tokens of a document. */
  readDocument(document: number): Int32Array {
    const tokens = new Int32Array(this.documentLength(document));
    this.readTokens(document, 0, tokens.length, tokens, 0);
    return tokens;
  }

  close(): void {
    this.#bin.close();
  }
}

/**
 * Opens PREFIX.idx and PREFIX.bin (or its shards) and checks the whole index against itself and against the size of the .bin.
 * The caller closes it. Throws DataError naming file, offset, what was expected and what was found.
 */
export function openIndexedDataset(prefix: string): IndexedDataset {
  const path = `${prefix}.idx`;
  const index = readTokenIndex(path);
  const expectedBytes = index.numTokens * itemBytes(index.type);
  const bin = ByteFile.open(prefix, expectedBytes);
  const foundBytes = bin.sizeBytes;
  if (foundBytes !== expectedBytes) {
    bin.close();
    throw new DataError(
      `${bin.path}: expected ${expectedBytes} bytes (${index.numTokens} tokens of ${index.type} in ${index.numDocuments} documents by ${path}), ` +
        `found ${foundBytes}; the file is ${foundBytes < expectedBytes ? 'cut short' : 'of another index'}: fetch or build both anew`,
    );
  }
  return new IndexedDataset(prefix, index, bin);
}

/**
 * Writes documents of token ids; both files appear under their names only when complete, the .idx last.
 * Throws InputError for an id that the type cannot hold.
 */
export function writeIndexedDataset(prefix: string, documents: Iterable<ArrayLike<number>>, type: TokenType): void {
  const temporary = { bin: `${prefix}.bin.${process.pid}.tmp`, idx: `${prefix}.idx.${process.pid}.tmp` };
  try {
    const lengths: number[] = [];
    writeFile(temporary.bin, function* () {
      for (const tokens of documents) {
        if (lengths.length === MOST_DOCUMENTS) throw new InputError(`${prefix}: more than ${MOST_DOCUMENTS} documents`);
        lengths.push(tokens.length);
        yield encodeTokens(type, tokens);
      }
    });
    writeFile(temporary.idx, function* () {
      yield tokenIndexBytes(lengths, type);
    });
    renameSync(temporary.bin, `${prefix}.bin`);
    renameSync(temporary.idx, `${prefix}.idx`);
  } finally {
    rmSync(temporary.bin, { force: true });
    rmSync(temporary.idx, { force: true });
  }
}

function writeFile(path: string, chunks: () => Iterable<Buffer>): void {
  const descriptor = openSync(path, 'w');
  try {
    for (const chunk of chunks()) {
      for (let done = 0; done < chunk.length;) done += writeSync(descriptor, chunk, done);
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
