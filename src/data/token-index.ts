// The .idx of a token file: header, lengths, pointers and boundaries of the documents. MMIDIDX format of Megatron-LM and GPT-NeoX
// (megatron/data/indexed_dataset.py), version 1. Dataset end of the road.
// The format allows any pointers; here, as everything known writes them, documents must follow each other without a gap. Entries are
// read at their places and checked as they are read: the Pile's index has 4 GB, its preshuffled one 2.9 GB.
import { DataError } from '../errors.ts';
import type { ByteFile } from './byte-file.ts';
import { int64At, NumberTable } from './number-table.ts';
import { AMBIGUOUS_FLOAT_CODE, itemBytes, tokenTypeCode, tokenTypeOfCode, type TokenType } from './token-type.ts';

const INDEX_MAGIC = Buffer.from('MMIDIDX\0\0', 'latin1');
/** Bytes before the lengths. */
export const INDEX_HEADER_BYTES = 34;

/** More documents than any corpus has; the Pile has 211 million, its preshuffled form 147 million rows. */
export const MOST_DOCUMENTS = 2 ** 31 - 1;

/** An open .idx. */
export interface TokenIndex {
  readonly path: string;
  readonly file: ByteFile;
  readonly type: TokenType;
  readonly numDocuments: number;
  /** int32: tokens of each document. */
  readonly lengths: NumberTable;
  /** int64: byte of the .bin at which each document begins. */
  readonly pointers: NumberTable;
  /** int64: document numbers, rising from 0 to numDocuments; nothing here reads them but the full check. */
  readonly boundaries: NumberTable;
}

/**
 * Reads the header and checks it against the file's size. `binBytes` is the size of the .bin, asked for only when the pointers do
 * not tell which type code 6 means. Throws DataError naming file, offset, what was expected and what was found.
 */
export function readTokenIndex(file: ByteFile, binBytes?: () => number): TokenIndex {
  const { path } = file;
  const { code, type, numDocuments, numBoundaries } = readHeader(file);
  const lengths = new NumberTable(file, INDEX_HEADER_BYTES, numDocuments, 4);
  const pointers = new NumberTable(file, lengths.placeOf(numDocuments), numDocuments, 8);
  const boundaries = new NumberTable(file, pointers.placeOf(numDocuments), numBoundaries, 8);
  const index = { path, file, type, numDocuments, lengths, pointers, boundaries };
  return code === AMBIGUOUS_FLOAT_CODE ? { ...index, type: floatTypeOf(index, binBytes) } : index;
}

/** Tokens of a document, which must be one. Throws DataError for a length that is none. */
export function lengthOf({ path, lengths }: TokenIndex, document: number): number {
  const length = lengths.int32(document);
  if (length < 0) throw badLength(path, lengths, document, length);
  return length;
}

/**
 * Checks every entry of the index: lengths that are not negative, pointers without gaps, boundaries that rise from 0 to the end.
 * Returns the tokens of all documents. Throws DataError; `onProgress` is told entries that were seen.
 */
export function checkTokenIndex(index: TokenIndex, onProgress: (numEntries: number) => void = () => undefined): number {
  const { path, type, lengths, pointers } = index;
  const width = itemBytes(type);
  let bytesBefore = 0;
  pointers.forEachChunk((first, bytes, count) => {
    const chunk = lengths.read(first, count);
    for (let i = 0; i < count; i++) {
      const length = chunk.readInt32LE(4 * i);
      if (length < 0) throw badLength(path, lengths, first + i, length);
      const found = int64At(bytes, 8 * i);
      if (found !== bytesBefore) throw badPointer(index, first + i, bytesBefore, found);
      bytesBefore += length * width;
    }
    onProgress(first + count);
  });
  checkBoundaries(index, onProgress);
  return bytesBefore / width;
}

/**
 * Checks that documents [first, first + count) are rows: `rowLength` tokens each, one after the other from the .bin's beginning.
 * Throws DataError naming the first entry that is another.
 */
export function checkRows(index: TokenIndex, first: number, count: number, rowLength: number): void {
  const { path, type, lengths, pointers } = index;
  const lengthBytes = lengths.read(first, count);
  const pointerBytes = pointers.read(first, count);
  const rowBytes = rowLength * itemBytes(type);
  for (let i = 0; i < count; i++) {
    const length = lengthBytes.readInt32LE(4 * i);
    if (length < 0) throw badLength(path, lengths, first + i, length);
    if (length !== rowLength) {
      throw new DataError(
        `${path}, byte ${lengths.placeOf(first + i)}: expected rows of ${rowLength} tokens, found ${length} in row ${first + i}; ` +
          'rows of several lengths are not preshuffled: the layout may be documents, or the index is damaged',
      );
    }
    const found = int64At(pointerBytes, 8 * i);
    if (found !== (first + i) * rowBytes) throw badPointer(index, first + i, (first + i) * rowBytes, found);
  }
}

/** Checks the first and the last document boundary. Throws DataError. */
export function checkOuterBoundaries({ path, boundaries, numDocuments }: TokenIndex): void {
  if (boundaries.count === 0) return;
  for (const [entry, expected] of [
    [0, 0],
    [boundaries.count - 1, numDocuments],
  ] as const) {
    const found = boundaries.int64(entry);
    if (found === expected) continue;
    throw new DataError(
      `${path}, byte ${boundaries.placeOf(entry)}: expected document boundary ${expected}, found ${found}; the index is damaged: fetch or build it anew`,
    );
  }
}

/** The bytes of an .idx for documents of these lengths, in tokens. */
export function tokenIndexBytes(lengths: readonly number[], type: TokenType): Buffer {
  const n = lengths.length;
  const bytes = Buffer.alloc(INDEX_HEADER_BYTES + 12 * n + 8 * (n + 1));
  tokenIndexHeader(n, type).copy(bytes);
  let pointer = 0n;
  for (const [document, length] of lengths.entries()) {
    bytes.writeInt32LE(length, INDEX_HEADER_BYTES + 4 * document);
    bytes.writeBigInt64LE(pointer, INDEX_HEADER_BYTES + 4 * n + 8 * document);
    pointer += BigInt(length * itemBytes(type));
  }
  for (let i = 0; i <= n; i++) bytes.writeBigInt64LE(BigInt(i), INDEX_HEADER_BYTES + 12 * n + 8 * i);
  return bytes;
}

/** The first 34 bytes of an .idx of so many documents. */
export function tokenIndexHeader(numDocuments: number, type: TokenType): Buffer {
  const bytes = Buffer.alloc(INDEX_HEADER_BYTES);
  INDEX_MAGIC.copy(bytes);
  bytes.writeBigUInt64LE(1n, 9);
  bytes.writeUInt8(tokenTypeCode(type), 17);
  bytes.writeBigUInt64LE(BigInt(numDocuments), 18);
  bytes.writeBigUInt64LE(BigInt(numDocuments + 1), 26);
  return bytes;
}

interface Header {
  readonly code: number;
  readonly type: TokenType;
  readonly numDocuments: number;
  readonly numBoundaries: number;
}

function readHeader(file: ByteFile): Header {
  const { path, sizeBytes: fileBytes } = file;
  if (fileBytes < INDEX_HEADER_BYTES) {
    throw new DataError(
      `${path}, byte ${fileBytes}: expected a header of ${INDEX_HEADER_BYTES} bytes, found a file of ${fileBytes}; fetch or build it anew`,
    );
  }
  const header = Buffer.alloc(INDEX_HEADER_BYTES);
  file.read(header, 0);
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
      `${path}, byte 17: expected the code of a number type, 1 to 8, found ${code}; the index is damaged`,
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
  return { code, type, numDocuments, numBoundaries };
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

/** What code 6 means here: the first document with tokens ends where the next begins, 4 or 8 bytes a token further. */
function floatTypeOf(index: TokenIndex, binBytes: (() => number) | undefined): TokenType {
  const { path, lengths, pointers, numDocuments } = index;
  let document = 0;
  while (document < numDocuments - 1 && lengthOf(index, document) === 0) document++;
  const numTokens = lengthOf(index, document);
  const isLast = document === numDocuments - 1;
  const sizeBytes = isLast ? binBytes?.() : pointers.int64(document + 1);
  if (sizeBytes === undefined || sizeBytes === 4 * numTokens) return 'float32';
  if (sizeBytes === 8 * numTokens) return 'float64';
  throw new DataError(
    `${path}, byte ${isLast ? lengths.placeOf(document) : pointers.placeOf(document + 1)}: expected ${numTokens} tokens of code 6 to take ` +
      `${4 * numTokens} bytes (float32) or ${8 * numTokens} (float64), found ${sizeBytes}; the index is damaged: fetch or build it anew`,
  );
}

function checkBoundaries({ path, boundaries, numDocuments }: TokenIndex, onProgress: (n: number) => void): void {
  let previous = 0;
  boundaries.forEachChunk((first, bytes, count) => {
    for (let i = 0; i < count; i++) {
      const entry = first + i;
      const found = int64At(bytes, 8 * i);
      const isLast = entry === boundaries.count - 1;
      if (
        found < previous ||
        found > numDocuments ||
        (entry === 0 && found !== 0) ||
        (isLast && found !== numDocuments)
      ) {
        throw new DataError(
          `${path}, byte ${boundaries.placeOf(entry)}: expected document boundaries that rise from 0 to ${numDocuments}, found ${found} after ${previous}; ` +
            'the index is damaged: fetch or build it anew',
        );
      }
      previous = found;
    }
    onProgress(numDocuments + first + count);
  });
}

function badLength(path: string, lengths: NumberTable, document: number, found: number): DataError {
  return new DataError(
    `${path}, byte ${lengths.placeOf(document)}: expected the length of document ${document}, found ${found}; the index is damaged`,
  );
}

function badPointer({ path, pointers }: TokenIndex, document: number, expected: number, found: number): DataError {
  return new DataError(
    `${path}, byte ${pointers.placeOf(document)}: expected document ${document} to start at byte ${expected} of the .bin (where the one before it ends), ` +
      `found ${found}; the index is damaged: fetch or build it anew`,
  );
}
