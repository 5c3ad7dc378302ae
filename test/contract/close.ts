// How near a back end's fp32 results must be to float64 ones.
import { expect } from 'vitest';

/** Largest error against the largest value: fp32 rounding (6e-8) over sums of up to some hundred terms, and on back ends
 * without an exact one the polynomial of erf (1.5e-7), with a factor ten in hand. */
const TOLERANCE = 1e-5;

/** Fails when the largest error, against the largest expected value, is beyond the tolerance of fp32. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what?: unknown): void {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(...Array.from(expected, Math.abs), 1e-30);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
  }
  expect(worst / largest, `largest error of ${String(what ?? 'the result')}`).toBeLessThan(TOLERANCE);
}
