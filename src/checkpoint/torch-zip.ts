// Reads what torch.save writes since PyTorch 1.6: a ZIP archive of stored entries with one pickle (data.pkl) and raw storages (data/KEY).
// Tensors are read from the file when asked for, so that a shard of gigabytes costs no memory.
import { DataError } from '../errors.ts';
import { excerpt } from './excerpt.ts';
import { readPickle } from './pickle.ts';
import type { PickleValue, TensorReference } from './pickle-values.ts';
import { fillFloats, FLOAT_BYTES } from './random-access.ts';
import { countValues, type FloatType, type StoredTensor } from './stored-tensor.ts';
import { StoredZip, type ZipEntry } from './stored-zip.ts';

/** The pickle of Pythia's largest files has some 100 kB. */
const MOST_PICKLE_BYTES = 2 ** 24;
const MOST_VALUES = 2 ** 31;

const FLOATS: Readonly<Record<string, FloatType>> = { Half: 'F16', BFloat16: 'BF16', Float: 'F32' };

/** An open file of torch.save. */
export class TorchFile {
  readonly path: string;
  /** What was saved. */
  readonly value: PickleValue;
  readonly #archive: StoredZip;
  readonly #folder: string;
  /** The storage behind the last tensor that is not row-major, so that its pieces do not read it again and again. */
  #strided: { readonly reference: TensorReference; readonly values: Float32Array } | undefined;

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

  /**
   * A floating-point tensor of this file, which can be read while it is open. Throws DataError when it is of another type, its storage does not hold it, or
   * it repeats values of its storage.
   */
  tensor(reference: TensorReference): StoredTensor {
    const dtype = this.#checkInside(reference);
    const entry = this.#storageOf(reference, dtype);
    const numValues = countValues(reference.shape);
    const isPlain = isRowMajor(reference);
    return {
      path: this.path,
      dtype,
      shape: reference.shape,
      read: (from, into) => {
        if (from + into.length > numValues)
          throw new RangeError(`bug: values ${from} to ${from + into.length} of a tensor of ${numValues}`);
        if (isPlain) this.#fill(entry, dtype, reference.offset + from, into);
        else this.#fillStrided(reference, entry, dtype, from, into);
      },
    };
  }

  close(): void {
    this.#archive.close();
    this.#strided = undefined;
  }

  #fill(entry: ZipEntry, dtype: FloatType, from: number, into: Float32Array): void {
    fillFloats(dtype, into, (bytes) => this.#archive.fill(bytes, entry, from * FLOAT_BYTES[dtype]));
  }

  #fillStrided(reference: TensorReference, entry: ZipEntry, dtype: FloatType, from: number, into: Float32Array): void {
    if (this.#strided?.reference !== reference) {
      this.#strided = undefined; // before the next is read
      const values = new Float32Array(spanOf(reference));
      this.#fill(entry, dtype, reference.offset, values);
      this.#strided = { reference, values };
    }
    const { values } = this.#strided;
    const { shape, strides } = reference;
    const place = placeOf(from, shape);
    for (let i = 0; i < into.length; i++) {
      into[i] = values[place.reduce((sum, p, d) => sum + p * strides[d]!, 0)]!;
      for (let d = place.length - 1; d >= 0; d--) {
        place[d]! += 1;
        if (place[d]! < shape[d]!) break;
        place[d] = 0;
      }
    }
  }

  #checkInside(reference: TensorReference): FloatType {
    const { storage, offset, shape, strides } = reference;
    const span = spanOf(reference);
    const numValues = countValues(shape);
    if (span > MOST_VALUES || numValues > MOST_VALUES || offset + span > storage.numValues) {
      this.#fail(
        reference,
        `expected a tensor inside storage ${excerpt(storage.key)} of ${storage.numValues} values, ` +
          `found offset ${offset}, shape ${excerpt(shape)}, strides ${excerpt(strides)}`,
      );
    }
    if (numValues > span)
      this.#fail(
        reference,
        `expected at most the ${span} values that storage ${excerpt(storage.key)} has from its first to its last, found ${numValues} by the shape ${excerpt(shape)}, strides ${excerpt(strides)}; save a contiguous tensor`,
      );
    const dtype = Object.hasOwn(FLOATS, storage.type) ? FLOATS[storage.type] : undefined;
    return (
      dtype ??
      this.#fail(
        reference,
        `storage ${excerpt(storage.key)}: expected Float, Half or BFloat16 numbers, found ${storage.type}`,
      )
    );
  }

  #storageOf({ storage }: TensorReference, dtype: FloatType): ZipEntry {
    const entry = this.#archive.entries.get(`${this.#folder}data/${storage.key}`);
    const expected = storage.numValues * FLOAT_BYTES[dtype];
    if (entry?.sizeBytes === expected) return entry;
    return this.#archive.fail(
      entry?.headerOffset ?? 0,
      `expected ${expected} bytes in storage ${excerpt(storage.key)} (${storage.numValues} values of ${storage.type}), found ${entry?.sizeBytes ?? 'no such entry'}`,
    );
  }

  #fail({ pickleByte }: TensorReference, fault: string): never {
    throw new DataError(`${this.path}, byte ${pickleByte} of its pickle: ${fault}`);
  }

  #findPickle(): ZipEntry {
    const found = [...this.#archive.entries.values()].filter(({ name }) => /^([^/]*\/)?data\.pkl$/.test(name));
    if (found.length !== 1)
      this.#archive.fail(
        found[1]?.headerOffset ?? 0,
        `expected one data.pkl, as torch.save writes it, found ${found.length}`,
      );
    return found[0]!; // the only one
  }

  #checkByteOrder(): void {
    const entry = this.#archive.entries.get(`${this.#folder}byteorder`);
    const order = entry && this.#archive.read(entry, 16).toString('latin1');
    if (entry === undefined || order === 'little') return;
    this.#archive.fail(
      entry.headerOffset,
      `expected the byte order "little", found ${excerpt(order)}; save it on a little-endian machine`,
    );
  }
}

// Values of the storage from a tensor's first to its last.
function spanOf({ shape, strides }: TensorReference): number {
  return shape.includes(0) ? 0 : shape.reduce((sum, size, d) => sum + (size - 1) * strides[d]!, 1);
}

// The indices of a row-major tensor's value number `from`.
function placeOf(from: number, shape: readonly number[]): number[] {
  let rest = from;
  return shape
    .map((_, i) => {
      const size = shape[shape.length - 1 - i]!; // as many as there are
      const index = rest % size;
      rest = Math.floor(rest / size);
      return index;
    })
    .reverse();
}

function isRowMajor({ shape, strides }: TensorReference): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected && !shape.includes(0)) return false;
    expected *= shape[d]!;
  }
  return true;
}
