// Bytes of a big file, read at their places: a local file, or a row of shards that stands for one. Dataset end of the road.
// The same interface stands for a file of a server whose blocks are kept here (remote-file.ts).
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataError, messageOf } from '../errors.ts';

export interface ByteRange {
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface ByteFile {
  /** Path or URL, for messages. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Fills `into` with the bytes from `offset`; throws DataError when they are not there. */
  read(into: Buffer, offset: number): void;
  /** Names the file and the place of a byte: those of the shard, for a file in shards. */
  where(offset: number): string;
  /** Brings these bytes here when they are not; what is local is there at once. */
  fetch(ranges: readonly ByteRange[]): Promise<void>;
  /** Words that differ once the file was written to or replaced. */
  fingerprint(): string;
  close(): void;
}

/** Opens a local file for reading; throws DataError naming it. */
export function openLocalFile(path: string): ByteFile {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw new DataError(`${path}: expected a readable file: ${messageOf(error)}; check the path`, { cause: error });
  }
  return {
    path,
    sizeBytes: fstatSync(descriptor).size,
    read: (into, offset) => readFully(descriptor, path, into, offset),
    where: (offset) => `${path}, byte ${offset}`,
    fetch: () => Promise.resolve(),
    fingerprint() {
      const { size, ino, ctimeNs } = fstatSync(descriptor, { bigint: true });
      return `${size} bytes, inode ${ino}, changed ${ctimeNs}`;
    },
    close: () => closeSync(descriptor),
  };
}

function readFully(descriptor: number, path: string, into: Buffer, offset: number): void {
  let done = 0;
  while (done < into.length) {
    const got = readSync(descriptor, into, done, into.length - done, offset + done);
    if (got === 0) {
      throw new DataError(
        `${path}: expected ${into.length} bytes at offset ${offset}, found ${done}: the file is shorter than it was or should be; ` +
          'fetch or build it anew',
      );
    }
    done += got;
  }
}

/** A stretch of a whole that lies in one file. */
export interface Part {
  readonly path: string;
  readonly start: number;
  readonly sizeBytes: number;
  /** Undefined for a file that is missing: an error only when a range touches it. */
  readonly file: ByteFile | undefined;
}

/** One file made of others, none of which is missing between two: the parts' sizes add up without a gap. */
export function joinFiles(path: string, parts: readonly Part[]): ByteFile {
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  const touched = (offset: number, length: number): Part[] =>
    parts.filter((part) => part.start < offset + length && part.start + part.sizeBytes > offset);
  const fileOf = (part: Part, offset: number, length: number): ByteFile => {
    if (part.file !== undefined) return part.file;
    throw new DataError(
      `${part.path}: this shard is needed (bytes ${offset} to ${offset + length} of the whole) and missing; fetch it`,
    );
  };
  const checkRange = (offset: number, length: number): void => {
    if (offset + length <= sizeBytes) return;
    throw new DataError(
      `${path}: expected bytes ${offset} to ${offset + length}, found a file of ${sizeBytes} bytes; fetch or build it anew`,
    );
  };
  return {
    path,
    sizeBytes,
    read(into, offset) {
      checkRange(offset, into.length);
      for (const part of touched(offset, into.length)) {
        const from = Math.max(offset, part.start);
        const to = Math.min(offset + into.length, part.start + part.sizeBytes);
        fileOf(part, offset, into.length).read(into.subarray(from - offset, to - offset), from - part.start);
      }
    },
    where(offset) {
      const part = parts.find((p) => offset >= p.start && offset < p.start + p.sizeBytes);
      return part ? `${part.path}, byte ${offset - part.start}` : `${path}, byte ${offset}`;
    },
    async fetch(ranges) {
      const perPart = new Map<Part, ByteRange[]>();
      for (const { offset, sizeBytes: length } of ranges) {
        checkRange(offset, length);
        for (const part of touched(offset, length)) {
          fileOf(part, offset, length);
          const from = Math.max(offset, part.start);
          const to = Math.min(offset + length, part.start + part.sizeBytes);
          const wanted = perPart.get(part) ?? [];
          wanted.push({ offset: from - part.start, sizeBytes: to - from });
          perPart.set(part, wanted);
        }
      }
      for (const [part, wanted] of perPart) await part.file?.fetch(wanted);
    },
    fingerprint: () => parts.map(({ file }) => file?.fingerprint() ?? 'missing').join('; '),
    close: () => parts.forEach(({ file }) => file?.close()),
  };
}
