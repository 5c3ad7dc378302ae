// The .idx of a token file: header, lengths, pointers and boundaries of the documents, every entry checked. MMIDIDX format of
// Megatron-LM and GPT-NeoX (megatron/data/indexed_dataset.py), version 1. Dataset end of the road.
// The format allows any pointers; here, as everything known writes them, documents must follow each other without a gap.
import { closeSync, fstatSync } from 'node:fs';
import { DataError } from '../errors.ts';
import { openForReading, readFully } from './byte-file.ts';
import { itemBytes, tokenTypeCode, tokenTypeOfCode, type TokenType } from './token-type.ts';

const INDEX_MAGIC = Buffer.from('MMIDIDX\0\0', 'latin1');
const INDEX_HEADER_BYTES = 34;

/** More documents than any corpus has; the Pile has 211 million, its preshuffled form 147 million rows. */
export const MOST_DOCUMENTS = 2 ** 31 - 1;

const CHUNK_ENTRIES = 2 ** 17; // 1 MiB of 64-bit pointers at a time
const DOCUMENTS_A_MARK = 256;

export interface TokenIndex {
  readonly type: TokenType;
  readonly numDocuments: number;
  readonly numTokens: number;
  /** The length of every document in tokens, when all have the same. */
  readonly uniformLength: number | undefined;
  /** Tokens of a document, which must be one. */
  length(document: number): number;
  /** Tokens of all documents before one. */
  tokensBefore(document: number): number;
}

interface Header {
  readonly type: TokenType;
  readonly numDocuments: number;
  readonly numBoundaries: number;
}

// Offsets are not kept (1.7 GB for the Pile) but summed from the nearest mark below; equal lengths are kept as one number.
interface Lengths {
  readonly numTokens: number;
  readonly uniform: number | undefined;
  readonly each: Int32Array;
  readonly marks: Float64Array; // [⌈numDocuments / 256⌉], in tokens
}

/** Reads PREFIX.idx and checks it against itself. Throws DataError naming file, offset, what was expected and what was found. */
export function readTokenIndex(path: string): TokenIndex {
  const descriptor = openForReading(path);
  try {
    const header = readHeader(descriptor, path);
    const lengths = readLengths(descriptor, path, header);
    checkPointers(descriptor, path, header, lengths);
    checkBoundaries(descriptor, path, header);
    const { numTokens, uniform, each, marks } = lengths;
    const length = (document: number): number => uniform ?? each[document]!;
    const tokensBefore = (document: number): number => {
      if (uniform !== undefined) return document * uniform;
      const mark = Math.floor(document / DOCUMENTS_A_MARK);
      let tokens = marks[mark]!;
      for (let d = mark * DOCUMENTS_A_MARK; d < document; d++) tokens += each[d]!;
      return tokens;
    };
    return {
      type: header.type,
      numDocuments: header.numDocuments,
      numTokens,
      uniformLength: uniform,
      length,
      tokensBefore,
    };
  } finally {
    closeSync(descriptor);
  }
}

/** The bytes of an .idx for documents of these lengths, in tokens. */
export function tokenIndexBytes(lengths: readonly number[], type: TokenType): Buffer {
  const n = lengths.length;
  const bytes = Buffer.alloc(INDEX_HEADER_BYTES + 12 * n + 8 * (n + 1));
  INDEX_MAGIC.copy(bytes);
  bytes.writeBigUInt64LE(1n, 9);
  bytes.writeUInt8(tokenTypeCode(type), 17);
  bytes.writeBigUInt64LE(BigInt(n), 18);
  bytes.writeBigUInt64LE(BigInt(n + 1), 26);
  let pointer = 0n;
  for (const [document, length] of lengths.entries()) {
    bytes.writeInt32LE(length, INDEX_HEADER_BYTES + 4 * document);
    bytes.writeBigInt64LE(pointer, INDEX_HEADER_BYTES + 4 * n + 8 * document);
    pointer += BigInt(length * itemBytes(type));
  }
  for (let i = 0; i <= n; i++) bytes.writeBigInt64LE(BigInt(i), INDEX_HEADER_BYTES + 12 * n + 8 * i);
  return bytes;
}

function readHeader(descriptor: number, path: string): Header {
  const fileBytes = fstatSync(descriptor).size;
  if (fileBytes < INDEX_HEADER_BYTES) {
    throw new DataError(
      `${path}: expected a header of ${INDEX_HEADER_BYTES} bytes, found a file of ${fileBytes}; fetch or build it anew`,
    );
  }
  const header = Buffer.alloc(INDEX_HEADER_BYTES);
  readFully(descriptor, path, header, 0);
  const magic = header.subarray(0, INDEX_MAGIC.length);
  if (!magic.equals(INDEX_MAGIC)) {
    throw new DataError(
      `${path}, byte 0: expected the magic "MMIDIDX" and two NULs, found ${magic.toString('hex')}; this is no token index`,
    );
  }
  const version = header.readBigUInt64LE(9);
  if (version !== 1n) {
    throw new DataError(`${path}, byte 9: expected format version 1, found ${version}; write the index as version 1`);
  }
  const code = header.readUInt8(17);
  const type = tokenTypeOfCode(code);
  if (type === undefined) {
    throw new DataError(
      `${path}, byte 17: expected the code of an integer type (1 to 5 or 8), found ${code}` +
        `${code === 6 || code === 7 ? ', floating point' : ''}; store the tokens as uint16 or int32`,
    );
  }
  const numDocuments = readCount(header, 18, path, 'documents');
  const numBoundaries = readCount(header, 26, path, 'document boundaries');
  const expectedBytes = INDEX_HEADER_BYTES + 12 * numDocuments + 8 * numBoundaries;
  if (fileBytes !== expectedBytes) {
    throw new DataError(
      `${path}, byte 18: ${numDocuments} documents and ${numBoundaries} boundaries need a file of ${expectedBytes} bytes, found ${fileBytes}; ` +
        'the index is cut short or damaged: fetch or build it anew',
    );
  }
  if (numDocuments === 0) throw new DataError(`${path}, byte 18: expected at least one document, found none`);
  return { type, numDocuments, numBoundaries };
}

function readCount(header: Buffer, offset: number, path: string, what: string): number {
  const count = header.readBigUInt64LE(offset);
  if (count > BigInt(MOST_DOCUMENTS) + 1n) {
    throw new DataError(
      `${path}, byte ${offset}: expected at most ${MOST_DOCUMENTS} ${what}, found ${count}; the index is damaged`,
    );
  }
  return Number(count);
}

function readLengths(descriptor: number, path: string, { numDocuments }: Header): Lengths {
  let first: number | undefined;
  let each = new Int32Array(0);
  let isUniform = true;
  let numTokens = 0;
  const marks = new Float64Array(Math.ceil(numDocuments / DOCUMENTS_A_MARK));
  forEachEntry(descriptor, path, INDEX_HEADER_BYTES, numDocuments, 4, (document, entry, offset) => {
    const length = entry.readInt32LE(offset);
    if (length < 0) {
      const place = INDEX_HEADER_BYTES + 4 * document;
      throw new DataError(
        `${path}, byte ${place}: expected the length of document ${document}, found ${length}; the index is damaged`,
      );
    }
    first ??= length;
    if (isUniform && length !== first) {
      isUniform = false;
      each = new Int32Array(numDocuments).fill(first, 0, document);
    }
    if (!isUniform) each[document] = length;
    if (document % DOCUMENTS_A_MARK === 0) marks[document / DOCUMENTS_A_MARK] = numTokens;
    numTokens += length;
  });
  return { numTokens, uniform: isUniform ? first : undefined, each, marks };
}

function checkPointers(descriptor: number, path: string, header: Header, lengths: Lengths): void {
  const start = INDEX_HEADER_BYTES + 4 * header.numDocuments;
  const width = itemBytes(header.type);
  let expected = 0;
  forEachEntry(descriptor, path, start, header.numDocuments, 8, (document, entry, offset) => {
    // Below 2^53, so that low + high·2^32 is exact; a greater pointer is not equal to `expected` either way.
    const found = entry.readUInt32LE(offset) + entry.readInt32LE(offset + 4) * 2 ** 32;
    if (found !== expected) {
      throw new DataError(
        `${path}, byte ${start + 8 * document}: expected document ${document} to start at byte ${expected} of the .bin (where the one before it ends), ` +
          `found ${found}; the index is damaged: fetch or build it anew`,
      );
    }
    expected += (lengths.uniform ?? lengths.each[document]!) * width;
  });
}

function checkBoundaries(descriptor: number, path: string, { numDocuments, numBoundaries }: Header): void {
  const start = INDEX_HEADER_BYTES + 12 * numDocuments;
  let previous = 0;
  forEachEntry(descriptor, path, start, numBoundaries, 8, (i, entry, offset) => {
    const found = Number(entry.readBigInt64LE(offset));
    const isLast = i === numBoundaries - 1;
    if (found < previous || found > numDocuments || (i === 0 && found !== 0) || (isLast && found !== numDocuments)) {
      throw new DataError(
        `${path}, byte ${start + 8 * i}: expected document boundaries that rise from 0 to ${numDocuments}, found ${found} after ${previous}; ` +
          'the index is damaged: fetch or build it anew',
      );
    }
    previous = found;
  });
}

// Visits every entry of a table of the index, read a megabyte at a time.
function forEachEntry(
  descriptor: number,
  path: string,
  start: number,
  count: number,
  width: number,
  visit: (number: number, bytes: Buffer, offset: number) => void,
): void {
  const chunk = Buffer.allocUnsafe(Math.min(count, CHUNK_ENTRIES) * width);
  for (let first = 0; first < count; first += CHUNK_ENTRIES) {
    const number = Math.min(CHUNK_ENTRIES, count - first);
    readFully(descriptor, path, chunk.subarray(0, number * width), start + first * width);
    for (let i = 0; i < number; i++) visit(first + i, chunk, i * width);
  }
}
