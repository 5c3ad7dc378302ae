// Index arrays with which GPT-NeoX v1.0 reads documents that are rows, each as one sample and in their order. Beside index-maps.ts: those
// are made as GPT-NeoX makes its own; these stand under the same names, so that it finds them and makes none.
//
// Its reader (megatron/data/gpt2_dataset.py) takes as its i-th sample the tokens from start s = order[i] up to and including start s + 1.
// Neighbouring samples of its own arrays share a token; rows share none. So each row has two starts, its first token and its last: the
// samples with even numbers are the rows, and those between them, two tokens long, are in no order.
// Its sampler passes over the samples of the steps before the resume without reading them: `order` begins with as many places.
import { dirname } from 'node:path';
import { InputError } from '../errors.ts';
import { nameFiles } from './index-maps.ts';
import { writeNpy } from './npy.ts';
import type { SampleOrder } from './sample-index.ts';

const CHUNK = 2 ** 16;
const MOST_ROWS = 2 ** 30; // two starts a row, numbered in int32

export interface RowMaps {
  /** Rows in the .bin. */
  readonly numRows: number;
  /** Training samples before the first row: steps before the window · rows a step. */
  readonly firstSample: number;
}

/** Writes the three arrays beside the .bin of `prefix`, each whole. Throws InputError for more rows than the arrays can number. */
export function writeRowMaps(prefix: string, { numRows, firstSample }: RowMaps, order: SampleOrder): void {
  if (numRows > MOST_ROWS || firstSample + numRows >= 2 ** 32 - 2)
    throw new InputError(`${prefix}: expected at most ${MOST_ROWS} rows and 2^32 samples, found ${numRows} rows`);
  const files = nameFiles(dirname(prefix), prefix, order);
  // GPT-NeoX takes the last sample for one too many, and reads what both arrays have.
  const numSamples = Math.max(2 * numRows, firstSample + numRows + 1);
  const lastToken = order.seqLength;
  writeNpy(
    files.documents,
    '<i4',
    [numRows],
    int32Pieces(numRows, (row) => row),
  );
  writeNpy(
    files.starts,
    '<i4',
    [numSamples + 1, 2],
    int32Pieces(2 * (numSamples + 1), (at) => {
      const start = Math.floor(at / 2);
      if (start >= 2 * numRows) return at % 2 === 0 ? numRows - 1 : lastToken; // nobody reads these
      if (at % 2 === 0) return Math.floor(start / 2);
      return start % 2 === 0 ? 0 : lastToken;
    }),
  );
  writeNpy(
    files.order,
    '<u4',
    [numSamples],
    int32Pieces(numSamples, (i) => (i >= firstSample && i < firstSample + numRows ? 2 * (i - firstSample) : 0)),
  );
}

// Below 2^31, int32 and uint32 have the same bytes.
function* int32Pieces(count: number, valueAt: (place: number) => number): Generator<Int32Array> {
  const piece = new Int32Array(Math.min(CHUNK, count));
  for (let from = 0; from < count; from += piece.length) {
    const length = Math.min(piece.length, count - from);
    for (let i = 0; i < length; i++) piece[i] = valueAt(from + i);
    yield piece.subarray(0, length);
  }
}
