// What is known of an effect over replicates of the whole experiment, such as models of several seeds: their mean with Student's t, because they
// are few and their spread is an estimate. Arithmetic only.
import { studentQuantile } from './distributions.ts';
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
