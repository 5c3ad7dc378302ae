// Integer arrays in numpy's .npy files, version 1.0 (numpy/lib/format.py), byte for byte as numpy.save writes them: the form in which
// GPT-NeoX keeps its index arrays. Beside sample-index.ts on the road.
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { DataError } from '../errors.ts';
import type { ByteFile } from './byte-file.ts';
import { NumberTable } from './number-table.ts';

const MAGIC = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
const PREAMBLE_BYTES = 10; // magic, version, length of the header as uint16
const ALIGNMENT = 64;

/** int32 and uint32, little-endian. */
export type NpyType = '<i4' | '<u4';

/** Writes an array whose values come in pieces; it appears under its name only when complete, and on the disk when it is to last. */
export function writeNpy(
  path: string,
  type: NpyType,
  shape: readonly number[],
  pieces: Iterable<Int32Array | Uint32Array>,
  isLasting = true,
): void {
  const temporary = `${path}.${randomUUID()}.tmp`; // threads of one process may write it at once
  const descriptor = openSync(temporary, 'w');
  try {
    let numValues = 0;
    writeAll(descriptor, npyHeader(type, shape));
    for (const piece of pieces) {
      // Node runs on little-endian machines only, so an array's own bytes are those to write.
      writeAll(descriptor, Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
      numValues += piece.length;
    }
    if (numValues !== product(shape)) throw new Error(`bug: ${numValues} values for shape ${shape.join(' × ')}`);
    if (isLasting) fsyncSync(descriptor);
    renameSync(temporary, path);
  } finally {
    closeSync(descriptor);
    rmSync(temporary, { force: true });
  }
}

/** The header of numpy.save: padded with spaces so that the values begin at a multiple of 64 bytes. */
export function npyHeader(type: NpyType, shape: readonly number[]): Buffer {
  const numbers = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const words = `{'descr': '${type}', 'fortran_order': False, 'shape': (${numbers}), }`;
  const sizeBytes = Math.ceil((PREAMBLE_BYTES + words.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(sizeBytes, ' ');
  MAGIC.copy(header);
  header.writeUInt16LE(sizeBytes - PREAMBLE_BYTES, MAGIC.length);
  header.write(words, PREAMBLE_BYTES, 'latin1');
  header.write('\n', sizeBytes - 1, 'latin1');
  return header;
}

/**
 * The values of a .npy file, read at their places. Throws DataError unless it is an array of that type and shape in C order, and the
 * file has just its bytes.
 */
export function readNpy(file: ByteFile, type: NpyType, shape: readonly number[]): NumberTable {
  const { path, sizeBytes } = file;
  const fault = (byte: number, words: string) =>
    new DataError(`${path}, byte ${byte}: ${words}; delete the file, or build or fetch it anew`);
  if (sizeBytes < PREAMBLE_BYTES) throw fault(sizeBytes, `expected a header of .npy, found ${sizeBytes} bytes`);
  const preamble = Buffer.alloc(PREAMBLE_BYTES);
  file.read(preamble, 0);
  if (!preamble.subarray(0, MAGIC.length).equals(MAGIC)) {
    const found = preamble.toString('hex', 0, MAGIC.length);
    throw fault(0, `expected the magic of .npy and version 1.0 (${MAGIC.toString('hex')}), found ${found}`);
  }
  const headerBytes = PREAMBLE_BYTES + preamble.readUInt16LE(MAGIC.length);
  if (headerBytes > sizeBytes)
    throw fault(8, `expected a header within ${sizeBytes} bytes, found one of ${headerBytes}`);
  const header = Buffer.alloc(headerBytes - PREAMBLE_BYTES);
  file.read(header, PREAMBLE_BYTES);
  const found = /^\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \} *\n$/.exec(
    header.toString('latin1'),
  );
  if (found === null) {
    throw fault(
      PREAMBLE_BYTES,
      `expected descr, fortran_order and shape, found ${JSON.stringify(header.toString('latin1', 0, 120))}`,
    );
  }
  const [, descr, order, numbers] = found;
  const foundShape = (numbers ?? '').split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]));
  if (descr !== type || order !== 'False' || foundShape.join() !== shape.join()) {
    throw fault(
      PREAMBLE_BYTES,
      `expected ${type} in C order of shape (${shape.join(', ')}), found ${descr ?? ''} in ${order === 'True' ? 'Fortran' : 'C'} order of shape (${foundShape.join(', ')})`,
    );
  }
  const expectedBytes = headerBytes + 4 * product(shape);
  if (sizeBytes !== expectedBytes) {
    throw fault(
      Math.min(sizeBytes, expectedBytes),
      `expected ${expectedBytes} bytes for that shape, found ${sizeBytes}`,
    );
  }
  return new NumberTable(file, headerBytes, product(shape), 4);
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

function writeAll(descriptor: number, bytes: Buffer): void {
  const MOST_AT_ONCE = 2 ** 30; // one write takes less than 2 GiB
  for (let done = 0; done < bytes.length;) {
    done += writeSync(descriptor, bytes, done, Math.min(MOST_AT_ONCE, bytes.length - done));
  }
}
