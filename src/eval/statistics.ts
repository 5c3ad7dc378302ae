// Scores with their uncertainty and the comparison of two arms item by item. Last stop but one of the road: evaluate.
// Standard errors follow lm-evaluation-harness (sample standard deviation, n − 1, over √n). Intervals are 95 %: Student's t for
// means, Wilson's score for rates (Wilson 1927), Agresti and Min's (2005) for differences of paired rates.
import { fairCoinTwoSidedP, NORMAL_97_5, student97_5, studentTwoSidedP } from './distributions.ts';

export type Interval = readonly [low: number, high: number];

/** What the values of single items are: any numbers, or zeros and ones. */
export type MetricKind = 'mean' | 'rate';

/** A figure of a benchmark. Rates are fractions, 0–1. */
export interface Score {
  readonly value: number;
  /** Null for a single item, whose spread is unknown. */
  readonly standardError: number | null;
  /** 95 %; null where no spread can be estimated: a mean of one item, or of equal values. */
  readonly interval: Interval | null;
  readonly numItems: number;
}

/** Mean of a − b over paired items. */
export interface Effect {
  /** Null when there are no items. */
  readonly value: number | null;
  readonly standardError: number | null;
  /** 95 %. */
  readonly interval: Interval | null;
  /** Two-sided, against "no difference"; null where the test cannot be made. */
  readonly pValue: number | null;
  readonly test: 'paired t' | 'exact McNemar';
  readonly numItems: number;
  /** Why something above is null or exact, in words; null for the ordinary case. */
  readonly note: string | null;
}

/** A straight line through points by least squares. */
export interface Line {
  readonly slope: number;
  readonly intercept: number;
  /** Share of the variance of y that the line explains; null when all y are equal. */
  readonly rSquared: number | null;
  readonly numPoints: number;
}

/** Score of the values' mean or rate; null for no values, because no figure can stand for them. */
export function scoreOf(values: readonly number[], kind: MetricKind): Score | null {
  if (values.length === 0) return null;
  return kind === 'rate' ? rateScore(values) : meanScore(values);
}

/** Wilson's 95 % interval for `successes` out of `n` ≥ 1. */
export function wilsonInterval(successes: number, n: number): Interval {
  if (!(n >= 1 && successes >= 0 && successes <= n)) throw new Error(`bug: ${successes} successes out of ${n}`);
  const z2 = NORMAL_97_5 ** 2;
  const rate = successes / n;
  const centre = (rate + z2 / (2 * n)) / (1 + z2 / n);
  const half = (Math.sqrt((rate * (1 - rate)) / n + z2 / (4 * n * n)) * NORMAL_97_5) / (1 + z2 / n);
  // The bounds of 0 and n successes are exact; rounding must not push them outside.
  return [successes === 0 ? 0 : centre - half, successes === n ? 1 : centre + half];
}

/**
 * Mean of a − b over items paired by position: for means with the paired t-test, for rates (zeros and ones) with the exact
 * McNemar test. Throws when the lengths differ, a value is not finite, or a rate's value is not 0 or 1.
 */
export function pairedEffect(a: readonly number[], b: readonly number[], kind: MetricKind): Effect {
  if (a.length !== b.length) throw new Error(`bug: ${a.length} items compared with ${b.length}`);
  for (const values of [a, b]) checkValues(values, kind);
  const differences = a.map((value, i) => value - b[i]!); // lengths are equal
  return kind === 'rate' ? rateEffect(differences) : meanEffect(differences);
}

/** The least squares line of y on x; null for fewer than two points or when all x are equal. */
export function leastSquares(x: readonly number[], y: readonly number[]): Line | null {
  if (x.length !== y.length) throw new Error(`bug: ${x.length} x values with ${y.length} y values`);
  checkValues(x, 'mean');
  checkValues(y, 'mean');
  if (x.length < 2 || allEqual(x)) return null;
  const meanX = mean(x);
  const meanY = mean(y);
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (let i = 0; i < x.length; i++) {
    const dx = x[i]! - meanX; // i is in range
    const dy = y[i]! - meanY;
    xx += dx * dx;
    xy += dx * dy;
    yy += dy * dy;
  }
  const slope = xy / xx;
  const rSquared = allEqual(y) ? null : (xy * xy) / (xx * yy);
  return { slope, intercept: meanY - slope * meanX, rSquared, numPoints: x.length };
}

function meanScore(values: readonly number[]): Score {
  checkValues(values, 'mean');
  const value = mean(values);
  const standardError = standardErrorOf(values);
  const interval =
    standardError === null || allEqual(values) ? null : studentInterval(value, standardError, values.length);
  return { value, standardError, interval, numItems: values.length };
}

function rateScore(values: readonly number[]): Score {
  checkValues(values, 'rate');
  const successes = values.reduce((sum, value) => sum + value, 0);
  return {
    value: successes / values.length,
    standardError: standardErrorOf(values),
    interval: wilsonInterval(successes, values.length),
    numItems: values.length,
  };
}

function meanEffect(differences: readonly number[]): Effect {
  const test = 'paired t';
  const numItems = differences.length;
  if (numItems === 0) return noItems(test);
  const value = mean(differences);
  const standardError = standardErrorOf(differences);
  if (standardError === null) {
    const note = 'one item: its spread is unknown';
    return { value, standardError, interval: null, pValue: null, test, numItems, note };
  }
  if (allEqual(differences)) {
    if (value === 0) {
      const note = 'no item differs';
      return { value, standardError, interval: [0, 0], pValue: 1, test, numItems, note };
    }
    const note = 'every item differs by the same amount: no spread to judge it by';
    return { value, standardError, interval: null, pValue: null, test, numItems, note };
  }
  const interval = studentInterval(value, standardError, numItems);
  const pValue = studentTwoSidedP(value / standardError, numItems - 1);
  return { value, standardError, interval, pValue, test, numItems, note: null };
}

function rateEffect(differences: readonly number[]): Effect {
  const test = 'exact McNemar';
  const numItems = differences.length;
  if (numItems === 0) return noItems(test);
  const gains = differences.filter((difference) => difference === 1).length;
  const losses = differences.filter((difference) => difference === -1).length;
  return {
    value: (gains - losses) / numItems,
    standardError: standardErrorOf(differences),
    interval: agrestiMinInterval(gains, losses, numItems),
    pValue: fairCoinTwoSidedP(gains, losses),
    test,
    numItems,
    note: gains + losses === 0 ? 'no item differs' : null,
  };
}

// Half an item is added to each of the four cells, so the interval keeps a width when no item differs or when all do.
function agrestiMinInterval(gains: number, losses: number, n: number): Interval {
  const size = n + 2;
  const centre = (gains - losses) / size;
  const variance = (gains + losses + 1 - (gains - losses) ** 2 / size) / size ** 2;
  const half = NORMAL_97_5 * Math.sqrt(variance);
  return [Math.max(-1, centre - half), Math.min(1, centre + half)];
}

function noItems(test: Effect['test']): Effect {
  return { value: null, standardError: null, interval: null, pValue: null, test, numItems: 0, note: 'no items' };
}

function studentInterval(value: number, standardError: number, n: number): Interval {
  const half = student97_5(n - 1) * standardError;
  return [value - half, value + half];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function standardErrorOf(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  if (allEqual(values)) return 0; // the mean of equal values may be off by a rounding
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

function allEqual(values: readonly number[]): boolean {
  return values.every((value) => value === values[0]);
}

function checkValues(values: readonly number[], kind: MetricKind): void {
  for (const value of values) {
    if (!Number.isFinite(value)) throw new Error(`bug: an item's value is ${value}`);
    if (kind === 'rate' && value !== 0 && value !== 1) throw new Error(`bug: a rate's item is ${value}, not 0 or 1`);
  }
}
