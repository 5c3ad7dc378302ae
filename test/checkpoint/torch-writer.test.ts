// What is saved in torch's form is read back, aligned as PyTorch aligns it, and in ZIP64 where numbers need it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TensorReference } from '../../src/checkpoint/pickle-values.ts';
import { readWhole } from '../../src/checkpoint/stored-tensor.ts';
import { writeStoredZip } from '../../src/checkpoint/stored-zip-writer.ts';
import { StoredZip } from '../../src/checkpoint/stored-zip.ts';
import { writeTorch, type TensorToSave } from '../../src/checkpoint/torch-writer.ts';
import { TorchFile } from '../../src/checkpoint/torch-zip.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'torch-writer-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const counting = (shape: number[], dtype: 'F16' | 'F32'): TensorToSave => ({
  dtype,
  tensor: { shape, read: (from, into) => into.forEach((_, i) => (into[i] = (from + i) / 4)) },
});

describe('writeTorch', () => {
  it('saves plain values and tensors that TorchFile reads', () => {
    const path = join(folder, 'values.pt');
    const numbers = [0, 255, 256, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53 - 1, -(2 ** 40), 0.25];
    const plain = { none: null, yes: true, no: false, text: 'né', numbers, empty: [] as number[], nested: [[1], [[]]] };
    writeTorch(
      path,
      new Map<string, Parameters<typeof writeTorch>[1]>([
        ...Object.entries(plain),
        ['dict', new Map([['a', new Map()]])],
        ['half', counting([3, 4], 'F16')],
        ['scalar', counting([], 'F32')],
        ['large', counting([1500, 1000], 'F32')], // two pieces
        ['none of them', counting([0, 3], 'F32')],
      ]),
    );
    const file = new TorchFile(path);
    try {
      const value = file.value as Map<string, unknown>;
      for (const [key, expected] of Object.entries(plain)) expect([key, value.get(key)]).toEqual([key, expected]);
      expect(value.get('dict')).toEqual(new Map([['a', new Map()]]));
      for (const [name, shape, dtype] of [
        ['half', [3, 4], 'F16'],
        ['scalar', [], 'F32'],
        ['large', [1500, 1000], 'F32'],
        ['none of them', [0, 3], 'F32'],
      ] as const) {
        const tensor = file.tensor(value.get(name) as TensorReference);
        expect([tensor.shape, tensor.dtype]).toEqual([shape, dtype]);
        expect(readWhole(tensor).every((x, i) => x === i / 4)).toBe(true);
      }
    } finally {
      file.close();
    }
  });

  it('gives the same bytes for the same values', () => {
    const paths = ['a', 'b'].map((name) => join(mkdtempSync(join(folder, name)), 'same.pt'));
    for (const path of paths) writeTorch(path, new Map([['x', counting([7], 'F16')]]));
    expect(readFileSync(paths[0]!).equals(readFileSync(paths[1]!))).toBe(true);
  });
});

describe('writeStoredZip', () => {
  const contents = Array.from({ length: 9 }, (_, i) => Buffer.alloc(i * 37, `<${i}>`));

  it.each([
    [0xffffffff, 'plain fields'],
    [100, 'ZIP64 fields for some'],
    [1, 'ZIP64 fields for all'],
  ])('begins entries at multiples of 64 and reads them back, wide from %i on (%s)', (wideFrom) => {
    const path = join(folder, 'archive.zip');
    writeStoredZip(
      path,
      contents.map((bytes, i) => ({
        name: `entry/${i}`,
        sizeBytes: bytes.length,
        pieces: () => [bytes.subarray(0, 20), bytes.subarray(20)],
      })),
      wideFrom,
    );
    const file = readFileSync(path);
    expect(file.includes(Buffer.from('PK\x06\x06', 'latin1'))).toBe(wideFrom < 0xffffffff);
    const zip = new StoredZip(path);
    try {
      expect([...zip.entries.keys()]).toEqual(contents.map((_, i) => `entry/${i}`));
      for (const [i, bytes] of contents.entries()) {
        expect(zip.read(zip.entries.get(`entry/${i}`)!, 1000).equals(bytes)).toBe(true);
        if (bytes.length > 0) expect(file.indexOf(bytes) % 64).toBe(0);
      }
    } finally {
      zip.close();
    }
  });
});
