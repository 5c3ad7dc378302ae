// Damaged index files: 200 mutated .idx and 200 mutated .npy files, each refused with file and offset or proven harmless – the mutation
// lies where nothing is read, and every sample is the same.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLocalFile } from '../../src/data/byte-file.ts';
import { openDataset, type DatasetDescription } from '../../src/data/replay.ts';
import { DataError } from '../../src/errors.ts';
import { packagePath } from '../../src/package-root.ts';

const fixtures = packagePath('test', 'fixtures', 'replay');
const { datasets } = JSON.parse(readFileSync(join(fixtures, 'golden.json'), 'utf8')) as {
  datasets: Record<string, { description: Omit<DatasetDescription, 'prefix'> }>;
};

/** A believed length of 2^31 would take gigabytes; what remains is the test runner's own. */
const MOST_GROWTH_BYTES = 200e6;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'damage-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A change of a file's bytes; `huge` writes 8 bytes of a count or an offset beyond everything. */
type Mutation = {
  readonly kind: 'flip' | 'huge' | 'cut' | 'longer' | 'random';
  readonly at: number;
  readonly value: number;
};

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('flip', 'flip', 'huge', 'cut', 'longer', 'random'),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  value: fc.nat(255),
});

function mutate(original: Buffer, { kind, at, value }: Mutation): Buffer {
  const byte = Math.floor(at * original.length);
  const bytes = Buffer.from(original);
  if (kind === 'cut') return bytes.subarray(0, byte);
  if (kind === 'longer') return Buffer.concat([bytes, Buffer.alloc(1 + value, value)]);
  if (kind === 'flip') bytes.writeUInt8(bytes[byte]! ^ (1 << (value % 8)), byte);
  if (kind === 'random') bytes.writeUInt8(value, byte);
  if (kind === 'huge') bytes.fill(value % 2 === 0 ? 0xff : 0x7f, byte, Math.min(bytes.length, byte + 8));
  return bytes;
}

function readEverything(description: DatasetDescription, cacheFolder?: string): number[][] {
  const dataset = openDataset(description, cacheFolder === undefined ? {} : { cacheFolder });
  try {
    return Array.from({ length: dataset.numSamples }, (_, sample) => [...dataset.readSample(sample)]);
  } finally {
    dataset.close();
  }
}

/** Reads with the damaged file: the fault's words, or undefined when nothing came out differently. */
function faultOf(read: () => number[][], whole: number[][], path: string): string | undefined {
  let found: number[][];
  try {
    found = read();
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    const { message } = error as DataError;
    const names = path.endsWith('.idx') ? [path, path.replace('.idx', '.bin')] : [path];
    expect(
      names.some((name) => message.includes(`${name}, byte `)),
      message,
    ).toBe(true);
    return message;
  }
  expect(found).toEqual(whole);
  return undefined;
}

describe('of 200 mutated .idx files each is refused with file and offset, or reads the very same', () => {
  it.each(['rows-uint16', 'rows-int16', 'epochs-uint16', 'uneven-int32', 'uneven-int64'])('%s', (name) => {
    const { description } = datasets[name]!;
    const whole = readEverything({ prefix: join(fixtures, name), ...description });
    const original = readFileSync(join(fixtures, `${name}.idx`));
    const prefix = join(folder, name);
    copyFileSync(join(fixtures, `${name}.bin`), `${prefix}.bin`);
    const counts = { refused: 0, harmless: 0 };
    const rssBefore = process.memoryUsage().rss;
    const check = (change: Mutation) => {
      writeFileSync(`${prefix}.idx`, mutate(original, change));
      const fault = faultOf(() => readEverything({ prefix, ...description }), whole, `${prefix}.idx`);
      counts[fault === undefined ? 'harmless' : 'refused']++;
    };
    fc.assert(fc.property(mutation, check), { seed: 6, numRuns: 40 });
    expect(process.memoryUsage().rss - rssBefore).toBeLessThan(MOST_GROWTH_BYTES);
    // Rows do not read the boundaries between the first and the last, and a random byte may be the one that was there.
    expect(counts.refused).toBeGreaterThan(description.layout === 'preshuffled' ? 15 : 35);
  });
});

describe('of 200 mutated .npy files each is refused with file and offset, or reads the very same', () => {
  it.each(['doc_idx', 'sample_idx', 'shuffle_idx'])('%s', (kind) => {
    const description = { prefix: join(fixtures, 'epochs-uint16'), ...datasets['epochs-uint16']!.description };
    const cache = mkdtempSync(join(folder, 'cache-'));
    const whole = readEverything(description, cache);
    const names = readdirSync(cache);
    expect(names).toHaveLength(4); // and the seal
    const path = join(
      cache,
      names.find((name) => name.endsWith(`_${kind}.npy`))!,
    );
    const original = readFileSync(path);
    const counts = { refused: 0, harmless: 0 };
    const rssBefore = process.memoryUsage().rss;
    const check = (change: Mutation) => {
      writeFileSync(path, mutate(original, change));
      const fault = faultOf(() => readEverything(description, cache), whole, path);
      counts[fault === undefined ? 'harmless' : 'refused']++;
    };
    fc.assert(fc.property(mutation, check), { seed: 7, numRuns: 67 });
    expect(process.memoryUsage().rss - rssBefore).toBeLessThan(MOST_GROWTH_BYTES);
    expect(counts.refused).toBeGreaterThan(60);
  });
});

describe('arrays that were checked once', () => {
  it('are not checked whole again, but each entry is when it is read', () => {
    const name = 'epochs-uint16';
    const description = { prefix: join(fixtures, name), ...datasets[name]!.description };
    const cache = mkdtempSync(join(folder, 'sealed-'));
    readEverything(description, cache);
    const path = join(
      cache,
      readdirSync(cache).find((file) => file.endsWith('_sample_idx.npy'))!,
    );
    const bytes = readFileSync(path);
    bytes.writeInt32LE(2 ** 30, 128 + 8 * 76); // the packed sample that is read first: its position
    writeFileSync(path, bytes);
    expect(() => openDataset(description, { cacheFolder: cache })).toThrow(
      /byte 736: expected sample 76 to begin at position/,
    );
    // A seal that has the damaged file as checked stands in for damage that leaves no trace in the file's times.
    const sealPath = join(
      cache,
      readdirSync(cache).find((file) => file.endsWith('_checked.json'))!,
    );
    const seal = JSON.parse(readFileSync(sealPath, 'utf8')) as { numTokens: number; files: Record<string, string> };
    const file = openLocalFile(path);
    seal.files[path] = file.fingerprint();
    file.close();
    writeFileSync(sealPath, JSON.stringify(seal));
    const dataset = openDataset(description, { cacheFolder: cache });
    try {
      expect(() => dataset.readSample(0)).toThrow(
        /_sample_idx\.npy, byte 736: expected a position from 0 to 160, found 1073741824/,
      );
      expect(dataset.readSample(1)).toHaveLength(17);
    } finally {
      dataset.close();
    }
  });

  it('are checked again when the seal cannot be read', () => {
    const name = 'epochs-uint16';
    const description = { prefix: join(fixtures, name), ...datasets[name]!.description };
    const cache = mkdtempSync(join(folder, 'unsealed-'));
    const whole = readEverything(description, cache);
    const sealPath = join(
      cache,
      readdirSync(cache).find((file) => file.endsWith('_checked.json'))!,
    );
    for (const text of [
      '',
      'null',
      '{"numTokens": 1}',
      '{"numTokens": 1e99, "files": {}}',
      '{"numTokens": 7, "files": {}}',
    ]) {
      writeFileSync(sealPath, text);
      expect(readEverything(description, cache)).toEqual(whole);
      expect(readFileSync(sealPath, 'utf8')).toContain('_shuffle_idx.npy');
    }
  });
});

describe('index arrays of other documents', () => {
  it('are refused by name, and built anew once they are deleted', () => {
    const name = 'epochs-uint16';
    const description = { prefix: join(fixtures, name), ...datasets[name]!.description };
    const cache = join(folder, 'other');
    mkdirSync(cache);
    const whole = readEverything(description, cache);
    // Whole in themselves, but of another order: the arrays of one seed under the name of another.
    const arrays = readdirSync(cache).filter((file) => file.endsWith('.npy'));
    for (const file of arrays) copyFileSync(join(cache, file), join(cache, file.replace('1234s', '7s')));
    const other = { ...description, seed: 7 };
    expect(() => openDataset(other, { cacheFolder: cache })).toThrow(
      /_7s_doc_idx\.npy, byte \d+: expected document \d+ at position \d+, found \d+; .*delete the three files/,
    );
    for (const file of readdirSync(cache).filter((one) => one.includes('_7s_'))) rmSync(join(cache, file));
    expect(readEverything(other, cache)).not.toEqual(whole);
    expect(readdirSync(cache)).toHaveLength(8);
  });
});
