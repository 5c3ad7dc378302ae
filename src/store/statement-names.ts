// Names by which a connection keeps the plan of a statement that comes often: for the small readings of which requests are made, planning takes the database
// as long as running. Few texts get one, because connections keep what they were once given.
import { createHash } from 'node:crypto';

/** Times that a text comes before it is named. */
const OFTEN = 5;
const MOST_NAMES = 300;
/** Texts that are counted: lists of values make new ones for ever. */
const MOST_COUNTED = 5_000;

/** A function that names texts; undefined where the text is to be planned each time. */
export function makeStatementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  return (text) => {
    const known = names.get(text);
    if (known !== undefined || names.size >= MOST_NAMES) return known;
    const count = (counts.get(text) ?? 0) + 1;
    if (counts.size >= MOST_COUNTED) counts.clear();
    counts.set(text, count);
    if (count < OFTEN) return undefined;
    counts.delete(text);
    const name = createHash('sha256').update(text).digest('hex').slice(0, 32);
    names.set(text, name);
    return name;
  };
}
