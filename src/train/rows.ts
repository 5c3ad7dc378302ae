// The rows of a batch as training reads them, and which of them give a loss or gradient that is not finite: by place and hash, so that the text behind
// them can be found.
import { createHash } from 'node:crypto';

/** Token ids [numRows, rowLength] row-major, rowLength = T + 1. */
export interface TrainingRows {
  readonly tokens: Int32Array;
  readonly numRows: number;
  readonly rowLength: number;
}

/** Rows that are named at most. */
const MOST_NAMED = 8;

/** SHA-256 of one row's ids as little-endian int32, in hex: what `tiresias replay` gives for a batch of that row alone. */
function rowSha256({ tokens, rowLength }: TrainingRows, row: number): string {
  const ids = tokens.slice(row * rowLength, (row + 1) * rowLength);
  return createHash('sha256').update(new Uint8Array(ids.buffer)).digest('hex');
}

/** In words, the rows that are not finite by themselves; told apart one by one, for a run that stops here anyway. */
export async function describeFaultyRows(
  rows: TrainingRows,
  isFiniteAlone: (row: TrainingRows) => Promise<boolean>,
): Promise<string> {
  const faulty: number[] = [];
  for (let row = 0; row < rows.numRows; row++) {
    const tokens = rows.tokens.slice(row * rows.rowLength, (row + 1) * rows.rowLength);
    if (!(await isFiniteAlone({ tokens, numRows: 1, rowLength: rows.rowLength }))) faulty.push(row);
  }
  if (faulty.length === 0) return 'every row by itself is finite, their sum is not';
  const named = faulty.slice(0, MOST_NAMED).map((row) => `${row} (SHA-256 ${rowSha256(rows, row)})`);
  const which =
    faulty.length === rows.numRows ? `all ${rows.numRows} rows` : `${faulty.length} of ${rows.numRows} rows`;
  return `${which} are not finite by themselves: ${named.join(', ')}${faulty.length > MOST_NAMED ? ', …' : ''}`;
}
