// Vectors of numpy.random.RandomState, numpy 1.26.4 and 2.4.6.
import { describe, expect, it } from 'vitest';
import { numpyRandom } from '../../src/data/numpy-random.ts';
import { collectSampleIndex } from './sample-index-arrays.ts';

describe('numpyRandom', () => {
  it('draws the words of MT19937 seeded as numpy seeds it', () => {
    const random = numpyRandom(1234);
    expect(Array.from({ length: 5 }, () => random.nextWord())).toEqual([
      822569775, 2137449171, 2671936806, 3512589365, 1880026316,
    ]);
  });

  it('shuffles as numpy does, one array after another', () => {
    const random = numpyRandom(1234);
    const ten = Int32Array.from({ length: 10 }, (_, i) => i);
    random.shuffle(ten);
    expect([...ten]).toEqual([7, 2, 9, 1, 0, 8, 4, 5, 6, 3]);
    const eight = Uint32Array.from({ length: 8 }, (_, i) => i);
    random.shuffle(eight);
    expect([...eight]).toEqual([7, 5, 6, 0, 4, 3, 2, 1]);
  });

  it('draws nothing for arrays of none or one', () => {
    const random = numpyRandom(1234);
    random.shuffle(new Int32Array(0));
    random.shuffle(new Int32Array(1));
    expect(random.nextWord()).toBe(822569775);
  });

  it.each([-1, 1.5, 2 ** 32, Number.NaN])('refuses the seed %s', (seed) => {
    expect(() => numpyRandom(seed)).toThrow(/seed: expected a whole number from 0 to 4294967295/);
  });
});

describe('buildSampleIndex', () => {
  const lengths = [5, 1, 7, 3, 12, 2, 9, 4];
  const corpus = {
    prefix: 'toy',
    numDocuments: lengths.length,
    numTokens: lengths.reduce((a, b) => a + b, 0),
    documentLength: (d: number) => lengths[d] ?? Number.NaN,
  };

  it('packs eight small documents as GPT-NeoX packs them', () => {
    const index = collectSampleIndex(corpus, { seqLength: 4, numSamples: 12, seed: 1234 });
    expect(index.numEpochs).toBe(2);
    expect([...index.documents]).toEqual([5, 3, 0, 4, 6, 2, 2, 7, 1, 1, 0, 4, 5, 6, 3, 7]);
    const starts = [
      [0, 0],
      [1, 2],
      [2, 3],
      [3, 2],
      [3, 6],
      [3, 10],
      [4, 2],
      [4, 6],
      [5, 1],
      [5, 5],
      [6, 2],
      [6, 6],
      [7, 3],
      [10, 1],
      [11, 0],
      [11, 4],
      [11, 8],
      [12, 0],
      [13, 2],
      [13, 6],
      [14, 1],
      [15, 2],
    ];
    expect([...index.starts]).toEqual(starts.flat());
    expect([...index.order]).toEqual([10, 4, 13, 17, 1, 14, 8, 7, 3, 6, 18, 19, 12, 11, 0, 2, 15, 9, 20, 5, 16]);
  });

  it('takes one epoch when that is just enough, and two when one token is wanting', () => {
    // 43 tokens: ⌊42 / 6⌋ = 7 samples in one epoch.
    expect(collectSampleIndex(corpus, { seqLength: 6, numSamples: 7, seed: 1 }).numEpochs).toBe(1);
    expect(collectSampleIndex({ ...corpus, numTokens: 42 }, { seqLength: 6, numSamples: 7, seed: 1 }).numEpochs).toBe(
      2,
    );
  });

  it('refuses a corpus of empty documents', () => {
    expect(() => collectSampleIndex({ ...corpus, numTokens: 0 }, { seqLength: 4, numSamples: 1, seed: 1 })).toThrow(
      /found only empty ones/,
    );
  });

  it('refuses an index beyond its number types before it allocates one', () => {
    expect(() =>
      collectSampleIndex({ ...corpus, numTokens: 1 }, { seqLength: 2048, numSamples: 2 ** 31, seed: 1 }),
    ).toThrow(/epochs of 8 documents; expected at most 2147483647/);
  });
});
