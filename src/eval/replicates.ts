// What is known of an effect over replicates of the whole experiment, such as models of several seeds: their mean with Student's t, because they
// are few and their spread is an estimate. Arithmetic only.
import { noncentralTail, studentQuantile } from './distributions.ts';
import type { Interval } from './statistics.ts';

export interface ReplicateMean {
  readonly value: number;
  /** Sample standard deviation over the root of their number; null for one. */
  readonly standardError: number | null;
  /** 95 %, Student's t; null for one replicate, and where all are equal: no spread can be told from them. */
  readonly interval: Interval | null;
  readonly numReplicates: number;
}

/** The mean of at least one replicate's value. */
export function meanOverReplicates(values: readonly number[]): ReplicateMean {
  const numReplicates = values.length;
  if (numReplicates === 0) throw new Error('bug: a mean over no replicates');
  const value = values.reduce((sum, one) => sum + one, 0) / numReplicates;
  if (numReplicates === 1) return { value, standardError: null, interval: null, numReplicates };
  if (values.every((one) => one === values[0])) return { value, standardError: 0, interval: null, numReplicates };
  const squares = values.reduce((sum, one) => sum + (one - value) ** 2, 0);
  const standardError = Math.sqrt(squares / (numReplicates - 1) / numReplicates);
  const half = studentQuantile(0.975, numReplicates - 1) * standardError;
  return { value, standardError, interval: [value - half, value + half], numReplicates };
}

/** The test at 5 %, two-sided, is to find the effect with this probability. */
const POWER = 0.8;

/**
 * The smallest true mean effect that Student's test at 5 % (two-sided) over so many replicates finds in 80 % of trials, when the effect has this standard deviation from
 * one replicate to the next: by the noncentral t (Cohen 1988, §2.4), because the usual sum of two quantiles is a seventh too small for two replicates. Null for
 * fewer than two replicates, which show no spread, and where the spread is 0.
 */
export function detectableOverReplicates(standardDeviation: number, numReplicates: number): number | null {
  if (numReplicates < 2 || standardDeviation === 0) return null;
  const degrees = numReplicates - 1;
  const bound = studentQuantile(0.975, degrees);
  let [low, high] = [0, 20]; // two replicates: 16.3
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (noncentralTail(middle, degrees, bound) < POWER) low = middle;
    else high = middle;
  }
  return (((low + high) / 2) * standardDeviation) / Math.sqrt(numReplicates);
}
