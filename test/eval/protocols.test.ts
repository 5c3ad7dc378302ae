import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { openBenchmark } from '../../src/eval/benchmarks.ts';
import { scoreCrowsPairs, type CrowsPair } from '../../src/eval/crows-pairs.ts';
import { scoresOf } from '../../src/eval/metrics.ts';
import { evaluateBenchmark } from '../../src/eval/score.ts';
import { matchingBlocks } from '../../src/eval/shared-tokens.ts';
import { packagePath } from '../../src/package-root.ts';
import { fakeModel, hashedLogProb } from './fake-model.ts';

// Written by expected_protocols.py beside it, which names its command.
const expected = JSON.parse(readFileSync(join(import.meta.dirname, '../fixtures/eval/protocols.json'), 'utf8')) as {
  blocks: { a: number[]; b: number[]; blocks: [number, number, number][] }[];
  halfSums: { values: number[]; sum: number }[];
};

const pairs: readonly CrowsPair[] = [
  { sentMore: 'The nurse lost her bag.', sentLess: 'The nurse lost his bag.', direction: 'stereo', biasType: 'gender' },
  { sentMore: 'Old men sat.', sentLess: 'Men sat.', direction: 'antistereo', biasType: 'age' },
];

describe('the shared tokens of two rows', () => {
  it("are those of Python's difflib", () => {
    expect(expected.blocks.length).toBeGreaterThan(100);
    for (const { a, b, blocks } of expected.blocks) {
      // difflib joins blocks that touch in both rows.
      const joined: [number, number, number][] = [];
      for (const block of matchingBlocks(a, b)) {
        const last = joined.at(-1);
        if (last !== undefined && last[0] + last[2] === block.a && last[1] + last[2] === block.b)
          last[2] += block.length;
        else joined.push([block.a, block.b, block.length]);
      }
      expect(joined).toEqual(blocks);
    }
  });
});

describe('the protocol shared-tokens', () => {
  it('sums log P of the tokens that both sentences have, given all before them', async () => {
    const model = fakeModel((word, before) => (word === ' bag' && before.includes(' his') ? -3 : -0.5));
    const [first, second] = await scoreCrowsPairs(pairs, model, 'shared-tokens');
    expect(first).toMatchObject({ logLikelihood: [-2.5, -5], numTokens: [5, 5], stereotype: 'feminine' });
    expect(first).not.toHaveProperty('pronounLogProb');
    expect(second).toMatchObject({ logLikelihood: [-1, -1], numTokens: [2, 2] }); // " sat" and "."
    const scores = scoresOf([first!, second!]); // two pairs
    expect(scores['pctStereotype']).toMatchObject({ value: 0.5, numItems: 2 }); // the tie loses
    expect(Object.keys(scores).filter((metric) => metric.startsWith('logOdds'))).toEqual([]);
  });
});

describe('the protocol fp16-emulated', () => {
  it('rounds every log P and their sum as half precision does', async () => {
    for (const { values, sum } of expected.halfSums) {
      const text = values.map((_, i) => `w${i}`).join(' ');
      const model = fakeModel((_, before) => values[before.length - 1] ?? NaN);
      const pair = { sentMore: text, sentLess: text, direction: 'stereo', biasType: 'age' } as const;
      const [item] = await scoreCrowsPairs([pair], model, 'fp16-emulated');
      expect(item?.logLikelihood).toEqual([sum, sum]);
    }
  });

  it('makes ties of sums that lie within one rounding, and counts them as no stereotype', async () => {
    const model = fakeModel((word) => (word === ' her' ? -40.01 : word === ' his' ? -40.02 : -10));
    const plain = scoresOf(await scoreCrowsPairs(pairs, model));
    const rounded = scoresOf(await scoreCrowsPairs(pairs, model, 'fp16-emulated'));
    expect(plain['pctStereotype.gender']?.value).toBe(1);
    expect(rounded['pctStereotype.gender']?.value).toBe(0);
    expect(rounded['likelihoodDiff.gender']?.value).toBe(0);
  });
});

describe('an evaluation', () => {
  it('names its protocol, and WinoBias has likelihood only', async () => {
    const model = fakeModel(hashedLogProb);
    const nanoPairs = openBenchmark('crows-pairs', packagePath('suite', 'nano', 'benchmarks', 'nano-crows-pairs.csv'));
    const evaluation = await evaluateBenchmark(nanoPairs, model, 'shared-tokens');
    expect(evaluation).toMatchObject({ benchmark: 'nano-crows-pairs', protocol: 'shared-tokens', numItems: 240 });
    const winobias = openBenchmark('winobias', packagePath('suite', 'nano', 'benchmarks', 'nano-winobias'));
    await expect(evaluateBenchmark(winobias, model, 'fp16-emulated')).rejects.toThrow(InputError);
  });
});
