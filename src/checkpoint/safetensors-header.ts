// The header of a safetensors file (huggingface/safetensors 0.4, format.md): read only after it agrees with the file's size – lengths in limits, ranges
// without holes or overlaps, each as long as its type and shape say. Stricter than the format's own reader in the length of the header.
import { DataError, messageOf } from '../errors.ts';
import { excerpt } from './excerpt.ts';
import type { RandomAccessFile } from './random-access.ts';
import { countValues } from './stored-tensor.ts';

/** 25,000 tensors' worth; parsed as JSON, a hostile header of this size takes about 100 MB. */
const MOST_HEADER_BYTES = 2 ** 22;
const MOST_DIMENSIONS = 16;
const MOST_VALUES = 2 ** 31; // of one tensor; twelve times Pythia's largest

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

export interface HeaderEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: number[];
  /** First byte of its values in the file. */
  readonly start: number;
}

interface Range extends Omit<HeaderEntry, 'start'> {
  readonly begin: number;
  readonly end: number;
}

/** Reads and checks the header. Throws DataError, naming file, byte, tensor, what was expected and found. */
export function readHeader(file: RandomAccessFile): HeaderEntry[] {
  const { path, sizeBytes } = file;
  if (sizeBytes < 8)
    throw new DataError(`${path}, byte 0: expected at least 8 bytes, found ${sizeBytes}; fetch the file anew`);
  const lengthBytes = Buffer.alloc(8);
  file.fill(lengthBytes, 0);
  const headerBytes = lengthBytes.readBigUInt64LE();
  if (headerBytes > BigInt(MOST_HEADER_BYTES) || Number(headerBytes) > sizeBytes - 8) {
    throw new DataError(
      `${path}, byte 0: expected a header of at most ${Math.min(MOST_HEADER_BYTES, sizeBytes - 8)} bytes (the file has ${sizeBytes}), ` +
        `found one of ${headerBytes}; the file is cut short or not safetensors`,
    );
  }
  const bytes = Buffer.alloc(Number(headerBytes));
  file.fill(bytes, 8);
  const dataStart = 8 + bytes.length;
  const ranges = parseHeader(bytes, path).sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(ranges, dataStart, sizeBytes, path);
  return ranges.map(({ name, dtype, shape, begin }) => ({ name, dtype, shape, start: dataStart + begin }));
}

function parseHeader(bytes: Buffer, path: string): Range[] {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new DataError(`${path}, byte 8: expected a header in JSON: ${messageOf(error)}`, { cause: error });
  }
  if (!isRecord(header)) throw new DataError(`${path}, byte 8: expected a header that is a JSON object`);
  const ranges: Range[] = [];
  for (const [name, value] of Object.entries(header)) {
    const where = `${path}, byte ${8 + Math.max(0, bytes.indexOf(JSON.stringify(name)))}`;
    if (name !== '__metadata__') ranges.push(parseRange(name, value, where));
    else if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string')) {
      throw new DataError(`${where}: "__metadata__": expected an object of strings`);
    }
  }
  return ranges;
}

function parseRange(name: string, value: unknown, at: string): Range {
  const where = `${at}: tensor ${excerpt(name)}`;
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
  const width = typeof dtype === 'string' && Object.hasOwn(ITEM_BYTES, dtype) ? ITEM_BYTES[dtype] : undefined;
  if (typeof dtype !== 'string' || width === undefined) {
    throw new DataError(
      `${where}: expected one of the types ${Object.keys(ITEM_BYTES).join(', ')}, found ${excerpt(dtype)}`,
    );
  }
  if (!isCounts(shape) || shape.length > MOST_DIMENSIONS) {
    throw new DataError(
      `${where}: expected a shape of at most ${MOST_DIMENSIONS} whole numbers, found ${excerpt(shape)}`,
    );
  }
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw new DataError(`${where}: expected data_offsets of two whole numbers, found ${excerpt(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const numValues = countValues(shape);
  if (numValues > MOST_VALUES) {
    throw new DataError(`${where}: expected at most ${MOST_VALUES} values, found the shape ${excerpt(shape)}`);
  }
  if (end - begin !== numValues * width) {
    throw new DataError(
      `${where}: expected ${numValues * width} bytes (${dtype} of shape ${excerpt(shape)}), found data_offsets [${begin}, ${end}]`,
    );
  }
  return { name, dtype, shape, begin, end };
}

// `ranges` by their start.
function checkCoverage(ranges: readonly Range[], dataStart: number, sizeBytes: number, path: string): void {
  let covered = 0;
  for (const { name, begin, end } of ranges) {
    if (begin !== covered) {
      const fault = begin < covered ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new DataError(
        `${path}, byte ${dataStart + begin}: tensor ${excerpt(name)}: expected its data to begin at ${covered}, found ${begin}: it ${fault}`,
      );
    }
    covered = end;
  }
  const dataBytes = sizeBytes - dataStart;
  if (covered !== dataBytes) {
    throw new DataError(
      `${path}, byte ${Math.min(sizeBytes, dataStart + covered)}: expected ${covered} bytes of tensor data by the header, found ${dataBytes}; ` +
        `${dataBytes < covered ? 'the file is cut short' : 'bytes follow that no tensor owns'}: fetch it anew`,
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0);
}
