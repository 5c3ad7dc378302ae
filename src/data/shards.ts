// The .bin of a token file as one file: PREFIX.bin, or equal shards PREFIX-00000-of-00020.bin, as the Pile's token files lie on the hub.
// Shards that are missing are an error only when a range touches them: the last 7 % of Pythia's training need 3 shards of 21.
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DataError, messageOf } from '../errors.ts';
import { joinFiles, openLocalFile, type ByteFile, type Part } from './byte-file.ts';

interface Shard {
  readonly path: string;
  readonly number: number;
  readonly of: string;
  readonly sizeBytes: number;
}

type Place = Omit<Part, 'file'>;

/**
 * Opens PREFIX.bin, or its shards when there is no such file. `expectedBytes` is the size by the index; it tells how many shards there
 * are. Throws DataError.
 */
export function openLocalTokens(prefix: string, expectedBytes: number): ByteFile {
  const path = `${prefix}.bin`;
  const shards = findShards(prefix);
  if (shards.length === 0) return openLocalFile(path);
  const there = new Set(shards.map((shard) => shard.path));
  const parts: Part[] = [];
  try {
    for (const place of placeShards(path, shards, expectedBytes)) {
      parts.push({ ...place, file: there.has(place.path) ? openLocalFile(place.path) : undefined });
    }
  } catch (error) {
    for (const { file } of parts) file?.close();
    throw error;
  }
  return joinFiles(path, parts);
}

/** The bytes of the .bin, or of those of its shards that are there. */
export function bytesPresent(prefix: string): number {
  const shards = findShards(prefix);
  if (shards.length > 0) return shards.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return statSync(`${prefix}.bin`, { throwIfNoEntry: false })?.size ?? 0;
}

/** The paths of the shards that are missing beside the .idx; none for a file in one piece. */
export function missingShards(prefix: string, expectedBytes: number): string[] {
  const shards = findShards(prefix);
  if (shards.length === 0) return [];
  const there = new Set(shards.map((shard) => shard.path));
  return placeShards(`${prefix}.bin`, shards, expectedBytes)
    .map(({ path }) => path)
    .filter((path) => !there.has(path));
}

/** The name of shard `number`, of a prefix whose shards' names end in "-of-NNNNN.bin". */
export function shardPath(prefix: string, number: number, of: number): string {
  return `${prefix}-${String(number).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.bin`;
}

/** Where each shard lies in the whole, when all but the last have `common` bytes; undefined when the names tell of another count. */
export function layOutShards(prefix: string, of: number, common: number, expectedBytes: number): Place[] | undefined {
  const numShards = Math.ceil(expectedBytes / common);
  // "of-00020" may count the shards or name the last one (the hub's way).
  if (numShards !== of && numShards !== of + 1) return undefined;
  return Array.from({ length: numShards }, (_, i) => {
    const start = common * i;
    return { path: shardPath(prefix, i, of), start, sizeBytes: Math.min(common, expectedBytes - start) };
  });
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

// Every shard but the last has the size of the largest.
function placeShards(path: string, shards: readonly Shard[], expectedBytes: number): Place[] {
  const { of } = shards[0]!; // the caller found at least one
  const common = Math.max(1, ...shards.map((shard) => shard.sizeBytes));
  const places = layOutShards(path.slice(0, -'.bin'.length), Number(of), common, expectedBytes);
  const misnamed = shards.find((shard) => shard.of !== of || shard.number >= Math.ceil(expectedBytes / common));
  if (misnamed || places === undefined) {
    throw new DataError(
      `${(misnamed ?? shards[0]!).path}, byte 0: the index tells of ${expectedBytes} bytes, which is ${Math.ceil(expectedBytes / common)} shards ` +
        `of ${common} bytes (the largest here); the names tell of ${of}; fetch a shard that is not the last, and remove those of other files`,
    );
  }
  for (const shard of shards) {
    const { sizeBytes } = places[shard.number]!; // numbers are below the count
    if (shard.sizeBytes === sizeBytes) continue;
    throw new DataError(
      `${shard.path}, byte ${Math.min(shard.sizeBytes, sizeBytes)}: expected ${sizeBytes} bytes (${expectedBytes} in ${places.length} shards by the index), ` +
        `found ${shard.sizeBytes}; fetch it anew`,
    );
  }
  return places.map((place, i) => ({ ...place, path: shards.find((s) => s.number === i)?.path ?? place.path }));
}
