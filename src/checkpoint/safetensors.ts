// Reads and writes named tensors in the safetensors format (huggingface/safetensors 0.4, format.md). Checkpoint end of the road.
// Tensors are read when asked for and written as they come, piece by piece. Reads fp32, fp16 and bf16, as fp32; writes fp32 or fp16.
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { DataError } from '../errors.ts';
import { excerpt } from './excerpt.ts';
import { narrowFinite } from './float16.ts';
import { fillFloats, FLOAT_BYTES, RandomAccessFile, writeAll } from './random-access.ts';
import { readHeader, type HeaderEntry } from './safetensors-header.ts';
import { bytesOf, countValues, piecesOf, readWhole, type FloatType, type StoredTensor } from './stored-tensor.ts';

export interface Tensor {
  /** The type in the file. */
  readonly dtype: string;
  readonly shape: number[];
  /** Row-major. */
  readonly data: Float32Array;
}

/** A tensor to write: its values, or a way to read them piece by piece when their turn comes. */
export type TensorToWrite =
  { readonly shape: readonly number[]; readonly data: Float32Array } | Pick<StoredTensor, 'shape' | 'read'>;

export type WrittenType = 'F32' | 'F16';

const FLOAT_TYPES: readonly string[] = ['F32', 'F16', 'BF16'] satisfies FloatType[];

/** An open file. */
export class SafetensorsFile {
  readonly path: string;
  /** Its floating-point tensors by name. Integer and boolean tensors (masks in older Hugging Face files) are checked and left out. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly #file: RandomAccessFile;

  /**
   * Opens a file and reads its header; the caller closes it. Throws DataError, naming file, byte, tensor, what was expected and found, when the file is
   * not what it claims to be.
   */
  constructor(path: string) {
    this.path = path;
    this.#file = new RandomAccessFile(path);
    try {
      this.tensors = new Map(
        readHeader(this.#file)
          .filter(({ dtype }) => FLOAT_TYPES.includes(dtype) || dtype.startsWith('F'))
          .map((entry) => [entry.name, storedTensor(this.#file, entry)]),
      );
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    this.#file.close();
  }
}

/** Reads the floating-point tensors of a file by name, whole and as fp32. Throws DataError as SafetensorsFile does. */
export function readSafetensors(path: string): Map<string, Tensor> {
  const file = new SafetensorsFile(path);
  try {
    return new Map(
      [...file.tensors].map(([name, tensor]) => {
        const { dtype, shape } = tensor;
        return [name, { dtype, shape: [...shape], data: readWhole(tensor) }];
      }),
    );
  } finally {
    file.close();
  }
}

/** The shapes and types of all tensors of a file, without their values. Throws DataError as SafetensorsFile does. */
export function readSafetensorsShapes(path: string): Map<string, { readonly dtype: string; readonly shape: number[] }> {
  const file = new RandomAccessFile(path);
  try {
    return new Map(readHeader(file).map(({ name, dtype, shape }) => [name, { dtype, shape }]));
  } finally {
    file.close();
  }
}

/**
 * Writes tensors in the given order. The file appears under its name only when it is complete and on the disk. The format is named in its metadata, which
 * Hugging Face's loader asks for. Throws DataError naming the tensor when a finite value of it is out of fp16's range.
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, TensorToWrite]>,
  dtype: WrittenType = 'F32',
): void {
  const all = [...tensors];
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const descriptor = openSync(temporary, 'w');
    try {
      writeAll(descriptor, headerOf(path, all, dtype));
      for (const [name, tensor] of all) writeTensor(descriptor, path, name, tensor, dtype);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function storedTensor(file: RandomAccessFile, { name, dtype, shape, start }: HeaderEntry): StoredTensor {
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
    throw new DataError(
      `${file.path}, byte ${start}: tensor ${excerpt(name)}: expected F32, F16 or BF16 numbers, found ${dtype}; convert the file`,
    );
  }
  const numValues = countValues(shape);
  return {
    path: file.path,
    dtype,
    shape,
    read(from, into) {
      if (from + into.length > numValues)
        throw new RangeError(`bug: values ${from} to ${from + into.length} of ${name}, which has ${numValues}`);
      fillFloats(dtype, into, (bytes) => file.fill(bytes, start + from * FLOAT_BYTES[dtype]));
    },
  };
}

function headerOf(path: string, tensors: readonly (readonly [string, TensorToWrite])[], dtype: WrittenType): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let end = 0;
  for (const [name, { shape }] of tensors) {
    if (Object.hasOwn(header, name)) throw new Error(`bug: ${path}: two tensors named "${name}"`);
    const begin = end;
    end += FLOAT_BYTES[dtype] * countValues(shape);
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const bytes = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' '); // values begin at a multiple of eight
  bytes.writeBigUInt64LE(BigInt(bytes.length - 8));
  json.copy(bytes, 8);
  return bytes;
}

function writeTensor(descriptor: number, path: string, name: string, tensor: TensorToWrite, dtype: WrittenType): void {
  const { shape } = tensor;
  if ('data' in tensor && tensor.data.length !== countValues(shape)) {
    throw new Error(`bug: ${path}: tensor "${name}" of shape [${shape.join(', ')}] has ${tensor.data.length} values`);
  }
  for (const values of 'data' in tensor ? [tensor.data] : piecesOf(tensor)) {
    writeAll(descriptor, bytesOf(dtype === 'F32' ? values : narrowFinite(values, name)));
  }
}
