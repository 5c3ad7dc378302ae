// Token files: written ones are read back; damaged ones are refused with file, offset, what was expected and what was found.
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openIndexedDataset, writeIndexedDataset } from '../../src/data/indexed-dataset.ts';
import { TOKEN_TYPES } from '../../src/data/token-type.ts';
import { DataError, InputError } from '../../src/errors.ts';
import { packagePath } from '../../src/package-root.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'indexed-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function readAll(prefix: string): number[][] {
  const files = openIndexedDataset(prefix);
  try {
    return Array.from({ length: files.numDocuments }, (_, d) => [...files.readDocument(d)]);
  } finally {
    files.close();
  }
}

describe('writeIndexedDataset', () => {
  it.each(TOKEN_TYPES)('writes documents of %s that are read back', (type) => {
    const most = {
      uint8: 255,
      int8: 127,
      int16: 32767,
      int32: 2 ** 31 - 1,
      int64: 2 ** 31 - 1,
      uint16: 65535,
      float32: 2 ** 24,
      float64: 2 ** 31 - 1,
    }[type];
    const prefix = join(folder, type);
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(most), { maxLength: 9 }), { minLength: 1, maxLength: 12 }), (documents) => {
        writeIndexedDataset(prefix, documents, type);
        expect(readAll(prefix)).toEqual(documents);
      }),
      { seed: 3, numRuns: 30 },
    );
    expect(() => writeIndexedDataset(prefix, [[0], [most + 1]], type)).toThrow(InputError);
    expect(() => writeIndexedDataset(prefix, [[-1]], type)).toThrow(
      /token 0: expected a whole number from 0 to .*, found -1/,
    );
  });

  it('writes the very bytes that the separate program writes', () => {
    for (const [name, type] of [
      ['uneven-int32', 'int32'],
      ['rows-uint16', 'uint16'],
      ['uneven-int64', 'int64'],
    ] as const) {
      const fixture = packagePath('test', 'fixtures', 'replay', name);
      const prefix = join(folder, name);
      writeIndexedDataset(prefix, readAll(fixture), type);
      for (const ending of ['.idx', '.bin']) {
        expect(readFileSync(prefix + ending).equals(readFileSync(fixture + ending))).toBe(true);
      }
    }
  });

  it('finds documents behind many others of uneven length', () => {
    const prefix = join(folder, 'many');
    const documents = Array.from({ length: 2000 }, (_, d) =>
      Array.from({ length: d % 7 }, (_, i) => (d * 10 + i) % 65536),
    );
    writeIndexedDataset(prefix, documents, 'uint16');
    expect(readAll(prefix)).toEqual(documents);
  });

  it('leaves nothing behind when the documents run into an error', () => {
    const before = readdirSync(folder);
    const documents = function* () {
      yield [1];
      throw new Error('the source failed');
    };
    expect(() => writeIndexedDataset(join(folder, 'failed'), documents(), 'uint8')).toThrow('the source failed');
    expect(readdirSync(folder)).toEqual(before);
  });
});

describe('token ids stored as floating-point numbers', () => {
  const documents = [[], [7, 0, 16_777_216], [5], []];

  function write(name: string, written: readonly number[][], type: 'float32' | 'float64', code?: number): string {
    const prefix = join(folder, name);
    writeIndexedDataset(prefix, written, type);
    const bytes = readFileSync(`${prefix}.idx`);
    if (code !== undefined) bytes.writeUInt8(code, 17);
    writeFileSync(`${prefix}.idx`, bytes);
    return prefix;
  }

  // GPT-NeoX v1.0 writes float64 under the code that Megatron-LM gives to float32.
  it.each([
    ['float32', 6],
    ['float64', 6],
    ['float64', 7],
  ] as const)('are read from %s under code %i', (type, code) => {
    expect(readAll(write('float', documents, type, code))).toEqual(documents);
    expect(readAll(write('one', [[3, 1, 2]], type, code))).toEqual([[3, 1, 2]]);
    expect(readAll(write('last', [[], [3, 1, 2]], type, code))).toEqual([[], [3, 1, 2]]);
  });

  it.each([0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])('are refused when one is %d', (value) => {
    const prefix = write('odd', documents, 'float64');
    const bytes = readFileSync(`${prefix}.bin`);
    bytes.writeDoubleLE(value, 8);
    writeFileSync(`${prefix}.bin`, bytes);
    expect(() => readAll(prefix)).toThrow(DataError);
    expect(() => readAll(prefix)).toThrow(
      `odd.bin, byte 8: expected a token id, a whole number from 0 to 2147483647, found ${value}`,
    );
  });
});

describe('openIndexedDataset refuses', () => {
  // 4 documents of 3, 2, 0 and 4 tokens; sizes at byte 34, pointers at 50, boundaries at 82, end at 122.
  const documents = [[0, 1, 2], [3, 4], [], [5, 6, 7, 8]];
  let prefix: string;
  let idx: string;
  let bin: string;
  beforeEach(() => {
    prefix = join(folder, 'damaged');
    idx = `${prefix}.idx`;
    bin = `${prefix}.bin`;
    writeIndexedDataset(prefix, documents, 'uint16');
  });

  function patch(path: string, change: (bytes: Buffer) => void): void {
    const bytes = readFileSync(path);
    change(bytes);
    writeFileSync(path, bytes);
  }

  const indexFaults: [string, (bytes: Buffer) => void, RegExp][] = [
    ['another magic', (b) => b.write('MMIDIDY'), /byte 0: expected the magic .* found 4d4d494449445900/],
    ['another version', (b) => b.writeUInt8(2, 9), /byte 9: expected format version 1, found 2/],
    [
      'floating-point tokens of neither width',
      (b) => b.writeUInt8(6, 17),
      /byte 58: expected 3 tokens of code 6 to take 12 bytes \(float32\) or 24 \(float64\), found 6/,
    ],
    ['an unknown type', (b) => b.writeUInt8(99, 17), /byte 17: .* found 99/],
    [
      '2^64 − 1 documents',
      (b) => b.fill(0xff, 18, 26),
      /byte 18: expected at most 2147483647 documents, found 18446744073709551615/,
    ],
    [
      'more documents than the file holds',
      (b) => b.writeUInt32LE(1_000_000, 18),
      /byte 18: 1000000 documents and 5 boundaries need a file of 12000074 bytes, found 122/,
    ],
    [
      'more boundaries than the file holds',
      (b) => b.writeUInt32LE(6, 26),
      /4 documents and 6 boundaries need a file of 130 bytes, found 122/,
    ],
    ['a negative length', (b) => b.writeInt32LE(-2, 38), /byte 38: expected the length of document 1, found -2/],
    [
      'a length that disagrees with the pointers',
      (b) => b.writeInt32LE(4, 34),
      /byte 58: expected document 1 to start at byte 8 of the \.bin .* found 6/,
    ],
    [
      'a pointer into another document',
      (b) => b.writeUInt8(8, 58),
      /byte 58: expected document 1 to start at byte 6 .* found 8/,
    ],
    ['a negative pointer', (b) => b.fill(0xff, 58, 66), /byte 58: .* found -1/],
    ['a pointer beyond 2^53', (b) => b.writeUInt8(0x7f, 65), /byte 58: expected document 1 to start at byte 6/],
    [
      'boundaries that fall',
      (b) => b.writeUInt8(9, 90),
      /byte 90: expected document boundaries that rise from 0 to 4, found 9 after 0/,
    ],
    ['boundaries that end too early', (b) => b.writeUInt8(3, 114), /byte 114: .* found 3 after 3/],
    [
      'a last length beyond the .bin',
      (b) => b.writeInt32LE(5, 46),
      /damaged\.bin, byte 18: expected 20 bytes \(10 tokens of uint16 in 4 documents .* found 18; the file is cut short/,
    ],
    ['another type than was written', (b) => b.writeUInt8(1, 17), /byte 58: expected document 1 to start at byte 3/],
  ];
  it.each(indexFaults)('%s', (_, change, message) => {
    patch(idx, change);
    expect(() => openIndexedDataset(prefix)).toThrow(DataError);
    expect(() => openIndexedDataset(prefix)).toThrow(message);
    expect(() => openIndexedDataset(prefix)).toThrow(folder);
  });

  it('an index cut short anywhere', () => {
    for (let length = statSync(idx).size - 1; length >= 0; length--) {
      truncateSync(idx, length);
      expect(() => openIndexedDataset(prefix)).toThrow(DataError);
    }
  });

  it('tokens cut short, and tokens of another index', () => {
    truncateSync(bin, 17);
    expect(() => openIndexedDataset(prefix)).toThrow(
      /damaged\.bin, byte 17: expected 18 bytes .* found 17; the file is cut short/,
    );
    writeFileSync(bin, Buffer.alloc(20));
    expect(() => openIndexedDataset(prefix)).toThrow(/found 20; the file is of another index/);
    rmSync(bin);
    expect(() => openIndexedDataset(prefix)).toThrow(/damaged\.bin: expected a readable file/);
  });

  it('tokens that vanish after opening', () => {
    const files = openIndexedDataset(prefix);
    try {
      truncateSync(bin, 16);
      expect([...files.readDocument(0)]).toEqual([0, 1, 2]);
      expect(() => files.readDocument(3)).toThrow(/damaged\.bin: expected 8 bytes at offset 10, found 6/);
    } finally {
      files.close();
    }
  });

  it('an index of no documents', () => {
    writeIndexedDataset(prefix, [], 'uint16');
    expect(() => openIndexedDataset(prefix)).toThrow(/byte 18: expected at least one document, found none/);
  });

  it('ids that are negative or beyond int32, at their byte', () => {
    writeIndexedDataset(prefix, documents, 'int64');
    patch(bin, (b) => b.writeBigInt64LE(2n ** 31n, 8));
    patch(bin, (b) => b.writeBigInt64LE(-5n, 32));
    const files = openIndexedDataset(prefix);
    try {
      expect(() => files.readDocument(0)).toThrow(
        /damaged\.bin, byte 8: expected a token id, a whole number from 0 to 2147483647, found 2147483648/,
      );
      expect(() => files.readDocument(1)).toThrow(/damaged\.bin, byte 32: .* found -5/);
      expect([...files.readDocument(3)]).toEqual([5, 6, 7, 8]);
    } finally {
      files.close();
    }
  });

  it('documents that are not there', () => {
    const files = openIndexedDataset(prefix);
    try {
      for (const d of [-1, 4, 0.5]) expect(() => files.readDocument(d)).toThrow(/expected a document from 0 to 3/);
    } finally {
      files.close();
    }
  });
});

describe('token files in shards', () => {
  const documents = Array.from({ length: 40 }, (_, d) => Array.from({ length: 5 }, (_, i) => d * 5 + i));
  const shardBytes = 66; // 7 shards of 66 and 4 bytes: rows straddle them

  function shard(name: string, last: string, without: readonly number[] = []): string {
    const whole = join(folder, 'whole');
    writeIndexedDataset(whole, documents, 'uint16');
    const target = mkdtempSync(join(folder, `${name}-`));
    cpSync(`${whole}.idx`, join(target, 'document.idx'));
    const bytes = readFileSync(`${whole}.bin`);
    for (let i = 0; i * shardBytes < bytes.length; i++) {
      if (without.includes(i)) continue;
      const part = bytes.subarray(i * shardBytes, (i + 1) * shardBytes);
      writeFileSync(join(target, `document-${String(i).padStart(5, '0')}-of-${last}.bin`), part);
    }
    return join(target, 'document');
  }

  it.each(['00006', '00007'])('are read as one file when they are counted "of-%s"', (last) => {
    expect(readAll(shard('all', last))).toEqual(documents);
  });

  it('may be missing where nothing is read', () => {
    const files = openIndexedDataset(shard('some', '00006', [0, 1, 6]));
    try {
      expect([...files.readDocument(14)]).toEqual(documents[14]);
      expect([...files.readDocument(38)]).toEqual(documents[38]);
      expect(() => files.readDocument(0)).toThrow(
        /document-00000-of-00006\.bin: this shard is needed .* and missing; fetch it/,
      );
      expect(() => files.readDocument(13)).toThrow(/document-00001-of-00006\.bin/);
      expect(() => files.readDocument(39)).toThrow(/document-00006-of-00006\.bin/);
    } finally {
      files.close();
    }
  });

  it('are refused when one has another size or another count', () => {
    const prefix = shard('odd', '00006');
    truncateSync(`${prefix}-00003-of-00006.bin`, 60);
    expect(() => openIndexedDataset(prefix)).toThrow(
      /document-00003-of-00006\.bin, byte 60: expected 66 bytes .* found 60/,
    );
    const other = shard('count', '00006');
    writeFileSync(`${other}-00000-of-00002.bin`, Buffer.alloc(66));
    expect(() => openIndexedDataset(other)).toThrow(
      /document-0000\d-of-0000\d\.bin, byte 0: the index tells of 400 bytes/,
    );
    expect(() => openIndexedDataset(shard('last', '00006', [0, 1, 2, 3, 4, 5]))).toThrow(
      /fetch a shard that is not the last/,
    );
  });
});
