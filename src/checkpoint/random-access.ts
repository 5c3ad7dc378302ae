// A file that is read at any place and no further than its end. Under the readers of safetensors and torch files.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { DataError, messageOf } from '../errors.ts';
import { widenBfloat16, widenHalf } from './float16.ts';
import { bytesOf, type FloatType } from './stored-tensor.ts';

const CHUNK_BYTES = 2 ** 26;

/** An open file. */
export class RandomAccessFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #descriptor: number;

  /** Opens a file; the caller closes it. Throws DataError when it cannot be read. */
  constructor(path: string) {
    this.path = path;
    try {
      this.#descriptor = openSync(path, 'r');
    } catch (error) {
      throw new DataError(`${path}: expected a readable file: ${messageOf(error)}; check the path`, { cause: error });
    }
    const status = fstatSync(this.#descriptor);
    this.sizeBytes = status.size;
    if (status.isFile()) return;
    this.close();
    throw new DataError(`${path}: expected a file, found a folder or device`);
  }

  /** Fills `into` from byte `offset` of the file on. Throws DataError when the file ends before. */
  fill(into: Buffer, offset: number): void {
    for (let done = 0; done < into.length;) {
      const size = Math.min(CHUNK_BYTES, into.length - done);
      const got = readSync(this.#descriptor, into, done, size, offset + done);
      if (got === 0)
        throw new DataError(
          `${this.path}: expected ${into.length} bytes at byte ${offset}, found ${done}; the file is cut short or changed while it was read`,
        );
      done += got;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Bytes of one number. */
export const FLOAT_BYTES: Readonly<Record<FloatType, number>> = { F32: 4, F16: 2, BF16: 2 };

/** Fills `into` with numbers whose bytes `fill` gives; narrow ones are widened in place, without a second array. */
export function fillFloats(dtype: FloatType, into: Float32Array, fill: (bytes: Buffer) => void): void {
  if (dtype === 'F32') {
    fill(bytesOf(into));
    return;
  }
  const bits = new Uint16Array(into.buffer, into.byteOffset + 2 * into.length, into.length);
  fill(bytesOf(bits));
  (dtype === 'F16' ? widenHalf : widenBfloat16)(bits, into);
}

/** Writes all bytes at the place where the file is. */
export function writeAll(descriptor: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(descriptor, bytes, done, Math.min(CHUNK_BYTES, bytes.length - done));
  }
}
