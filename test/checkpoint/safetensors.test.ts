// Written files are read back bit for bit; damaged and hostile ones are refused by name before any tensor is read.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, readSafetensorsShapes, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { DataError } from '../../src/errors.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function writeRaw(header: unknown, data: Buffer = Buffer.alloc(0), headerBytes?: bigint): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerBytes ?? BigInt(json.length));
  const path = join(folder, 'raw.safetensors');
  writeFileSync(path, Buffer.concat([length, json, data]));
  return path;
}

describe('safetensors', () => {
  it('reads back what it wrote, bit for bit', () => {
    const path = join(folder, 'round-trip.safetensors');
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.float32Array({ maxLength: 20 })), {
          selector: ([name]) => name,
          maxLength: 8,
        }),
        (tensors) => {
          const named = tensors.filter(([name]) => name !== '__metadata__' && name !== '__proto__');
          writeSafetensors(
            path,
            named.map(([name, data]) => [name, { shape: [data.length], data }] as const),
          );
          const read = readSafetensors(path);
          expect([...read.keys()].sort()).toEqual(named.map(([name]) => name).sort());
          for (const [name, data] of named) {
            expect(Buffer.from(read.get(name)!.data.buffer).equals(Buffer.from(data.slice().buffer))).toBe(true);
          }
        },
      ),
      { seed: 7, numRuns: 100 },
    );
  });

  it('begins its values at a multiple of eight, names the format for Hugging Face, and leaves no temporary file', () => {
    const path = join(folder, 'aligned.safetensors');
    writeSafetensors(path, [
      ['a', { shape: [2, 3], read: (from, into) => into.forEach((_, i) => (into[i] = from + i + 1)) }],
    ]);
    const bytes = readFileSync(path);
    const headerBytes = Number(bytes.readBigUInt64LE());
    expect(headerBytes % 8).toBe(0);
    expect(JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes))).toEqual({
      __metadata__: { format: 'pt' },
      a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
    });
    expect(readSafetensorsShapes(path).get('a')).toEqual({ dtype: 'F32', shape: [2, 3] });
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('leaves the old file alone when writing fails', () => {
    const path = join(folder, 'kept.safetensors');
    writeSafetensors(path, [['a', { shape: [1], data: Float32Array.of(7) }]]);
    expect(() =>
      writeSafetensors(path, [
        [
          'b',
          {
            shape: [1],
            read: () => {
              throw new Error('no more memory');
            },
          },
        ],
      ]),
    ).toThrow('no more memory');
    expect(readSafetensors(path).get('a')!.data[0]).toBe(7);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('widens half-precision and bfloat16 exactly', () => {
    // 1, −2, the greatest half, the least subnormal half, −0, ∞
    const half = Buffer.from(Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00).buffer);
    const bfloat = Buffer.from(Uint16Array.of(0x3f80, 0xc000, 0x7f7f).buffer);
    const path = writeRaw(
      {
        h: { dtype: 'F16', shape: [6], data_offsets: [0, 12] },
        b: { dtype: 'BF16', shape: [3, 1], data_offsets: [12, 18] },
        mask: { dtype: 'BOOL', shape: [2], data_offsets: [18, 20] },
      },
      Buffer.concat([half, bfloat, Buffer.from([1, 0])]),
    );
    const tensors = readSafetensors(path);
    expect([...tensors.get('h')!.data]).toEqual([1, -2, 65504, 2 ** -24, -0, Infinity]);
    expect([...tensors.get('b')!.data]).toEqual([1, -2, 3.3895313892515355e38]);
    expect(tensors.get('b')!.shape).toEqual([3, 1]);
    expect(tensors.has('mask')).toBe(false);
  });

  describe('refuses', () => {
    const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
      dtype: 'F32',
      shape,
      data_offsets: [begin, end],
    });
    const cases: [string, unknown, number, RegExp, bigint?][] = [
      ['a header longer than the file', {}, 0, /expected a header of at most 2 bytes .* found one of 3/, 3n],
      ['a header of 2^63 bytes', {}, 0, /found one of 9223372036854775808/, 2n ** 63n],
      ['a header that is not JSON', '{"a":', 0, /expected a header in JSON/],
      ['a header that is a list', [], 0, /expected a header that is a JSON object/],
      [
        'an unknown type',
        { a: { dtype: 'constructor', shape: [1], data_offsets: [0, 4] } },
        4,
        /tensor "a": expected one of the types/,
      ],
      ['a negative size', { a: f32(0, 4, [-1]) }, 4, /tensor "a": expected a shape .* found \[-1\]/],
      ['a fractional size', { a: f32(0, 4, [1.5]) }, 4, /found \[1.5\]/],
      [
        'a shape whose product overflows',
        { a: f32(0, 4, [2 ** 40, 2 ** 40]) },
        4,
        /expected at most 2147483648 values/,
      ],
      [
        'a shape that disagrees with the range',
        { a: f32(0, 8, [3]) },
        8,
        /tensor "a": expected 12 bytes .* found data_offsets \[0, 8\]/,
      ],
      ['ranges that go backwards', { a: f32(8, 4, [1]) }, 8, /found data_offsets \[8, 4\]/],
      [
        'overlapping ranges',
        { a: f32(0, 8), b: f32(4, 12) },
        12,
        /tensor "b": expected its data to begin at 8, found 4: it overlaps/,
      ],
      [
        'a hole',
        { a: f32(0, 4), b: f32(8, 12) },
        12,
        /tensor "b": expected its data to begin at 4, found 8: it leaves a hole/,
      ],
      [
        'a truncated file',
        { a: f32(0, 8) },
        4,
        /expected 8 bytes of tensor data by the header, found 4; the file is cut short/,
      ],
      ['bytes that no tensor owns', { a: f32(0, 4) }, 5, /bytes follow that no tensor owns/],
      [
        'numbers that fp32 cannot hold',
        { a: { dtype: 'F64', shape: [1], data_offsets: [0, 8] } },
        8,
        /expected F32, F16 or BF16 numbers, found F64/,
      ],
      ['metadata that is not text', { __metadata__: { a: 1 } }, 0, /"__metadata__": expected an object of strings/],
    ];
    it.each(cases)('%s', (_, header, dataBytes, message, headerBytes) => {
      const path = writeRaw(header, Buffer.alloc(dataBytes), headerBytes);
      expect(() => readSafetensors(path)).toThrow(DataError);
      expect(() => readSafetensors(path)).toThrow(message);
      expect(() => readSafetensors(path)).toThrow(path);
    });

    it('a file of seven bytes and one that is not there', () => {
      const path = join(folder, 'short');
      writeFileSync(path, Buffer.alloc(7));
      expect(() => readSafetensors(path)).toThrow(/expected at least 8 bytes, found 7/);
      expect(() => readSafetensors(join(folder, 'missing'))).toThrow(DataError);
    });
  });

  it.skipIf(!hasShared)('reads files of the reference implementation', () => {
    const tensors = readSafetensors(sharedPath('gold', 'checkpoint', 'golden_master.safetensors'));
    expect(tensors.size).toBe(12 * 2 + 4);
    expect(tensors.get('gpt_neox.embed_in.weight')!.shape).toEqual([512, 64]);
  });
});
