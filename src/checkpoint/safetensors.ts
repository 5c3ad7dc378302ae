// Reads and writes named tensors in the safetensors format (huggingface/safetensors 0.4, format.md). Checkpoint end of the road.
// A file is read only after its whole header agrees with its size: lengths in limits, ranges without holes or overlaps, each as
// long as its type and shape say. Widens fp16 and bf16 to fp32; writes fp32 only.
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { DataError, messageOf } from '../errors.ts';
import { widenBfloat16, widenHalf } from './float16.ts';

export interface Tensor {
  /** The type in the file. */
  readonly dtype: string;
  readonly shape: number[];
  /** Row-major. */
  readonly data: Float32Array;
}

/** A tensor to write; a function is called when its turn comes, so that only one needs to be in memory. */
export interface TensorToWrite {
  readonly shape: readonly number[];
  readonly data: Float32Array | (() => Float32Array);
}

/** As in the format's own reader. */
const MOST_HEADER_BYTES = 100_000_000;
const MOST_DIMENSIONS = 16;
const MOST_VALUES = 2 ** 31; // of one tensor; twelve times Pythia's largest
const CHUNK_BYTES = 2 ** 26;

const ITEM_BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
};

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads the floating-point tensors of a file by name, as fp32. Integer and boolean tensors (masks in older Hugging Face files) are checked and left out.
 * Throws DataError, naming file, tensor, what was expected and found, when the file is not what it claims to be.
 */
export function readSafetensors(path: string): Map<string, Tensor> {
  const descriptor = openFile(path);
  try {
    const { entries, dataStart } = readHeader(descriptor, path);
    const tensors = new Map<string, Tensor>();
    for (const { name, dtype, shape, begin, end } of entries) {
      if (dtype.startsWith('F') && dtype !== 'F32' && dtype !== 'F16') {
        throw new DataError(
          `${path}: tensor "${name}": expected F32, F16 or BF16 numbers, found ${dtype}; convert the file`,
        );
      }
      if (!['F32', 'F16', 'BF16'].includes(dtype)) continue;
      const data = new Float32Array(countValues(shape));
      if (dtype === 'F32') fill(descriptor, path, bytesOf(data), dataStart + begin);
      else {
        const bits = new Uint16Array((end - begin) / 2);
        fill(descriptor, path, bytesOf(bits), dataStart + begin);
        if (dtype === 'F16') widenHalf(bits, data);
        else widenBfloat16(bits, data);
      }
      tensors.set(name, { dtype, shape, data });
    }
    return tensors;
  } finally {
    closeSync(descriptor);
  }
}

/** The shapes and types of all tensors of a file, without their values. Throws DataError as readSafetensors does. */
export function readSafetensorsShapes(path: string): Map<string, { readonly dtype: string; readonly shape: number[] }> {
  const descriptor = openFile(path);
  try {
    const { entries } = readHeader(descriptor, path);
    return new Map(entries.map(({ name, dtype, shape }) => [name, { dtype, shape }]));
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes tensors as fp32 in the given order. The file appears under its name only when it is complete and on the disk.
 * `metadata` defaults to what Hugging Face's loader asks for.
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, TensorToWrite]>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): void {
  const all = [...tensors];
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, { shape }] of all) {
    if (Object.hasOwn(header, name)) throw new Error(`bug: ${path}: two tensors named "${name}"`);
    const begin = end;
    end += 4 * countValues(shape);
    header[name] = { dtype: 'F32', shape, data_offsets: [begin, end] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' '); // values begin at a multiple of eight
  start.writeBigUInt64LE(BigInt(start.length - 8));
  json.copy(start, 8);

  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const descriptor = openSync(temporary, 'w');
    try {
      writeAll(descriptor, start);
      for (const [name, { shape, data }] of all) {
        const values = typeof data === 'function' ? data() : data;
        if (values.length !== countValues(shape)) {
          throw new Error(`bug: ${path}: tensor "${name}" of shape [${shape.join(', ')}] has ${values.length} values`);
        }
        writeAll(descriptor, bytesOf(values));
      }
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new DataError(`${path}: expected a readable safetensors file: ${messageOf(error)}; check the path`, {
      cause: error,
    });
  }
}

function readHeader(descriptor: number, path: string): { entries: Entry[]; dataStart: number } {
  const fileBytes = fstatSync(descriptor).size;
  if (fileBytes < 8) throw new DataError(`${path}: expected at least 8 bytes, found ${fileBytes}; fetch the file anew`);
  const lengthBytes = Buffer.alloc(8);
  fill(descriptor, path, lengthBytes, 0);
  const headerBytes = lengthBytes.readBigUInt64LE();
  if (headerBytes > BigInt(MOST_HEADER_BYTES) || Number(headerBytes) > fileBytes - 8) {
    throw new DataError(
      `${path}, byte 0: expected a header of at most ${Math.min(MOST_HEADER_BYTES, fileBytes - 8)} bytes (the file has ${fileBytes}), ` +
        `found one of ${headerBytes}; the file is cut short or not safetensors`,
    );
  }
  const bytes = Buffer.alloc(Number(headerBytes));
  fill(descriptor, path, bytes, 8);
  const dataStart = 8 + bytes.length;
  const entries = parseHeader(bytes, path).sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(entries, fileBytes - dataStart, path);
  return { entries, dataStart };
}

function parseHeader(bytes: Buffer, path: string): Entry[] {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new DataError(`${path}, byte 8: expected a header in JSON: ${messageOf(error)}`, { cause: error });
  }
  if (!isRecord(header)) throw new DataError(`${path}, byte 8: expected a header that is a JSON object`);
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') entries.push(parseEntry(name, value, path));
    else if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string')) {
      throw new DataError(`${path}: "__metadata__": expected an object of strings`);
    }
  }
  return entries;
}

function parseEntry(name: string, value: unknown, path: string): Entry {
  const where = `${path}: tensor "${name}"`;
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
  const width = typeof dtype === 'string' && Object.hasOwn(ITEM_BYTES, dtype) ? ITEM_BYTES[dtype] : undefined;
  if (typeof dtype !== 'string' || width === undefined) {
    throw new DataError(
      `${where}: expected one of the types ${Object.keys(ITEM_BYTES).join(', ')}, found ${JSON.stringify(dtype)}`,
    );
  }
  if (!isCounts(shape) || shape.length > MOST_DIMENSIONS) {
    throw new DataError(
      `${where}: expected a shape of at most ${MOST_DIMENSIONS} whole numbers, found ${JSON.stringify(shape)}`,
    );
  }
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw new DataError(`${where}: expected data_offsets of two whole numbers, found ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const numValues = countValues(shape);
  if (numValues > MOST_VALUES) {
    throw new DataError(`${where}: expected at most ${MOST_VALUES} values, found the shape [${shape.join(', ')}]`);
  }
  if (end - begin !== numValues * width) {
    throw new DataError(
      `${where}: expected ${numValues * width} bytes (${dtype} of shape [${shape.join(', ')}]), found data_offsets [${begin}, ${end}]`,
    );
  }
  return { name, dtype, shape, begin, end };
}

// `entries` by their start.
function checkCoverage(entries: readonly Entry[], dataBytes: number, path: string): void {
  let covered = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== covered) {
      const fault = begin < covered ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new DataError(
        `${path}: tensor "${name}": expected its data to begin at ${covered}, found ${begin}: it ${fault}`,
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw new DataError(
      `${path}: expected ${covered} bytes of tensor data by the header, found ${dataBytes}; ` +
        `${dataBytes < covered ? 'the file is cut short' : 'bytes follow that no tensor owns'}: fetch it anew`,
    );
  }
}

function fill(descriptor: number, path: string, into: Buffer, offset: number): void {
  let done = 0;
  while (done < into.length) {
    const got = readSync(descriptor, into, done, Math.min(CHUNK_BYTES, into.length - done), offset + done);
    if (got === 0)
      throw new DataError(
        `${path}: expected ${into.length} bytes at offset ${offset}, found ${done}; the file changed while it was read`,
      );
    done += got;
  }
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(descriptor, bytes, done, Math.min(CHUNK_BYTES, bytes.length - done));
  }
}

function bytesOf(array: Float32Array | Uint16Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

function countValues(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0);
}
