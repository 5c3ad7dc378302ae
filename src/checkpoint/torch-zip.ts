// Reads what torch.save writes since PyTorch 1.6: a ZIP archive of stored entries with one pickle (data.pkl) and raw storages (data/KEY).
// Tensors are read from the file when asked for, so that a shard of gigabytes costs no memory.
import { DataError } from '../errors.ts';
import { widenBfloat16, widenHalf } from './float16.ts';
import { readPickle } from './pickle.ts';
import type { PickleValue, TensorReference } from './pickle-values.ts';
import { StoredZip, type ZipEntry } from './stored-zip.ts';

const MOST_PICKLE_BYTES = 2 ** 28;
const MOST_VALUES = 2 ** 31;

const ITEM_BYTES: Readonly<Record<string, number>> = {
  Half: 2,
  BFloat16: 2,
  Float: 4,
  Double: 8,
  Long: 8,
  Int: 4,
  Short: 2,
  Char: 1,
  Byte: 1,
  Bool: 1,
};

/** An open file of torch.save. */
export class TorchFile {
  readonly path: string;
  /** What was saved. */
  readonly value: PickleValue;
  readonly #archive: StoredZip;
  readonly #folder: string;

  /** Opens a file and reads its pickle; the caller closes it. Throws DataError when it is damaged or mentions what it must not. */
  constructor(path: string) {
    this.path = path;
    this.#archive = new StoredZip(path);
    try {
      const pickle = this.#findPickle();
      this.#folder = pickle.name.slice(0, -'data.pkl'.length);
      this.#checkByteOrder();
      this.value = readPickle(this.#archive.read(pickle, MOST_PICKLE_BYTES), path);
    } catch (error) {
      this.#archive.close();
      throw error;
    }
  }

  /** Reads a floating-point tensor, row-major and widened to fp32. Throws DataError when its storage does not hold it. */
  readTensor(tensor: TensorReference): Float32Array {
    const numValues = tensor.shape.reduce((product, size) => product * size, 1);
    if (isRowMajor(tensor)) return this.readValues(tensor, 0, numValues);
    const span = this.#span(tensor);
    const values = this.#readStorage(tensor, tensor.offset, span);
    const data = new Float32Array(numValues);
    const place = tensor.shape.map(() => 0);
    for (let i = 0; i < numValues; i++) {
      data[i] = values[place.reduce((sum, p, d) => sum + p * tensor.strides[d]!, 0)]!;
      for (let d = place.length - 1; d >= 0; d--) {
        place[d]! += 1;
        if (place[d]! < tensor.shape[d]!) break;
        place[d] = 0;
      }
    }
    return data;
  }

  /** Reads `count` values of a row-major tensor from its value `from` on, widened to fp32. */
  readValues(tensor: TensorReference, from: number, count: number): Float32Array {
    if (!isRowMajor(tensor))
      throw new DataError(
        `${this.path}: expected a contiguous tensor, found the strides [${tensor.strides.join(', ')}]`,
      );
    const span = this.#span(tensor);
    if (from + count > span) throw new RangeError(`bug: values ${from} to ${from + count} of a tensor of ${span}`);
    return this.#readStorage(tensor, tensor.offset + from, count);
  }

  close(): void {
    this.#archive.close();
  }

  // Values of the storage from a tensor's first to its last, checked to be there.
  #span(tensor: TensorReference): number {
    const { storage, offset, shape, strides } = tensor;
    const isEmpty = shape.includes(0);
    const span = isEmpty ? 0 : shape.reduce((sum, size, d) => sum + (size - 1) * strides[d]!, 1);
    const numValues = shape.reduce((product, size) => product * size, 1);
    if (span > MOST_VALUES || numValues > MOST_VALUES || offset + span > storage.numValues) {
      throw new DataError(
        `${this.path}: expected a tensor inside storage ${storage.key} of ${storage.numValues} values, ` +
          `found offset ${offset}, shape [${shape.join(', ')}], strides [${strides.join(', ')}]`,
      );
    }
    return span;
  }

  #readStorage({ storage }: TensorReference, from: number, count: number): Float32Array {
    const width = ITEM_BYTES[storage.type] ?? 1;
    const entry = this.#archive.entries.get(`${this.#folder}data/${storage.key}`);
    if (entry?.sizeBytes !== storage.numValues * width) {
      throw new DataError(
        `${this.path}: expected ${storage.numValues * width} bytes in storage ${storage.key} (${storage.numValues} values of ${storage.type}), found ${entry?.sizeBytes ?? 'no such entry'}`,
      );
    }
    const data = new Float32Array(count);
    if (storage.type === 'Float') {
      this.#archive.fill(bytesOf(data), entry, from * width);
      return data;
    }
    if (storage.type !== 'Half' && storage.type !== 'BFloat16') {
      throw new DataError(
        `${this.path}: storage ${storage.key}: expected Float, Half or BFloat16 numbers, found ${storage.type}`,
      );
    }
    const bits = new Uint16Array(count);
    this.#archive.fill(bytesOf(bits), entry, from * width);
    if (storage.type === 'Half') widenHalf(bits, data);
    else widenBfloat16(bits, data);
    return data;
  }

  #findPickle(): ZipEntry {
    const found = [...this.#archive.entries.values()].filter(({ name }) => /^([^/]*\/)?data\.pkl$/.test(name));
    if (found.length !== 1)
      throw new DataError(`${this.path}: expected one data.pkl, as torch.save writes it, found ${found.length}`);
    return found[0]!; // the only one
  }

  #checkByteOrder(): void {
    const entry = this.#archive.entries.get(`${this.#folder}byteorder`);
    const order = entry && this.#archive.read(entry, 16).toString('latin1');
    if (order === undefined || order === 'little') return;
    throw new DataError(
      `${this.path}: expected the byte order "little", found "${order}"; save it on a little-endian machine`,
    );
  }
}

function isRowMajor({ shape, strides }: TensorReference): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected && !shape.includes(0)) return false;
    expected *= shape[d]!;
  }
  return true;
}

function bytesOf(array: Float32Array | Uint16Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
