// Reads byte ranges of a big file that may lie in equal shards NAME-00000-of-00020.bin, as the Pile's token files do on the hub.
// Shards that are missing are an error only when a range touches them: the last 7 % of Pythia's training need 3 shards of 21.
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DataError, messageOf } from '../errors.ts';

/** Opens a file for reading; throws DataError naming it. */
export function openForReading(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new DataError(`${path}: expected a readable file: ${messageOf(error)}; check the path`, { cause: error });
  }
}

/** Fills `into` from `offset` of an open file; throws DataError naming file and offset when the file ends before. */
export function readFully(descriptor: number, path: string, into: Buffer, offset: number): void {
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

interface Part {
  readonly path: string;
  readonly start: number;
  readonly sizeBytes: number;
  readonly descriptor: number | undefined;
}

/** One file, or a row of shards that stands for one. */
export class ByteFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #parts: readonly Part[];

  private constructor(path: string, parts: readonly Part[]) {
    this.path = path;
    this.#parts = parts;
    this.sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  }

  /**
   * Opens PREFIX.bin, or the shards PREFIX-NNNNN-of-MMMMM.bin when there is no such file.
   * `expectedBytes` is the size by the index; it tells how many shards there are. Throws DataError.
   */
  static open(prefix: string, expectedBytes: number): ByteFile {
    const path = `${prefix}.bin`;
    const shards = findShards(prefix);
    if (shards.length === 0) {
      const descriptor = openForReading(path);
      return new ByteFile(path, [{ path, start: 0, sizeBytes: fstatSync(descriptor).size, descriptor }]);
    }
    return new ByteFile(path, openShards(placeShards(path, shards, expectedBytes)));
  }

  /** Fills `into` with the bytes from `offset`; throws DataError when they are not there. */
  read(into: Buffer, offset: number): void {
    let at = offset;
    const end = offset + into.length;
    for (const part of this.#parts) {
      const partEnd = part.start + part.sizeBytes;
      if (at >= end || at < part.start || at >= partEnd) continue;
      const upTo = Math.min(end, partEnd);
      if (part.descriptor === undefined) {
        throw new DataError(
          `${part.path}: this shard is needed (bytes ${at} to ${upTo} of the whole) and missing; fetch it`,
        );
      }
      readFully(part.descriptor, part.path, into.subarray(at - offset, upTo - offset), at - part.start);
      at = upTo;
    }
    if (at < end) {
      throw new DataError(
        `${this.path}: expected bytes ${offset} to ${end}, found a file of ${this.sizeBytes} bytes; fetch or build it anew`,
      );
    }
  }

  /** Names the file and the place of a byte of the whole. */
  where(offset: number): string {
    const part = this.#parts.find((p) => offset >= p.start && offset < p.start + p.sizeBytes);
    return part ? `${part.path}, byte ${offset - part.start}` : `${this.path}, byte ${offset}`;
  }

  close(): void {
    closeAll(this.#parts);
  }
}

interface Shard {
  readonly path: string;
  readonly number: number;
  readonly of: string;
  readonly sizeBytes: number;
}

// The shards that are there; none when PREFIX.bin is.
function findShards(prefix: string): Shard[] {
  const folder = dirname(prefix);
  const name = basename(prefix);
  let entries: string[];
  try {
    entries = readdirSync(folder);
  } catch (error) {
    throw new DataError(`${folder}: expected a folder with ${name}.bin and ${name}.idx: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (entries.includes(`${name}.bin`)) return [];
  const shards: Shard[] = [];
  for (const entry of entries.sort()) {
    const match = entry.startsWith(name) ? /^-(\d{5})-of-(\d{5})\.bin$/.exec(entry.slice(name.length)) : null;
    if (!match) continue;
    const path = join(folder, entry);
    shards.push({ path, number: Number(match[1]), of: match[2]!, sizeBytes: statSync(path).size });
  }
  return shards;
}

// Every shard but the last has the size of the largest. "of-00020" may count the shards or name the last one (the hub's way).
function placeShards(path: string, shards: readonly Shard[], expectedBytes: number): Omit<Part, 'descriptor'>[] {
  const { of } = shards[0]!; // the caller found at least one
  const common = Math.max(1, ...shards.map((shard) => shard.sizeBytes));
  const numShards = Math.ceil(expectedBytes / common);
  const misnamed = shards.find((shard) => shard.of !== of || shard.number >= numShards);
  if (misnamed || (numShards !== Number(of) && numShards !== Number(of) + 1)) {
    throw new DataError(
      `${(misnamed ?? shards[0]!).path}: the index tells of ${expectedBytes} bytes, which is ${numShards} shards of ${common} bytes (the largest here); ` +
        `the names tell of ${of}; fetch a shard that is not the last, and remove those of other files`,
    );
  }
  return Array.from({ length: numShards }, (_, i) => {
    const start = common * i;
    const sizeBytes = Math.min(common, expectedBytes - start);
    const shard = shards.find((s) => s.number === i);
    if (shard && shard.sizeBytes !== sizeBytes) {
      throw new DataError(
        `${shard.path}: expected ${sizeBytes} bytes (${expectedBytes} in ${numShards} shards by the index), found ${shard.sizeBytes}; fetch it anew`,
      );
    }
    const number = String(i).padStart(5, '0');
    return { path: `${path.slice(0, -'.bin'.length)}-${number}-of-${of}.bin`, start, sizeBytes };
  });
}

function openShards(places: readonly Omit<Part, 'descriptor'>[]): Part[] {
  const parts: Part[] = [];
  try {
    for (const place of places) {
      parts.push({ ...place, descriptor: existsSync(place.path) ? openForReading(place.path) : undefined });
    }
  } catch (error) {
    closeAll(parts);
    throw error;
  }
  return parts;
}

function closeAll(parts: readonly Part[]): void {
  for (const { descriptor } of parts) if (descriptor !== undefined) closeSync(descriptor);
}
