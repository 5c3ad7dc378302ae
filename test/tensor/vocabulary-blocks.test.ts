// Blocks of the vocabulary: they cover it once, in order, and none holds more logits than one block may.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vocabularyBlocks } from '../../src/tensor/vocabulary-blocks.ts';

describe('vocabularyBlocks', () => {
  it.each([
    [2048, 1024, [1024]], // a nano micro-batch: one block
    [4096, 1024, [1024]],
    [1, 50_304, [50_304]],
    [512, 50_304, [7232, 7232, 7232, 7232, 7232, 7232, 6912]],
  ])('cuts for %i rows a vocabulary of %i', (numRows, vocabSize, sizes) => {
    expect(vocabularyBlocks(numRows, vocabSize).map(({ size }) => size)).toEqual(sizes);
  });

  it('covers the vocabulary once, in order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 300_000 }), (numRows, vocabSize) => {
        const blocks = vocabularyBlocks(numRows, vocabSize);
        const ends = blocks.map(({ begin, size }) => begin + size);
        expect(blocks.map(({ begin }) => begin)).toEqual([0, ...ends.slice(0, -1)]);
        expect(ends.at(-1)).toBe(vocabSize);
        const largest = Math.max(...blocks.map(({ size }) => size));
        if (blocks.length > 1) expect(largest * numRows).toBeLessThan(4.2e6 + 64 * numRows); // cut at multiples of 64
        expect(Math.min(...blocks.map(({ size }) => size))).toBeGreaterThan(0);
      }),
      { seed: 7, numRuns: 100 },
    );
  });
});
