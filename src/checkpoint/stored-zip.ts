// Reads ZIP archives whose entries are stored as they are, as torch.save writes them. ZIP and ZIP64 as in PKWARE's APPNOTE 6.3.9.
// Sizes come from the central directory, because torch leaves those of the local headers open; the local header tells where data begin.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataError, messageOf } from '../errors.ts';

const MOST_DIRECTORY_BYTES = 2 ** 28;
const CHUNK_BYTES = 2 ** 26;
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const MOST_COMMENT_BYTES = 0xffff;
const SIGNATURES = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator: 0x07064b50 };

export interface ZipEntry {
  readonly name: string;
  readonly headerOffset: number;
  readonly sizeBytes: number;
}

/** An open archive. */
export class StoredZip {
  readonly path: string;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #descriptor: number;
  readonly #sizeBytes: number;

  /** Opens an archive and reads its directory; the caller closes it. Throws DataError naming the file and the fault. */
  constructor(path: string) {
    this.path = path;
    try {
      this.#descriptor = openSync(path, 'r');
    } catch (error) {
      throw new DataError(`${path}: expected a readable file: ${messageOf(error)}; check the path`, { cause: error });
    }
    try {
      this.#sizeBytes = fstatSync(this.#descriptor).size;
      this.entries = this.#readDirectory();
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  /** All bytes of an entry of at most `mostBytes`. */
  read(entry: ZipEntry, mostBytes: number): Buffer {
    if (entry.sizeBytes > mostBytes)
      this.#fail(`entry ${entry.name}: expected at most ${mostBytes} bytes, found ${entry.sizeBytes}`);
    const bytes = Buffer.alloc(entry.sizeBytes);
    this.fill(bytes, entry, 0);
    return bytes;
  }

  /** Fills `into` from a byte of an entry on. */
  fill(into: Buffer, entry: ZipEntry, offset: number): void {
    const header = Buffer.alloc(30);
    this.#fillFromFile(header, entry.headerOffset);
    if (header.readUInt32LE() !== SIGNATURES.local)
      this.#fail(`entry ${entry.name}: expected its header at byte ${entry.headerOffset}`);
    const start = entry.headerOffset + header.length + header.readUInt16LE(26) + header.readUInt16LE(28);
    if (start + entry.sizeBytes > this.#sizeBytes || offset + into.length > entry.sizeBytes) {
      this.#fail(
        `entry ${entry.name}: expected ${entry.sizeBytes} bytes from byte ${start} on, found a file of ${this.#sizeBytes}; fetch it anew`,
      );
    }
    this.#fillFromFile(into, start + offset);
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #readDirectory(): Map<string, ZipEntry> {
    const { numEntries, offset, sizeBytes } = this.#findDirectory();
    if (sizeBytes > MOST_DIRECTORY_BYTES || offset + sizeBytes > this.#sizeBytes) {
      this.#fail(
        `expected a directory inside the file of ${this.#sizeBytes} bytes, found ${sizeBytes} bytes at ${offset}`,
      );
    }
    const directory = Buffer.alloc(sizeBytes);
    this.#fillFromFile(directory, offset);
    const entries = new Map<string, ZipEntry>();
    let at = 0;
    for (let i = 0; i < numEntries; i++) {
      if (at + 46 > directory.length || directory.readUInt32LE(at) !== SIGNATURES.central) {
        this.#fail(`expected entry ${i} of ${numEntries} of the directory at byte ${offset + at}; the file is damaged`);
      }
      const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((place) => directory.readUInt16LE(at + place)) as [
        number,
        number,
        number,
      ];
      const end = at + 46 + nameBytes + extraBytes + commentBytes;
      if (end > directory.length)
        this.#fail(`entry ${i} of the directory: expected its name before byte ${directory.length}`);
      const entry = this.#readEntry(directory.subarray(at, end), nameBytes, extraBytes);
      if (entries.has(entry.name)) this.#fail(`entry ${entry.name}: expected each name once`);
      entries.set(entry.name, entry);
      at = end;
    }
    return entries;
  }

  #readEntry(record: Buffer, nameBytes: number, extraBytes: number): ZipEntry {
    const name = record.toString('utf8', 46, 46 + nameBytes);
    const isEncrypted = (record.readUInt16LE(8) & 1) !== 0;
    const method = record.readUInt16LE(10);
    if (method !== 0 || isEncrypted) {
      this.#fail(
        `entry ${name}: expected it stored as it is, found ${isEncrypted ? 'an encrypted one' : `compression method ${method}`}; save it with torch.save`,
      );
    }
    // Fields that are full are continued in the ZIP64 extra field, in this order.
    const wide = zip64Numbers(record.subarray(46 + nameBytes, 46 + nameBytes + extraBytes));
    const [size, compressedSize, headerOffset] = [24, 20, 42].map((place) => {
      const value = record.readUInt32LE(place);
      return value === 0xffffffff ? (wide.shift() ?? this.#fail(`entry ${name}: expected a ZIP64 field`)) : value;
    }) as [number, number, number];
    if (size !== compressedSize || headerOffset + size > this.#sizeBytes) {
      this.#fail(
        `entry ${name}: expected ${size} bytes inside the file of ${this.#sizeBytes}, found ${compressedSize} at byte ${headerOffset}; fetch it anew`,
      );
    }
    return { name, headerOffset, sizeBytes: size };
  }

  #findDirectory(): { numEntries: number; offset: number; sizeBytes: number } {
    const tail = Buffer.alloc(Math.min(this.#sizeBytes, LOCATOR_BYTES + END_BYTES + MOST_COMMENT_BYTES));
    const tailStart = this.#sizeBytes - tail.length;
    this.#fillFromFile(tail, tailStart);
    let at = tail.length - END_BYTES;
    while (
      at >= 0 &&
      !(tail.readUInt32LE(at) === SIGNATURES.end && at + END_BYTES + tail.readUInt16LE(at + 20) === tail.length)
    )
      at -= 1;
    if (at < 0)
      this.#fail(
        "expected a ZIP archive's directory at the end; the file is cut short, or saved by PyTorch before 1.6",
      );
    const locator = at - LOCATOR_BYTES;
    if (locator < 0 || tail.readUInt32LE(locator) !== SIGNATURES.locator) {
      return {
        numEntries: tail.readUInt16LE(at + 10),
        sizeBytes: tail.readUInt32LE(at + 12),
        offset: tail.readUInt32LE(at + 16),
      };
    }
    const end64 = Buffer.alloc(56);
    const end64Offset = Number(tail.readBigUInt64LE(locator + 8));
    if (end64Offset + end64.length > this.#sizeBytes)
      this.#fail(`expected the ZIP64 directory's end inside the file, found byte ${end64Offset}`);
    this.#fillFromFile(end64, end64Offset);
    if (end64.readUInt32LE() !== SIGNATURES.end64)
      this.#fail(`expected the ZIP64 directory's end at byte ${end64Offset}`);
    const [numEntries, sizeBytes, offset] = [32, 40, 48].map((place) => Number(end64.readBigUInt64LE(place))) as [
      number,
      number,
      number,
    ];
    return { numEntries, sizeBytes, offset };
  }

  #fillFromFile(into: Buffer, offset: number): void {
    let done = 0;
    while (done < into.length) {
      const got = readSync(this.#descriptor, into, done, Math.min(CHUNK_BYTES, into.length - done), offset + done);
      if (got === 0)
        this.#fail(`expected ${into.length} bytes at byte ${offset}, found ${done}; the file is cut short`);
      done += got;
    }
  }

  #fail(fault: string): never {
    throw new DataError(`${this.path}: ${fault}`);
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
