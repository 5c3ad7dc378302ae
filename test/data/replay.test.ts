// Replay against batches that a separate Python program cut out of the same files (test/fixtures/replay/README.md).
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openIndexedDataset } from '../../src/data/indexed-dataset.ts';
import { batchSha256, openDataset, replayBatch, type Dataset, type DatasetDescription } from '../../src/data/replay.ts';
import { numSamplesRequested } from '../../src/data/sample-index.ts';
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
