// Whole parameters ↔ the parts of them that tensor-parallel ranks hold, piece by piece. NeoX's checkpoints are cut so; ours are whole.
import type { NeoxParameter } from './names.ts';
import type { StoredTensor } from './stored-tensor.ts';

/**
 * A whole parameter from the parts of all ranks, rank 0 first. `isMoment` tells Adam's moments from the weights: each rank adds its own copy of a bias
 * before the results are summed, so the bias is the sum of the copies; its gradient reaches every copy in full, so the moments of all copies are the bias's
 * own. Copies can have drifted apart by rounding: their mean is taken.
 */
export function mergeRanks(
  { cut, shape }: Pick<NeoxParameter, 'cut' | 'shape'>,
  parts: readonly StoredTensor[],
  isMoment: boolean,
): StoredTensor {
  const [first] = parts;
  if (!first) throw new Error('bug: a parameter of no rank');
  if (parts.length === 1) return first;
  const { path, dtype } = first;
  if (cut === 'rows') return { path, dtype, shape, read: (from, into) => readRows(parts, from, into) };
  if (cut === 'columns') {
    const width = shape[1]!; // only matrices are cut by columns
    return { path, dtype, shape, read: (from, into) => readColumns(parts, width, from, into) };
  }
  const divisor = cut === 'summands' && !isMoment ? 1 : parts.length;
  return { path, dtype, shape, read: (from, into) => readSum(parts, divisor, from, into) };
}

/** One rank's part of a whole parameter: rows, columns, the whole of it, or an equal summand. */
export function cutForRank(
  { cut, shape }: Pick<NeoxParameter, 'cut' | 'shape'>,
  whole: StoredTensor,
  rank: number,
  numRanks: number,
): StoredTensor {
  if (numRanks === 1 || cut === 'copies') return whole;
  const { path, dtype } = whole;
  const [rows = 1, columns = 1] = shape;
  if (cut === 'rows') {
    const first = (rank * rows * columns) / numRanks;
    const part = [rows / numRanks, ...shape.slice(1)];
    return { path, dtype, shape: part, read: (from, into) => whole.read(first + from, into) };
  }
  if (cut === 'columns') {
    const width = columns / numRanks;
    const read: StoredTensor['read'] = (from, into) => {
      forEachRow(from, into.length, width, (row, column, place, count) => {
        whole.read(row * columns + rank * width + column, into.subarray(place, place + count));
      });
    };
    return { path, dtype, shape: [rows, width], read };
  }
  const read: StoredTensor['read'] = (from, into) => {
    whole.read(from, into);
    for (let i = 0; i < into.length; i++) into[i]! /= numRanks;
  };
  return { path, dtype, shape, read };
}

function readRows(parts: readonly StoredTensor[], from: number, into: Float32Array): void {
  let start = 0;
  for (const part of parts) {
    const end = start + part.shape.reduce((product, size) => product * size, 1);
    const [a, b] = [Math.max(from, start), Math.min(from + into.length, end)];
    if (a < b) part.read(a - start, into.subarray(a - from, b - from));
    start = end;
  }
}

// Reads whole rows of each part at once and picks what is asked for, because a row of one part is short.
function readColumns(parts: readonly StoredTensor[], width: number, from: number, into: Float32Array): void {
  const partWidth = width / parts.length;
  const firstRow = Math.floor(from / width);
  const numRows = Math.ceil((from + into.length) / width) - firstRow;
  const rows = new Float32Array(numRows * partWidth);
  for (const [rank, part] of parts.entries()) {
    part.read(firstRow * partWidth, rows);
    for (let row = 0; row < numRows; row++) {
      const start = (firstRow + row) * width + rank * partWidth; // in the whole
      const [a, b] = [Math.max(from, start), Math.min(from + into.length, start + partWidth)];
      if (a < b) into.set(rows.subarray(row * partWidth + a - start, row * partWidth + b - start), a - from);
    }
  }
}

function readSum(parts: readonly StoredTensor[], divisor: number, from: number, into: Float32Array): void {
  const sums = new Float64Array(into.length);
  for (const part of parts) {
    part.read(from, into);
    for (let i = 0; i < into.length; i++) sums[i]! += into[i]!;
  }
  for (let i = 0; i < into.length; i++) into[i] = sums[i]! / divisor;
}

function forEachRow(
  from: number,
  count: number,
  width: number,
  use: (row: number, column: number, place: number, count: number) => void,
): void {
  for (let done = 0; done < count;) {
    const column = (from + done) % width;
    const size = Math.min(width - column, count - done);
    use(Math.floor((from + done) / width), column, done, size);
    done += size;
  }
}
