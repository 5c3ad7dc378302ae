// Replay of random datasets against an oracle written from the format's definition alone: no code of src/data makes its rows.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDataset, replayBatch, batchSha256, type DatasetDescription } from '../../src/data/replay.ts';

// Code, bytes and greatest id of each number type, as the format lists them.
const TYPES = {
  uint8: { code: 1, width: 1, most: 255 },
  int8: { code: 2, width: 1, most: 127 },
  int16: { code: 3, width: 2, most: 32767 },
  int32: { code: 4, width: 4, most: 2 ** 31 - 1 },
  int64: { code: 5, width: 8, most: 2 ** 31 - 1 },
  float32: { code: 6, width: 4, most: 2 ** 24 },
  neoxFloat64: { code: 6, width: 8, most: 2 ** 31 - 1 },
  float64: { code: 7, width: 8, most: 2 ** 31 - 1 },
  uint16: { code: 8, width: 2, most: 65535 },
} as const;
type TypeName = keyof typeof TYPES;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'oracle-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function storeId(view: DataView, type: TypeName, offset: number, id: number): void {
  if (type === 'uint8') view.setUint8(offset, id);
  else if (type === 'int8') view.setInt8(offset, id);
  else if (type === 'int16') view.setInt16(offset, id, true);
  else if (type === 'int32') view.setInt32(offset, id, true);
  else if (type === 'int64') view.setBigInt64(offset, BigInt(id), true);
  else if (type === 'float32') view.setFloat32(offset, id, true);
  else if (type === 'uint16') view.setUint16(offset, id, true);
  else view.setFloat64(offset, id, true);
}

/** The two files, from the byte layout of the format; the .bin in shards of `shardBytes` when that is not 0. */
function writeFiles(prefix: string, documents: readonly number[][], type: TypeName, shardBytes: number): void {
  const { code, width } = TYPES[type];
  const n = documents.length;
  const idx = new DataView(new ArrayBuffer(34 + 4 * n + 8 * n + 8 * (n + 1)));
  [...'MMIDIDX'].forEach((letter, i) => idx.setUint8(i, letter.charCodeAt(0)));
  idx.setBigUint64(9, 1n, true);
  idx.setUint8(17, code);
  idx.setBigUint64(18, BigInt(n), true);
  idx.setBigUint64(26, BigInt(n + 1), true);
  const tokens = documents.flat();
  let at = 0;
  documents.forEach((document, i) => {
    idx.setInt32(34 + 4 * i, document.length, true);
    idx.setBigInt64(34 + 4 * n + 8 * i, BigInt(at), true);
    at += document.length * width;
  });
  for (let i = 0; i <= n; i++) idx.setBigInt64(34 + 12 * n + 8 * i, BigInt(i), true);
  const bin = new DataView(new ArrayBuffer(tokens.length * width));
  tokens.forEach((id, i) => storeId(bin, type, i * width, id));
  writeFileSync(`${prefix}.idx`, Buffer.from(idx.buffer));
  const bytes = Buffer.from(bin.buffer);
  const numShards = shardBytes === 0 ? 0 : Math.ceil(bytes.length / shardBytes);
  if (numShards === 0) return writeFileSync(`${prefix}.bin`, bytes);
  for (let i = 0; i < numShards; i++) {
    const name = `${prefix}-${String(i).padStart(5, '0')}-of-${String(numShards).padStart(5, '0')}.bin`;
    writeFileSync(name, bytes.subarray(i * shardBytes, (i + 1) * shardBytes));
  }
}

/** numpy's RandomState(seed).shuffle, one call after another, by the published recurrence of MT19937. */
function numpyShuffler(seed: number): (array: number[]) => void {
  const state: number[] = [seed >>> 0];
  for (let i = 1; i < 624; i++) {
    const previous = state[i - 1]! ^ (state[i - 1]! >>> 30);
    state.push((Math.imul(previous, 1812433253) + i) >>> 0);
  }
  let used = 624;
  const word = (): number => {
    if (used === 624) {
      for (let i = 0; i < 624; i++) {
        const joined = (state[i]! & 0x80000000) | (state[(i + 1) % 624]! & 0x7fffffff);
        const half = joined >>> 1;
        state[i] = (state[(i + 397) % 624]! ^ half ^ (joined % 2 === 0 ? 0 : 0x9908b0df)) >>> 0;
      }
      used = 0;
    }
    let y = state[used++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
  const upTo = (most: number): number => {
    let mask = 1;
    while (mask - 1 < most) mask *= 2;
    for (;;) {
      const drawn = word() % mask;
      if (drawn <= most) return drawn;
    }
  };
  return (array) => {
    for (let i = array.length - 1; i >= 1; i--) {
      const j = upTo(i);
      [array[i], array[j]] = [array[j]!, array[i]!];
    }
  };
}

/** Every sample of the training: the shuffled epochs written out as one stream of tokens and cut where a sample ends. */
function packedSamples(
  documents: readonly number[][],
  d: Required<Pick<DatasetDescription, 'seqLength' | 'batchSize' | 'trainSteps' | 'seed'>>,
) {
  const shuffle = numpyShuffler(d.seed);
  const numTokens = documents.flat().length;
  const wanted = Math.ceil(d.trainSteps * d.batchSize * 1.005);
  let numEpochs = 1;
  while (Math.floor((numEpochs * numTokens - 1) / d.seqLength) < wanted) numEpochs++;
  const visits = Array.from({ length: numEpochs * documents.length }, (_, i) => i % documents.length);
  shuffle(visits);
  const stream = visits.flatMap((document) => documents[document]!);
  const numSamples = Math.floor((stream.length - 1) / d.seqLength);
  const order = Array.from({ length: numSamples }, (_, i) => i);
  shuffle(order);
  const cut = (sample: number) => stream.slice(sample * d.seqLength, (sample + 1) * d.seqLength + 1);
  return order.slice(0, d.trainSteps * d.batchSize).map(cut);
}

function sha256(rows: readonly number[][]): string {
  return createHash('sha256')
    .update(Buffer.from(Int32Array.from(rows.flat()).buffer))
    .digest('hex');
}

const shape = fc.record({
  type: fc.constantFrom(...(Object.keys(TYPES) as TypeName[])),
  seqLength: fc.integer({ min: 1, max: 12 }),
  batchSize: fc.integer({ min: 1, max: 5 }),
  trainSteps: fc.integer({ min: 1, max: 8 }),
  seed: fc.nat(2 ** 32 - 1),
  isPreshuffled: fc.boolean(),
  lengths: fc.array(fc.oneof(fc.constant(0), fc.nat(30)), { minLength: 1, maxLength: 12 }),
  shardTokens: fc.oneof(fc.constant(0), fc.integer({ min: 3, max: 60 })),
  isCached: fc.boolean(),
});

it('replays 1,000 random datasets as an oracle does: types, lengths, empty documents, shards, epochs, both layouts', () => {
  const seen = { cases: 0, preshuffled: 0, sharded: 0, epochs: 0 };
  const check = ({
    type,
    lengths,
    shardTokens,
    isPreshuffled,
    isCached,
    ...rest
  }: typeof shape extends fc.Arbitrary<infer T> ? T : never) => {
    const { most, width } = TYPES[type];
    const rowLength = rest.seqLength + 1;
    const sizes = isPreshuffled ? lengths.map(() => rowLength) : lengths;
    // Tokens equal their own position, as far as the type reaches.
    let next = 0;
    const documents = sizes.map((length) => Array.from({ length }, () => (next++ * 7) % (most + 1)));
    fc.pre(next > 0);
    const place = mkdtempSync(join(folder, 'case-'));
    const prefix = join(place, 'document');
    writeFiles(prefix, documents, type, shardTokens * width);
    const layout = isPreshuffled ? 'preshuffled' : 'documents';
    const rows = isPreshuffled ? documents : packedSamples(documents, rest);
    const access = isCached ? { cacheFolder: join(place, 'cache') } : {};
    for (let opening = 0; opening < (isCached && !isPreshuffled ? 2 : 1); opening++) {
      const dataset = openDataset({ prefix, layout, ...rest }, access);
      try {
        expect(dataset.numSamples).toBe(rows.length);
        const numSteps = Math.floor(rows.length / rest.batchSize);
        for (let step = 0; step < numSteps; step++) {
          const expected = rows.slice(step * rest.batchSize, (step + 1) * rest.batchSize);
          expect(batchSha256(replayBatch(dataset, step))).toBe(sha256(expected));
        }
        expect([...dataset.readSample(rows.length - 1)]).toEqual(rows.at(-1));
      } finally {
        dataset.close();
      }
    }
    rmSync(place, { recursive: true });
    seen.cases++;
    seen.preshuffled += Number(isPreshuffled);
    seen.sharded += Number(shardTokens > 0);
    seen.epochs += Number(!isPreshuffled && rest.trainSteps * rest.batchSize * rest.seqLength > next);
  };
  fc.assert(fc.property(shape, check), { seed: 20, numRuns: 1000 });
  expect(seen.cases).toBe(1000);
  expect(Math.min(seen.preshuffled, seen.sharded, seen.epochs)).toBeGreaterThan(200);
}, 120_000);
