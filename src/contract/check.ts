// One check of the contract, and how near a back end's fp32 results must be to float64 ones.
import type { BackendName } from '../tensor/backend.ts';

export interface ContractCheck {
  readonly name: string;
  /** The largest deviation found on the current back end; throws when the result has not even the right form. */
  readonly run: () => number;
  /** The largest deviation that passes. */
  readonly tolerance: number;
  /** Why a back end is spared. */
  readonly skipped?: Readonly<Partial<Record<BackendName, string>>>;
}

/** Largest error against the largest value: fp32 rounding (6e-8) over sums of up to some hundred terms, and on back ends
 * without an exact one the polynomial of erf (1.5e-7), with a factor ten in hand. */
export const TOLERANCE = 1e-5;

/** The same where factors of products are rounded to bf16, whose eight bits keep 2e-3 of a value: measured are up to 4.5e-3 for an operation alone, and
 * 2.2e-2 for the gradients of a whole model. */
export const BF16_TOLERANCE = 3e-2;

/** The largest error against the largest expected value; infinite where a NaN is found. Throws on another number of values. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>, what = 'the result'): number {
  if (actual.length !== expected.length)
    throw new Error(`${what} has ${actual.length} values, expected ${expected.length}`);
  const largest = Math.max(...Array.from(expected, Math.abs), 1e-30);
  return largestError(actual, expected) / largest;
}

/** The largest error as it is; infinite where a NaN is found. */
export function largestError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
  }
  return worst;
}
