// Reads the integer arrays of numpy's .npy files, version 1.0, for tests.
import { readFileSync } from 'node:fs';

/** Shape and flat values, row-major. */
export function readNpy(path: string): { shape: number[]; data: number[] } {
  const bytes = readFileSync(path);
  const headerBytes = bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, 10 + headerBytes);
  const type = /'descr': '<?([^']+)'/.exec(header)?.[1];
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  if (!header.includes("'fortran_order': False")) throw new Error(`${path}: not row-major`);
  const body = bytes.subarray(10 + headerBytes);
  const buffer = body.buffer.slice(body.byteOffset, body.byteOffset + body.length);
  switch (type) {
    case 'i4':
      return { shape, data: [...new Int32Array(buffer)] };
    case 'u4':
      return { shape, data: [...new Uint32Array(buffer)] };
    case 'i8':
      return { shape, data: [...new BigInt64Array(buffer)].map(Number) };
    default:
      throw new Error(`${path}: type ${type}`);
  }
}
