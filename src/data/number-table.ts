// Integers in a row somewhere in a file, read at their places through a few small pages: what makes an index of gigabytes cost
// megabytes. Serves the tables of an .idx and the arrays of .npy files.
import type { ByteFile } from './byte-file.ts';

/** Measured on an index of 4 GB: pages of 4 KiB cost a random entry little more than reading its 8 bytes alone. */
const PAGE_BYTES = 4096;
const MOST_PAGES = 1024; // two generations of so many: at most 8 MiB a table
const CHUNK_BYTES = 2 ** 20;

export type Width = 4 | 8;

/** Entries of `width` bytes, little-endian, from byte `start` of a file. */
export class NumberTable {
  readonly file: ByteFile;
  readonly count: number;
  readonly width: Width;
  readonly #start: number;
  // The pages last used: when the young fill up they become the old ones, and the old ones go.
  #young = new Map<number, Buffer>();
  #old = new Map<number, Buffer>();

  constructor(file: ByteFile, start: number, count: number, width: Width) {
    this.file = file;
    this.#start = start;
    this.count = count;
    this.width = width;
  }

  /** The byte of the file at which an entry begins. */
  placeOf(entry: number): number {
    return this.#start + entry * this.width;
  }

  int32(entry: number): number {
    const byte = entry * 4;
    return this.#page(Math.floor(byte / PAGE_BYTES)).readInt32LE(byte % PAGE_BYTES);
  }

  uint32(entry: number): number {
    const byte = entry * 4;
    return this.#page(Math.floor(byte / PAGE_BYTES)).readUInt32LE(byte % PAGE_BYTES);
  }

  /** A 64-bit entry as a number: exact up to 2^53, which is more than any file has bytes. */
  int64(entry: number): number {
    const byte = entry * 8;
    return int64At(this.#page(Math.floor(byte / PAGE_BYTES)), byte % PAGE_BYTES);
  }

  /** The bytes of entries [first, first + count), in a buffer of their own. */
  read(first: number, count: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(count * this.width);
    this.file.read(bytes, this.placeOf(first));
    return bytes;
  }

  /** Visits all entries from `from` on in order, a megabyte at a time; the bytes are overwritten by the next visit. */
  forEachChunk(visit: (first: number, bytes: Buffer, count: number) => void, from = 0): void {
    const perChunk = CHUNK_BYTES / this.width;
    const chunk = Buffer.allocUnsafeSlow(Math.max(0, Math.min(this.count - from, perChunk)) * this.width);
    for (let first = from; first < this.count; first += perChunk) {
      const count = Math.min(perChunk, this.count - first);
      const bytes = chunk.subarray(0, count * this.width);
      this.file.read(bytes, this.placeOf(first));
      visit(first, bytes, count);
    }
  }

  #page(number: number): Buffer {
    const young = this.#young.get(number);
    if (young !== undefined) return young;
    const page = this.#old.get(number) ?? this.#readPage(number);
    if (this.#young.size === MOST_PAGES) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(number, page);
    return page;
  }

  #readPage(number: number): Buffer {
    const from = number * PAGE_BYTES;
    const page = Buffer.allocUnsafeSlow(Math.min(PAGE_BYTES, this.count * this.width - from));
    this.file.read(page, this.#start + from);
    return page;
  }
}

/** A 64-bit integer at a byte of a buffer, as NumberTable.int64 gives it. */
export function int64At(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readInt32LE(offset + 4) * 2 ** 32;
}
