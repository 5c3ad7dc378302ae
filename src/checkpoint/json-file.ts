// Reads the small JSON files of a checkpoint folder: nothing is parsed that is larger than such a file can be.
import { readFileSync, statSync } from 'node:fs';
import { DataError, messageOf } from '../errors.ts';

/** An index of 12B's shards has 50 kB. */
const MOST_BYTES = 2 ** 22;

/** What a JSON file holds. Throws DataError naming the file when it is none, or larger than allowed, 4 MB unless told otherwise. */
export function readJsonFile(path: string, mostBytes = MOST_BYTES): unknown {
  try {
    const { size } = statSync(path);
    if (size > mostBytes) throw new DataError(`expected at most ${mostBytes} bytes, found ${size}`);
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new DataError(`${path}: expected JSON: ${messageOf(error)}`, { cause: error });
  }
}
