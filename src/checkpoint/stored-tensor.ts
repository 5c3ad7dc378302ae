// A tensor that lies in a file, read piece by piece when asked for: what all readers of weight files give and all writers take, so that a
// checkpoint passes through memory a few megabytes at a time.

export type FloatType = 'F32' | 'F16' | 'BF16';

export interface StoredTensor {
  /** The file, for messages. */
  readonly path: string;
  /** The numbers' type in the file. */
  readonly dtype: FloatType;
  readonly shape: readonly number[];
  /** Fills `into` with the values from number `from` on, row-major, widened to fp32. Throws DataError when the file does not hold them. */
  read(from: number, into: Float32Array): void;
}

/** 4 MB of fp32: large enough that the disk, small enough that memory does not notice. */
export const PIECE_VALUES = 2 ** 20;

/** How many values a tensor of this shape has. */
export function countValues(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** All values of a tensor. */
export function readWhole(tensor: StoredTensor): Float32Array {
  const data = new Float32Array(countValues(tensor.shape));
  tensor.read(0, data);
  return data;
}

/** The values of a tensor in pieces of at most PIECE_VALUES; each is overwritten by the next. */
export function* piecesOf(tensor: Pick<StoredTensor, 'shape' | 'read'>): Generator<Float32Array> {
  const numValues = countValues(tensor.shape);
  const buffer = new Float32Array(Math.min(numValues, PIECE_VALUES));
  for (let from = 0; from < numValues; from += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, numValues - from));
    tensor.read(from, piece);
    yield piece;
  }
}

/** The bytes of an array, not a copy. */
export function bytesOf(array: Float32Array | Uint16Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
