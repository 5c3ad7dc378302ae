// Reads ZIP archives whose entries are stored as they are, as torch.save writes them. ZIP and ZIP64 as in PKWARE's APPNOTE 6.3.9.
// Sizes come from the central directory, because torch leaves those of the local headers open; the local header tells where data begin. Entries may not
// overlap, so that what is read is never more than the file holds, and their CRC-32 is checked before their first use.
import { crc32 } from 'node:zlib';
import { DataError } from '../errors.ts';
import { excerpt } from './excerpt.ts';
import { RandomAccessFile } from './random-access.ts';

/** A shard of Pythia's has below a thousand entries, in 100 kB of directory. */
const MOST_DIRECTORY_BYTES = 2 ** 24;
const MOST_ENTRIES = 2 ** 17;
const CHECKED_BYTES = 2 ** 20;
const LOCAL_BYTES = 30;
const RECORD_BYTES = 46;
const END_BYTES = 22;
const END64_BYTES = 56;
const LOCATOR_BYTES = 20;
const MOST_COMMENT_BYTES = 0xffff;
const FULL = 0xffffffff; // the ZIP64 field has the number
export const SIGNATURES = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator: 0x07064b50,
};
/** How torch.save began its files before PyTorch 1.6: a pickle of a number of its own. */
const LEGACY_TORCH = Buffer.from('80028a0a6cfc9c46f9206aa85019', 'hex');

export interface ZipEntry {
  readonly name: string;
  readonly headerOffset: number;
  readonly sizeBytes: number;
  readonly crc32: number;
}

/** An open archive. */
export class StoredZip {
  readonly path: string;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #file: RandomAccessFile;
  /** Where an entry's bytes must have ended: at the next header. */
  readonly #limits = new Map<ZipEntry, number>();
  /** First byte of the data of entries that are as their CRC-32 says. */
  readonly #starts = new Map<ZipEntry, number>();

  /** Opens an archive and reads its directory; the caller closes it. Throws DataError naming the file, the byte and the fault. */
  constructor(path: string) {
    this.path = path;
    this.#file = new RandomAccessFile(path);
    try {
      this.entries = this.#readDirectory();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** All bytes of an entry of at most `mostBytes`. */
  read(entry: ZipEntry, mostBytes: number): Buffer {
    if (entry.sizeBytes > mostBytes)
      this.fail(
        entry.headerOffset,
        `entry ${excerpt(entry.name)}: expected at most ${mostBytes} bytes, found ${entry.sizeBytes}`,
      );
    const bytes = Buffer.alloc(entry.sizeBytes);
    this.fill(bytes, entry, 0);
    return bytes;
  }

  /** Fills `into` from a byte of an entry on. */
  fill(into: Buffer, entry: ZipEntry, offset: number): void {
    if (offset + into.length > entry.sizeBytes)
      throw new RangeError(
        `bug: bytes ${offset} to ${offset + into.length} of ${entry.name}, which has ${entry.sizeBytes}`,
      );
    this.#file.fill(into, this.#startOf(entry) + offset);
  }

  close(): void {
    this.#file.close();
  }

  /** Throws DataError about a byte of the file. */
  fail(byte: number, fault: string): never {
    throw new DataError(`${this.path}, byte ${byte}: ${fault}`);
  }

  // First byte of an entry's data; reads the entry once through to compare its CRC-32.
  #startOf(entry: ZipEntry): number {
    const known = this.#starts.get(entry);
    if (known !== undefined) return known;
    const name = excerpt(entry.name);
    const header = Buffer.alloc(LOCAL_BYTES);
    this.#file.fill(header, entry.headerOffset);
    if (header.readUInt32LE() !== SIGNATURES.local)
      this.fail(entry.headerOffset, `entry ${name}: expected its header here`);
    const start = entry.headerOffset + header.length + header.readUInt16LE(26) + header.readUInt16LE(28);
    if (start + entry.sizeBytes > (this.#limits.get(entry) ?? 0)) {
      this.fail(
        entry.headerOffset,
        `entry ${name}: expected ${entry.sizeBytes} bytes from byte ${start} to the next entry, found ${this.#limits.get(entry)} to be its start: they overlap`,
      );
    }
    this.#checkSum(entry, start);
    this.#starts.set(entry, start);
    return start;
  }

  #checkSum(entry: ZipEntry, start: number): void {
    if (entry.crc32 === 0) return; // PyTorch can be told not to compute it
    const buffer = Buffer.allocUnsafe(Math.min(entry.sizeBytes, CHECKED_BYTES));
    let found = 0;
    for (let done = 0; done < entry.sizeBytes; done += buffer.length) {
      const piece = buffer.subarray(0, Math.min(buffer.length, entry.sizeBytes - done));
      this.#file.fill(piece, start + done);
      found = crc32(piece, found);
    }
    if (found !== entry.crc32)
      this.fail(
        start,
        `entry ${excerpt(entry.name)}: expected the CRC-32 ${entry.crc32.toString(16)}, found ${found.toString(16)}; its bytes were changed: fetch the file anew`,
      );
  }

  #readDirectory(): Map<string, ZipEntry> {
    const { numEntries, offset, sizeBytes } = this.#findDirectory();
    if (sizeBytes > MOST_DIRECTORY_BYTES || numEntries > MOST_ENTRIES || offset + sizeBytes > this.#file.sizeBytes) {
      this.fail(
        offset,
        `expected a directory of at most ${MOST_ENTRIES} entries in ${MOST_DIRECTORY_BYTES} bytes inside the file of ${this.#file.sizeBytes} bytes, found ${numEntries} entries in ${sizeBytes} bytes`,
      );
    }
    const directory = Buffer.alloc(sizeBytes);
    this.#file.fill(directory, offset);
    const entries = new Map<string, ZipEntry>();
    let at = 0;
    for (let i = 0; i < numEntries; i++) {
      if (at + RECORD_BYTES > directory.length || directory.readUInt32LE(at) !== SIGNATURES.central)
        this.fail(offset + at, `expected entry ${i} of ${numEntries} of the directory; the file is damaged`);
      const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((place) => directory.readUInt16LE(at + place)) as [
        number,
        number,
        number,
      ];
      const end = at + RECORD_BYTES + nameBytes + extraBytes + commentBytes;
      if (end > directory.length)
        this.fail(offset + at, `entry ${i} of the directory: expected its name before byte ${offset + sizeBytes}`);
      const entry = this.#readEntry(directory.subarray(at, end), nameBytes, extraBytes, offset + at);
      if (entries.has(entry.name)) this.fail(offset + at, `entry ${excerpt(entry.name)}: expected each name once`);
      entries.set(entry.name, entry);
      at = end;
    }
    this.#limit(entries, offset);
    return entries;
  }

  // Archives that name the same bytes in many entries would cost far more memory than they have.
  #limit(entries: ReadonlyMap<string, ZipEntry>, directoryOffset: number): void {
    const inOrder = [...entries.values()].sort((a, b) => a.headerOffset - b.headerOffset);
    for (const [i, entry] of inOrder.entries()) {
      const limit = inOrder[i + 1]?.headerOffset ?? directoryOffset;
      if (entry.headerOffset + LOCAL_BYTES + entry.sizeBytes > limit) {
        this.fail(
          entry.headerOffset,
          `entry ${excerpt(entry.name)}: expected ${entry.sizeBytes} bytes before the next entry or the directory at byte ${limit}: they overlap`,
        );
      }
      this.#limits.set(entry, limit);
    }
  }

  #readEntry(record: Buffer, nameBytes: number, extraBytes: number, at: number): ZipEntry {
    const name = record.toString('utf8', RECORD_BYTES, RECORD_BYTES + nameBytes);
    const isEncrypted = (record.readUInt16LE(8) & 1) !== 0;
    const method = record.readUInt16LE(10);
    if (method !== 0 || isEncrypted) {
      this.fail(
        at,
        `entry ${excerpt(name)}: expected it stored as it is, found ${isEncrypted ? 'an encrypted one' : `compression method ${method}`}; save it with torch.save`,
      );
    }
    // Fields that are full are continued in the ZIP64 extra field, in this order.
    const wide = zip64Numbers(record.subarray(RECORD_BYTES + nameBytes, RECORD_BYTES + nameBytes + extraBytes));
    const [size, compressedSize, headerOffset] = [24, 20, 42].map((place) => {
      const value = record.readUInt32LE(place);
      return value === FULL ? (wide.shift() ?? this.fail(at, `entry ${excerpt(name)}: expected a ZIP64 field`)) : value;
    }) as [number, number, number];
    if (size !== compressedSize || headerOffset + size > this.#file.sizeBytes) {
      this.fail(
        at,
        `entry ${excerpt(name)}: expected ${size} bytes inside the file of ${this.#file.sizeBytes}, found ${compressedSize} at byte ${headerOffset}; fetch it anew`,
      );
    }
    return { name, headerOffset, sizeBytes: size, crc32: record.readUInt32LE(16) };
  }

  #findDirectory(): { numEntries: number; offset: number; sizeBytes: number } {
    const { sizeBytes: fileBytes } = this.#file;
    const tail = Buffer.alloc(Math.min(fileBytes, LOCATOR_BYTES + END_BYTES + MOST_COMMENT_BYTES));
    const tailStart = fileBytes - tail.length;
    this.#file.fill(tail, tailStart);
    let at = tail.length - END_BYTES;
    while (
      at >= 0 &&
      !(tail.readUInt32LE(at) === SIGNATURES.end && at + END_BYTES + tail.readUInt16LE(at + 20) === tail.length)
    )
      at -= 1;
    if (at < 0) this.#failWithoutDirectory();
    const locator = at - LOCATOR_BYTES;
    if (locator < 0 || tail.readUInt32LE(locator) !== SIGNATURES.locator) {
      return {
        numEntries: tail.readUInt16LE(at + 10),
        sizeBytes: tail.readUInt32LE(at + 12),
        offset: tail.readUInt32LE(at + 16),
      };
    }
    const end64 = Buffer.alloc(END64_BYTES);
    const end64Offset = Number(tail.readBigUInt64LE(locator + 8));
    if (end64Offset + end64.length > fileBytes)
      this.fail(tailStart + locator, `expected the ZIP64 directory's end inside the file, found byte ${end64Offset}`);
    this.#file.fill(end64, end64Offset);
    if (end64.readUInt32LE() !== SIGNATURES.end64)
      this.fail(end64Offset, 'expected the end of the ZIP64 directory, found something else');
    const [numEntries, sizeBytes, offset] = [32, 40, 48].map((place) => Number(end64.readBigUInt64LE(place))) as [
      number,
      number,
      number,
    ];
    return { numEntries, sizeBytes, offset };
  }

  #failWithoutDirectory(): never {
    const start = Buffer.alloc(Math.min(LEGACY_TORCH.length, this.#file.sizeBytes));
    this.#file.fill(start, 0);
    if (start.equals(LEGACY_TORCH))
      this.fail(
        0,
        "expected a ZIP archive, found PyTorch's legacy form from before 1.6; load it there and save it with torch.save anew",
      );
    this.fail(
      this.#file.sizeBytes,
      "expected a ZIP archive's directory at the end; the file is cut short, or no file of torch.save",
    );
  }
}

function zip64Numbers(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    return Array.from({ length: Math.floor(field.length / 8) }, (_, i) => Number(field.readBigUInt64LE(8 * i)));
  }
  return [];
}
