import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fairCoinTwoSidedP,
  incompleteBeta,
  logGamma,
  studentQuantile,
  studentTwoSidedP,
} from '../../src/eval/distributions.ts';
import { leastSquares, pairedEffect, scoreOf, wilsonInterval } from '../../src/eval/statistics.ts';

interface Expected {
  studentTwoSided: { t: number; degrees: number; p: number }[];
  student97_5: { degrees: number; t: number }[];
  wilson: { successes: number; n: number; interval: [number, number] }[];
  mcnemar: { gains: number; losses: number; p: number }[];
  pairedT: {
    a: number[];
    b: number[];
    value: number;
    standardError: number;
    interval: [number, number];
    pValue: number;
  }[];
  line: { x: number[]; y: number[]; slope: number; intercept: number; rSquared: number };
}

// Written by expected_statistics.py beside it, which names its command; numerical integration there is good to about 1e-12.
const expected = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/eval/statistics.json'), 'utf8'),
) as Expected;

describe("Student's t", () => {
  it('has the two-sided p-values of numerical integration', () => {
    for (const { t, degrees, p } of expected.studentTwoSided) {
      expect(Math.abs(studentTwoSidedP(t, degrees) - p)).toBeLessThan(1e-11);
    }
  });

  it('has the 97.5 % points of printed tables', () => {
    const table = {
      1: 12.706,
      2: 4.303,
      3: 3.182,
      5: 2.571,
      10: 2.228,
      30: 2.042,
      60: 2.0,
      120: 1.98,
      1_000_000: 1.96,
    };
    for (const [degrees, t] of Object.entries(table)) expect(studentQuantile(0.975, Number(degrees))).toBeCloseTo(t, 3);
    for (const { degrees, t } of expected.student97_5) expect(studentQuantile(0.975, degrees)).toBeCloseTo(t, 9);
    // 80 %, from printed tables too.
    for (const [degrees, t] of Object.entries({ 1: 1.376, 10: 0.879, 39: 0.851 }))
      expect(studentQuantile(0.8, Number(degrees))).toBeCloseTo(t, 3);
  });

  it('rests on an incomplete beta with the closed forms of whole parameters', () => {
    for (const x of [0, 0.01, 0.3, 0.5, 0.9, 1]) {
      expect(incompleteBeta(x, 1, 1)).toBeCloseTo(x, 14);
      expect(incompleteBeta(x, 3, 1)).toBeCloseTo(x ** 3, 14);
      expect(incompleteBeta(x, 2, 3)).toBeCloseTo(6 * x ** 2 - 8 * x ** 3 + 3 * x ** 4, 14);
    }
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.PI) / 2, 13);
    expect(logGamma(11)).toBeCloseTo(Math.log(3628800), 12);
  });
});

describe('a score', () => {
  it('of a mean has the sample standard error and the interval of all resamples', () => {
    const score = scoreOf([1, 2, 3, 4], 'mean');
    expect(score?.value).toBe(2.5);
    expect(score?.standardError).toBeCloseTo(Math.sqrt(5 / 3 / 4), 14); // variance 5/3
    // Of all 256 resamples 5 have a sum below 6 and 15 one below 7, so the 2.5 % point is 6 / 4; the other end mirrors it.
    expect(score?.interval).toEqual([1.5, 3.5]);
    expect(score).toMatchObject({ intervalMethod: 'bootstrap by cluster', numItems: 4, numClusters: 4 });
    expect(score?.resampling).toEqual({ numDraws: 10_000, seed: 1 });
  });

  it('of a rate has sample sd / √n and the interval of Wilson', () => {
    const score = scoreOf([1, 0, 0, 1, 0], 'rate');
    expect(score?.value).toBe(0.4);
    expect(score?.standardError).toBeCloseTo(Math.sqrt(0.3 / 5), 14); // variance 2·3/(5·4)
    expect(score?.interval).toEqual(wilsonInterval(2, 5));
    for (const { successes, n, interval } of expected.wilson) {
      wilsonInterval(successes, n).forEach((bound, i) => expect(bound).toBeCloseTo(interval[i]!, 12));
    }
  });

  it('does not exist for no items, and has no spread for one item', () => {
    expect(scoreOf([], 'rate')).toBeNull();
    expect(scoreOf([], 'mean')).toBeNull();
    expect(scoreOf([3], 'mean')).toEqual({
      ...{ value: 3, standardError: null, interval: null, intervalMethod: null },
      ...{ numItems: 1, numClusters: 1, resampling: null },
    });
    expect(scoreOf([1], 'rate')).toEqual({
      ...{ value: 1, standardError: null, interval: [expect.closeTo(0.2065493, 6), 1], intervalMethod: 'Wilson' },
      ...{ numItems: 1, numClusters: 1, resampling: null },
    });
  });

  it('of equal values has standard error 0; only the rate has an interval then', () => {
    expect(scoreOf([0.1, 0.1, 0.1], 'mean')).toMatchObject({ standardError: 0, interval: null, numItems: 3 });
    expect(scoreOf([1, 1, 1, 1], 'rate')).toMatchObject({
      value: 1,
      standardError: 0,
      interval: [expect.closeTo(0.5101092, 6), 1],
    });
  });

  it('refuses values that are no numbers, and rates of other values than 0 and 1', () => {
    expect(() => scoreOf([1, NaN], 'mean')).toThrow(/bug/);
    expect(() => scoreOf([0.5], 'rate')).toThrow(/bug/);
  });
});

describe('the effect of paired means', () => {
  it('has value and standard error of the paired t-test, and with many items its interval and p too', () => {
    for (const sample of expected.pairedT) {
      const effect = pairedEffect(sample.a, sample.b, 'mean');
      expect(effect.value).toBeCloseTo(sample.value, 12);
      expect(effect.standardError).toBeCloseTo(sample.standardError, 12);
      expect(effect).toMatchObject({ test: 'sign flips by cluster', pScope: 'for these two trained models' });
      expect(effect).toMatchObject({ numItems: sample.a.length, numClusters: sample.a.length });
      if (sample.a.length < 60) {
        expect(effect.note).toBe(`${sample.a.length} items: too few for an interval that covers 95 %`);
        continue;
      }
      // Two methods for one spread: ends differ by a few hundredths of the width, p by the chance of the draws.
      const width = sample.interval[1] - sample.interval[0];
      effect.interval?.forEach((end, i) => expect(Math.abs(end - sample.interval[i]!) / width).toBeLessThan(0.04));
      expect(Math.abs((effect.pValue ?? NaN) - sample.pValue)).toBeLessThan(0.015);
      expect(effect.note).toBeNull();
    }
  });

  it('says that it cannot judge no item, one item, or equal differences', () => {
    expect(pairedEffect([], [], 'mean')).toMatchObject({ value: null, interval: null, pValue: null, numItems: 0 });
    expect(pairedEffect([2], [1], 'mean')).toMatchObject({
      value: 1,
      standardError: null,
      interval: null,
      pValue: null,
    });
    const constant = pairedEffect([2, 3, 4], [1, 2, 3], 'mean');
    expect(constant).toMatchObject({ value: 1, standardError: 0, interval: null, pValue: null });
    expect(constant.note).toMatch(/same amount/);
    expect(pairedEffect([1.5, 2], [1.5, 2], 'mean')).toMatchObject({
      value: 0,
      interval: null,
      intervalMethod: null,
      pValue: 1,
      note: 'no item differs: no spread to estimate an interval by',
    });
  });

  it('changes its sign when the arms change places', () => {
    const values = fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 })), {
      minLength: 3,
    });
    fc.assert(
      fc.property(values, (pairs) => {
        const a = pairs.map(([x]) => x);
        const b = pairs.map(([, y]) => y);
        const effect = pairedEffect(a, b, 'mean');
        const other = pairedEffect(b, a, 'mean');
        expect((effect.value ?? NaN) + (other.value ?? NaN)).toBeCloseTo(0, 12);
        expect(effect.pValue).toEqual(other.pValue);
      }),
      { seed: 5 },
    );
  });

  it('agrees with the exhaustive test of sign flips', () => {
    const a = [1.4, -0.3, 2.6, 0.5, 0.2, 1.9, -1, 1.1, -0.5, 0.4, 1.7, -1.5, 1.2, -0.1];
    const b = a.map(() => 0);
    const observed = Math.abs(a.reduce((sum, d) => sum + d, 0));
    let extreme = 0;
    for (let mask = 0; mask < 2 ** a.length; mask++) {
      const sum = a.reduce((total, d, i) => total + ((mask >> i) & 1 ? d : -d), 0);
      if (Math.abs(sum) >= observed - 1e-9) extreme++;
    }
    // Of 10,000 draws with a share near 0.08 the standard error is 0.0027.
    const p = pairedEffect(a, b, 'mean').pValue ?? NaN;
    expect(Math.abs(p - extreme / 2 ** a.length)).toBeLessThan(0.008);
    expect(p * 10_001).toBeCloseTo(Math.round(p * 10_001), 6); // (k + 1) / (draws + 1)
  });
});

describe('the effect of paired rates', () => {
  const arms = (gains: number, losses: number, both: number) => {
    const a = [...Array<number>(gains).fill(1), ...Array<number>(losses).fill(0), ...Array<number>(both).fill(1)];
    const b = [...Array<number>(gains).fill(0), ...Array<number>(losses).fill(1), ...Array<number>(both).fill(1)];
    return [a, b] as const;
  };

  it('has the exact p of McNemar', () => {
    for (const { gains, losses, p } of expected.mcnemar) {
      const [a, b] = arms(gains, losses, 5);
      const effect = pairedEffect(a, b, 'rate');
      expect(Math.abs((effect.pValue ?? NaN) - p)).toBeLessThan(1e-11);
      expect(effect.value).toBeCloseTo((gains - losses) / (gains + losses + 5), 14);
      expect(effect.test).toBe('exact McNemar');
    }
  });

  it('has the p of flipping every sign by brute force', () => {
    for (const [gains, losses] of [
      [0, 4],
      [1, 6],
      [3, 5],
      [4, 4],
      [9, 2],
    ] as const) {
      const n = gains + losses;
      let extreme = 0;
      for (let mask = 0; mask < 2 ** n; mask++) {
        let sum = 0;
        for (let i = 0; i < n; i++) sum += (mask >> i) & 1 ? 1 : -1;
        if (Math.abs(sum) >= Math.abs(gains - losses)) extreme++;
      }
      expect(fairCoinTwoSidedP(gains, losses)).toBeCloseTo(extreme / 2 ** n, 12);
    }
  });

  it('has the standard error of the differences and the interval of Agresti and Min', () => {
    const [a, b] = arms(9, 3, 28);
    const effect = pairedEffect(a, b, 'rate');
    // Mean 6/40; squares sum to 12.
    expect(effect.standardError).toBeCloseTo(Math.sqrt((12 - 40 * 0.15 ** 2) / 39 / 40), 14);
    // Half an item in each cell: 9.5 and 3.5 of 42.
    const [gain, loss] = [9.5 / 42, 3.5 / 42];
    const half = 1.959963984540054 * Math.sqrt((gain + loss - (gain - loss) ** 2) / 42);
    expect(effect.interval?.[0]).toBeCloseTo(gain - loss - half, 14);
    expect(effect.interval?.[1]).toBeCloseTo(gain - loss + half, 14);
  });

  it('keeps a width when no item differs and when all do', () => {
    const same = pairedEffect([1, 0, 1, 0], [1, 0, 1, 0], 'rate');
    expect(same).toMatchObject({ value: 0, standardError: 0, pValue: 1, note: 'no item differs' });
    expect(same.interval?.[1]).toBeCloseTo(1.959963984540054 / 6, 12);
    const all = pairedEffect(Array<number>(48).fill(0), Array<number>(48).fill(1), 'rate');
    expect(all.value).toBe(-1);
    expect(all.interval?.[0]).toBe(-1);
    expect(all.interval?.[1]).toBeGreaterThan(-1);
    expect(all.interval?.[1]).toBeLessThan(-0.85);
    expect(all.pValue).toBeCloseTo(2 ** -47, 20);
    expect(pairedEffect([1], [0], 'rate')).toMatchObject({ value: 1, standardError: null, pValue: 1 });
    expect(pairedEffect([], [], 'rate')).toMatchObject({ value: null, interval: null, pValue: null });
  });

  it('covers the true difference in about 95 % of all outcomes, summed exactly', () => {
    const n = 30;
    const choose = (k: number, of: number) => Math.exp(logGamma(of + 1) - logGamma(k + 1) - logGamma(of - k + 1));
    for (const [gain, loss] of [
      [0.3, 0.3],
      [0.5, 0.1],
      [0.1, 0.05],
      [0.02, 0.02],
      [0.9, 0.02],
    ] as const) {
      let covered = 0;
      for (let gains = 0; gains <= n; gains++) {
        for (let losses = 0; gains + losses <= n; losses++) {
          const [a, b] = arms(gains, losses, n - gains - losses);
          const [low, high] = pairedEffect(a, b, 'rate').interval ?? [NaN, NaN];
          if (low > gain - loss || high < gain - loss) continue;
          const ways = choose(gains, n) * choose(losses, n - gains);
          covered += ways * gain ** gains * loss ** losses * (1 - gain - loss) ** (n - gains - losses);
        }
      }
      expect(covered).toBeGreaterThan(0.93);
    }
  });

  it('refuses arms of different length', () => {
    expect(() => pairedEffect([1], [1, 0], 'rate')).toThrow(/1 items compared with 2/);
  });
});

describe('least squares', () => {
  it('finds the line and R² of an independent program', () => {
    const { x, y, ...line } = expected.line;
    const found = leastSquares(x, y);
    expect(found?.slope).toBeCloseTo(line.slope, 12);
    expect(found?.intercept).toBeCloseTo(line.intercept, 12);
    expect(found?.rSquared).toBeCloseTo(line.rSquared, 12);
  });

  it('fits an exact line exactly, and says when there is none', () => {
    expect(leastSquares([0, 1, 2], [1, 3, 5])).toEqual({ slope: 2, intercept: 1, rSquared: 1, numPoints: 3 });
    expect(leastSquares([0, 1], [4, 4])).toMatchObject({ slope: 0, intercept: 4, rSquared: null });
    expect(leastSquares([1, 1, 1], [1, 2, 3])).toBeNull();
    expect(leastSquares([1], [1])).toBeNull();
  });
});
