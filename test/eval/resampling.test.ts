import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulateClusters, simulateRate } from '../../scripts/acceptance/statistics.ts';
import { logGamma } from '../../src/eval/distributions.ts';
import { bootstrapInterval, clustersOf, randomBits, RESAMPLING, signFlipP } from '../../src/eval/resampling.ts';
import { holmAdjusted, pairedEffect, wilsonInterval } from '../../src/eval/statistics.ts';

const zerosLike = (values: readonly unknown[]) => values.map(() => 0);

describe('the bootstrap by cluster', () => {
  it('has the ends of all resamples that are possible', () => {
    const values = [0.4, 2.5, 1.5, -1, 3, 7, 0.25, 1.75, -2, 0.5];
    const keys = ['a', 'a', 'b', 'c', 'c', 'c', 'd', 'e', 'e', 'f'];
    const { sums, counts } = clustersOf(values, keys);
    expect([...counts]).toEqual([2, 1, 3, 1, 2, 1]);
    const means: number[] = [];
    for (let code = 0; code < 6 ** 6; code++) {
      const drawn = Array.from({ length: 6 }, (_, digit) => Math.floor(code / 6 ** digit) % 6);
      const total = (column: Float64Array) => drawn.reduce((sum, place) => sum + column[place]!, 0);
      means.push(total(sums) / total(counts));
    }
    means.sort((a, b) => a - b);
    const shareBelow = (end: number) => means.filter((mean) => mean < end).length / means.length;
    const [low, high] = bootstrapInterval({ sums, counts }, RESAMPLING);
    // The share below an end is 0.025 up to the chance of 10,000 draws, standard error 0.0016, and the weight of single resamples.
    expect(Math.abs(shareBelow(low) - 0.025)).toBeLessThan(0.006);
    expect(Math.abs(shareBelow(high) - 0.975)).toBeLessThan(0.006);
  });

  it('gives the same ends for the same seed, others for another, and mirrored ends for mirrored values', () => {
    const values = Array.from({ length: 50 }, (_, i) => Math.sin(i * i));
    const ends = bootstrapInterval(clustersOf(values), RESAMPLING);
    expect(bootstrapInterval(clustersOf(values), RESAMPLING)).toEqual(ends);
    expect(bootstrapInterval(clustersOf(values), { ...RESAMPLING, seed: 2 })).not.toEqual(ends);
    const mirrored = bootstrapInterval(clustersOf(values.map((value) => -value)), RESAMPLING);
    expect(mirrored).toEqual([-ends[1], -ends[0]]);
  });

  it('is not made narrower by repeating the items of a cluster', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 2, maxLength: 30 }),
        fc.integer({ min: 2, max: 6 }),
        (values, times) => {
          const repeated = values.flatMap((value) => Array<number>(times).fill(value));
          const keys = values.flatMap((_, key) => Array<number>(times).fill(key));
          const once = pairedEffect(values, zerosLike(values), 'mean', undefined, { numDraws: 200, seed: 3 });
          const often = pairedEffect(repeated, zerosLike(repeated), 'mean', keys, { numDraws: 200, seed: 3 });
          expect(often.interval?.[0] ?? 0).toBeCloseTo(once.interval?.[0] ?? 0, 10);
          expect(often.standardError ?? 0).toBeCloseTo(once.standardError ?? 0, 10);
          expect(often.detectable ?? 0).toBeCloseTo(once.detectable ?? 0, 10);
          expect(often.pValue).toBe(once.pValue);
        },
      ),
      { seed: 7, numRuns: 50 },
    );
  });

  it('takes well under a second for all of CrowS-Pairs', () => {
    const values = Array.from({ length: 1508 }, (_, i) => Math.sin(i * i));
    const startedMs = performance.now();
    bootstrapInterval(clustersOf(values), RESAMPLING);
    signFlipP(clustersOf(values), RESAMPLING);
    expect(performance.now() - startedMs).toBeLessThan(1500); // 0.17 s on a machine with nothing else to do
  });
});

describe('random bits', () => {
  it('fill their range evenly and do not repeat soon', () => {
    const next = randomBits(5);
    const counts = new Array<number>(16).fill(0);
    const seen = new Set<number>();
    for (let i = 0; i < 16_000; i++) {
      const bits = next();
      seen.add(bits);
      counts[bits >>> 28]! += 1;
    }
    const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(37.7); // 15 degrees of freedom, 0.1 % point
    expect(seen.size).toBeGreaterThan(15_990);
  });
});

describe('sign flips by cluster', () => {
  it('have the p of all patterns of signs, and look at sums of clusters only', () => {
    const values = [3, -1, 2, 0.5, 4, -2.5, 1, 1.5, 2.5, -0.5, 3.5, 1];
    const keys = [0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 8];
    const { sums } = clustersOf(values, keys);
    const seen = sums.reduce((total, sum) => total + sum, 0);
    let numExtreme = 0;
    for (let mask = 0; mask < 2 ** sums.length; mask++) {
      const total = sums.reduce((running, sum, i) => running + ((mask >> i) & 1 ? sum : -sum), 0);
      if (Math.abs(total) >= seen - 1e-9) numExtreme += 1;
    }
    const exact = numExtreme / 2 ** sums.length;
    const p = signFlipP(clustersOf(values, keys), RESAMPLING);
    expect(Math.abs(p - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / 10_000)); // the chance of the draws
    expect(signFlipP({ sums, counts: new Float64Array(9).fill(1) }, RESAMPLING)).toBe(p);
  });

  it('never give a p of nought', () => {
    expect(signFlipP(clustersOf(Array<number>(60).fill(1)), RESAMPLING)).toBe(1 / 10_001);
    expect(signFlipP(clustersOf([0, 0]), RESAMPLING)).toBe(1);
  });
});

describe('an effect with clusters', () => {
  it('has the standard error of their sums and the difference it can detect, by hand', () => {
    // Sums 3, 3, −2 of 2, 1, 1 items; mean 1; residuals 1, 2, −3; sqrt(14 · 3/2) / 4.
    const effect = pairedEffect([1, 2, 3, -2], [0, 0, 0, 0], 'mean', ['x', 'x', 'y', 'z']);
    expect(effect).toMatchObject({ value: 1, numItems: 4, numClusters: 3 });
    expect(effect.standardError).toBeCloseTo(Math.sqrt(21) / 4, 12);
    // With 2 degrees of freedom the 97.5 % point is 4.302653 and the 80 % point 1.060660.
    expect(effect.detectable).toBeCloseTo((Math.sqrt(21) / 4) * (4.302653 + 1.06066), 5);
    expect(effect.note).toBe('3 clusters: too few for an interval that covers 95 %');
  });

  it('of one cluster has no spread to judge it by', () => {
    const effect = pairedEffect([1, 2], [0, 0], 'mean', ['x', 'x']);
    expect(effect).toMatchObject({ value: 1.5, standardError: null, interval: null, pValue: null, detectable: null });
    expect(effect.note).toBe('one cluster: its spread is unknown');
  });

  it('on a rate is resampled where enough items differ, and says which interval it has', () => {
    const before = Array.from({ length: 120 }, (_, i) => (i % 3 === 0 ? 1 : 0));
    const after = before.map((hit, i) => (i % 4 === 0 ? 1 - hit : hit));
    const keys = before.map((_, i) => i % 20);
    expect(pairedEffect(after, before, 'rate', keys)).toMatchObject({
      ...{ intervalMethod: 'bootstrap by cluster', test: 'exact McNemar', numClusters: 20 },
      ...{ pValue: expect.closeTo(0.0987, 4) as number, note: null }, // 20 gains, 10 losses
    });
    const few = before.map((hit, i) => (i < 9 ? 1 - hit : hit));
    expect(pairedEffect(few, before, 'rate', keys).intervalMethod).toBe('Agresti and Min');
  });
});

describe("Holm's method", () => {
  it('multiplies by the number of tests not yet passed and never turns the order', () => {
    expect(holmAdjusted([0.01, 0.04, null, 0.03, 0.005])).toEqual([
      expect.closeTo(0.03, 14),
      expect.closeTo(0.06, 14),
      null,
      expect.closeTo(0.06, 14),
      expect.closeTo(0.02, 14),
    ]);
    expect(holmAdjusted([0.7, 0.6])).toEqual([1, 1]);
    expect(holmAdjusted([null])).toEqual([null]);
    expect(holmAdjusted([])).toEqual([]);
  });
});

describe('95 % intervals', () => {
  it("of Wilson cover 94 to 96.5 % of samples of the benchmarks' sizes, summed exactly", () => {
    for (const n of [262, 320, 396, 1508]) {
      for (const rate of [0.3, 0.5, 0.6]) {
        let covered = 0;
        for (let hits = 0; hits <= n; hits++) {
          const [low, high] = wilsonInterval(hits, n);
          if (low > rate || high < rate) continue;
          const ways = logGamma(n + 1) - logGamma(hits + 1) - logGamma(n - hits + 1);
          covered += Math.exp(ways + hits * Math.log(rate) + (n - hits) * Math.log(1 - rate));
        }
        expect(covered, `n = ${n}, p = ${rate}`).toBeGreaterThan(0.94);
        expect(covered, `n = ${n}, p = ${rate}`).toBeLessThan(0.965);
      }
    }
  });

  it('of the bootstrap do about so too, and less with 40 clusters; short form of the trial', () => {
    const { bootstrap } = simulateRate(262, 0.3, 400);
    expect(bootstrap).toBeGreaterThan(0.93);
    expect(bootstrap).toBeLessThan(0.97);
    const { coverage, falseFinds, power } = simulateClusters(40, 200, { numDraws: 400, seed: 1 });
    expect(coverage).toBeGreaterThan(0.89); // 0.94 in the long form; 200 samples have a standard error of 0.017
    expect(falseFinds).toBeLessThan(0.1);
    expect(power).toBeGreaterThan(0.7);
  });
});
