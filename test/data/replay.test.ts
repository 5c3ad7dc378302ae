// Replay against batches that a separate Python program cut out of the same files (test/fixtures/replay/README.md).
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIndexedDataset } from '../../src/data/indexed-dataset.ts';
import { batchSha256, openDataset, replayBatch, type Dataset, type DatasetDescription } from '../../src/data/replay.ts';
import { numSamplesRequested } from '../../src/data/sample-index.ts';
import { tokenIndexHeader } from '../../src/data/token-index.ts';
import { InputError } from '../../src/errors.ts';
import { packagePath } from '../../src/package-root.ts';
import { collectSampleIndex } from './sample-index-arrays.ts';

interface Golden {
  description: Omit<DatasetDescription, 'prefix'>;
  dtype: string;
  numEpochs?: number;
  numSamplesRequested?: number;
  documents?: number[];
  order?: number[];
  sha256: string[];
  firstRow: number[];
}

const folder = packagePath('test', 'fixtures', 'replay');
const { datasets } = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8')) as { datasets: Record<string, Golden> };

function withDataset<T>(description: DatasetDescription, use: (dataset: Dataset) => T): T {
  const dataset = openDataset(description);
  try {
    return use(dataset);
  } finally {
    dataset.close();
  }
}

function describeFixture(name: string): DatasetDescription {
  return { prefix: `${folder}/${name}`, ...datasets[name]!.description };
}

describe('replayBatch', () => {
  it.each(Object.entries(datasets))('gives every batch of %s as the separate program does', (name, golden) => {
    withDataset(describeFixture(name), (dataset) => {
      expect([...dataset.readSample(0)]).toEqual(golden.firstRow);
      const numSteps = golden.sha256.length;
      expect(Math.floor(dataset.numSamples / dataset.description.batchSize)).toBe(numSteps);
      const hashes = Array.from({ length: numSteps }, (_, step) => batchSha256(replayBatch(dataset, step)));
      expect(hashes).toEqual(golden.sha256);
    });
  });

  it.each(Object.entries(datasets).filter(([, golden]) => golden.order))(
    'shuffles %s as numpy does',
    (name, golden) => {
      const { seqLength, batchSize, trainSteps = 0, seed = 0 } = golden.description;
      const files = openIndexedDataset(`${folder}/${name}`);
      try {
        expect(files.type).toBe(golden.dtype);
        const numSamples = numSamplesRequested(trainSteps, batchSize);
        expect(numSamples).toBe(golden.numSamplesRequested);
        const index = collectSampleIndex(files, { seqLength, numSamples, seed });
        expect(index.numEpochs).toBe(golden.numEpochs);
        expect([...index.documents]).toEqual(golden.documents);
        expect([...index.order]).toEqual(golden.order);
      } finally {
        files.close();
      }
    },
  );

  it('gives the same batch in whatever order steps are asked for', () => {
    const golden = datasets['epochs-uint16']!;
    withDataset(describeFixture('epochs-uint16'), (dataset) => {
      fc.assert(
        fc.property(fc.array(fc.nat(golden.sha256.length - 1), { minLength: 1, maxLength: 10 }), (steps) => {
          for (const step of steps) expect(batchSha256(replayBatch(dataset, step))).toBe(golden.sha256[step]);
        }),
        { seed: 5, numRuns: 50 },
      );
    });
  });

  it('reads the first rows of the true batch when fewer are asked for', () => {
    withDataset(describeFixture('rows-uint16'), (dataset) => {
      const batch = replayBatch(dataset, 2, 3);
      expect(batch).toMatchObject({ step: 2, firstSample: 8, numRows: 3, rowLength: 13 });
      // Tokens equal their position in the file.
      expect([...batch.tokens]).toEqual(Array.from({ length: 39 }, (_, i) => 8 * 13 + i));
    });
  });

  it('lets neighbouring rows of packed documents share a token', () => {
    const [row, next] = [0, 1].map((sample) => {
      const files = openIndexedDataset(`${folder}/epochs-uint16`);
      try {
        return collectSampleIndex(files, { seqLength: 16, numSamples: 161, seed: 1234 }).order.indexOf(sample);
      } finally {
        files.close();
      }
    });
    withDataset({ ...describeFixture('epochs-uint16'), trainSteps: 40 }, (dataset) => {
      expect(dataset.readSample(row!).at(-1)).toBe(dataset.readSample(next!)[0]);
    });
  });

  it('refuses steps and rows that are not there, saying which are', () => {
    withDataset(describeFixture('rows-uint16'), (dataset) => {
      // 22 rows, 4 a step: the last two fill no batch.
      expect(() => replayBatch(dataset, 5)).toThrow(/step: expected one of 0 to 4 .*22 samples, 4 a step\), found 5/);
      for (const step of [-1, 0.5, Number.NaN]) expect(() => replayBatch(dataset, step)).toThrow(InputError);
      for (const rows of [0, 5, 1.5])
        expect(() => replayBatch(dataset, 0, rows)).toThrow(/expected 1 to 4 \(the batch size\)/);
      expect(() => dataset.readSample(22)).toThrow(/expected a sample from 0 to 21, found 22/);
    });
  });

  it('refuses the steps that the original training did not take', () => {
    withDataset(describeFixture('uneven-int32'), (dataset) => {
      expect(dataset.numSamples).toBe(36);
      expect(() => replayBatch(dataset, 12)).toThrow(/step: expected one of 0 to 11/);
    });
  });
});

describe('an index of the true size of the Pile in rows', () => {
  // 147 million rows of 2,049 tokens: files of 2.9 GB and 603 GB, all of it holes but the entries that opening and one step look at.
  const NUM_ROWS = 147_164_160;
  const rowBytes = 2 * 2049;
  let place: string;
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'large-'));
    const idx = openSync(join(place, 'rows.idx'), 'w');
    const write = (offset: number, width: 4 | 8, value: number) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(value));
      writeSync(idx, bytes, 0, width, offset);
    };
    writeSync(idx, tokenIndexHeader(NUM_ROWS, 'uint16'));
    for (const row of [0, ...Array.from({ length: 1024 }, (_, i) => 133_000 * 1024 + i), NUM_ROWS - 1]) {
      write(34 + 4 * row, 4, 2049);
      write(34 + 4 * NUM_ROWS + 8 * row, 8, row * rowBytes);
    }
    write(34 + 20 * NUM_ROWS, 8, NUM_ROWS);
    closeSync(idx);
    const bin = openSync(join(place, 'rows.bin'), 'w');
    writeSync(
      bin,
      Buffer.from(Uint16Array.from({ length: 2049 }, (_, i) => i + 1).buffer),
      0,
      rowBytes,
      558_114_816_000,
    );
    ftruncateSync(bin, NUM_ROWS * rowBytes);
    closeSync(bin);
  });
  afterAll(() => rmSync(place, { recursive: true }));

  it('is opened without being read: only entries of rows that are read are looked at', () => {
    const large = { prefix: join(place, 'rows'), layout: 'preshuffled', seqLength: 2048, batchSize: 1024 } as const;
    withDataset(large, (dataset) => {
      expect(dataset.numSamples).toBe(NUM_ROWS);
      const batch = replayBatch(dataset, 133_000);
      expect([...batch.tokens.subarray(0, 3), batch.tokens[2048]]).toEqual([1, 2, 3, 2049]);
      expect(() => replayBatch(dataset, 133_001)).toThrow(
        /rows\.idx, byte 544772130: expected rows of 2049 tokens, found 0 in row 136193024/,
      );
    });
  });
});

describe('openDataset', () => {
  const rows = describeFixture('rows-uint16');
  const documents = describeFixture('epochs-uint16');
  it.each<[string, object, RegExp]>([
    [
      'a layout it does not know',
      { ...rows, layout: 'shuffled' },
      /layout: expected preshuffled or documents, found shuffled/,
    ],
    ['a sequence length of zero', { ...rows, seqLength: 0 }, /sequence length: expected a whole number from 1/],
    ['half a batch', { ...rows, batchSize: 1.5 }, /batch size: expected a whole number from 1/],
    ['documents without a seed', { ...documents, seed: undefined }, /expected the training steps and the seed/],
    [
      'documents without training steps',
      { ...documents, trainSteps: undefined },
      /expected the training steps and the seed/,
    ],
    ['a negative seed', { ...documents, seed: -1 }, /seed: expected a whole number/],
    [
      'too many training steps',
      { ...documents, trainSteps: 10_000_001 },
      /training steps: expected a whole number from 1 to 10000000/,
    ],
    [
      'rows of another length',
      { ...rows, seqLength: 11 },
      /expected rows of 12 tokens .* found 13 in row 0; .* may be 12/,
    ],
    [
      'documents as rows',
      { ...documents, layout: 'preshuffled' },
      /rows of several lengths are not preshuffled: the layout may be documents/,
    ],
    [
      'files that are not there',
      { ...rows, prefix: `${folder}/nothing` },
      /nothing\.idx: expected a readable file.*check the path/,
    ],
  ])('refuses %s', (_, description, message) => {
    expect(() => openDataset(description as DatasetDescription)).toThrow(message);
  });
});
