// Student's interval over replicates against a table of t and against what it must cover.
import { describe, expect, it } from 'vitest';
import { detectableOverReplicates, meanOverReplicates } from '../../src/eval/replicates.ts';
import { seededRandom } from '../../src/suite/nano/random.ts';

/** Normal samples of a seed. */
function normals(seed: number): () => number {
  const random = seededRandom(seed, 0);
  const uniform = () => (random.nextUint32() + 0.5) / 2 ** 32;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

describe('a mean over replicates', () => {
  it('has the standard error and interval of a table of t', () => {
    // t(0.975, 2) = 4.302653; s = 1, so s.e. = 1/√3.
    const three = meanOverReplicates([1, 2, 3]);
    expect(three).toMatchObject({ value: 2, standardError: expect.closeTo(0.5773503, 6) as number, numReplicates: 3 });
    expect(three.interval?.[0]).toBeCloseTo(2 - 4.302653 * 0.5773503, 5);
    expect(three.interval?.[1]).toBeCloseTo(2 + 4.302653 * 0.5773503, 5);
    // t(0.975, 1) = 12.7062; s.e. of 0 and 1 is 0.5.
    expect(meanOverReplicates([0, 1]).interval?.[1]).toBeCloseTo(0.5 + 12.7062 * 0.5, 3);
  });

  it('has no interval where there is one, or no spread', () => {
    expect(meanOverReplicates([0.3])).toEqual({ value: 0.3, standardError: null, interval: null, numReplicates: 1 });
    expect(meanOverReplicates([0.3, 0.3])).toMatchObject({ standardError: 0, interval: null });
  });

  it('covers the truth in 95 % of normal samples of four', () => {
    const normal = normals(7);
    let numCovered = 0;
    const numSamples = 4_000;
    for (let i = 0; i < numSamples; i++) {
      const [low, high] = meanOverReplicates([normal(), normal(), normal(), normal()]).interval!; // four that differ
      if (low <= 0 && 0 <= high) numCovered += 1;
    }
    // Three standard errors of the share: 3·√(0.95·0.05/4000) = 0.0103.
    expect(Math.abs(numCovered / numSamples - 0.95)).toBeLessThan(0.0104);
  });
});

describe('the effect that replicates can detect', () => {
  // scipy 1.17.1: brentq(lambda d: nct.sf(t.ppf(.975, n - 1), n - 1, d) - .8, 1, 8) / sqrt(n); its nct is right to some 1e-7.
  it.each([
    [3, 3.264044],
    [4, 2.127949],
    [5, 1.681997],
    [10, 0.996001],
    [34, 0.495029],
  ])('over %i of them is that of another implementation of the noncentral t', (numReplicates, expected) => {
    expect(detectableOverReplicates(1, numReplicates)).toBeCloseTo(expected, 5);
    expect(detectableOverReplicates(0.02, numReplicates)).toBeCloseTo(0.02 * expected, 7);
  });

  it.each([2, 3, 8])('over %i is found in 80 %% of simulated trials', (numReplicates) => {
    const normal = normals(numReplicates);
    const effect = detectableOverReplicates(1, numReplicates)!; // two or more
    const numTrials = 8_000;
    let numFound = 0;
    for (let i = 0; i < numTrials; i++) {
      const sample = Array.from({ length: numReplicates }, () => effect + normal());
      const [low, high] = meanOverReplicates(sample).interval!; // they differ
      if (low > 0 || high < 0) numFound += 1;
    }
    // Three standard errors of the share: 3·√(0.8·0.2/8000) = 0.0134.
    expect(Math.abs(numFound / numTrials - 0.8)).toBeLessThan(0.0135);
  });

  it('is not known of one, and none where nothing varies', () => {
    expect([detectableOverReplicates(1, 1), detectableOverReplicates(0, 5)]).toEqual([null, null]);
  });
});
