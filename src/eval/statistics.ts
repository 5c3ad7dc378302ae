// Scores with their uncertainty and the comparison of two arms item by item. Last stop but one of the road: evaluate.
// Standard errors of scores follow lm-evaluation-harness (sample standard deviation, n − 1, over √n). Intervals are 95 %: Wilson's score for
// rates (Wilson 1927), the bootstrap by cluster for means and differences, Agresti and Min's (2005) for differences of rates of which
// too few items differ to resample them. Tests: exact McNemar for rates, sign flips by cluster for means.
import { fairCoinTwoSidedP, NORMAL_97_5, studentQuantile } from './distributions.ts';
import { bootstrapInterval, clustersOf, RESAMPLING, signFlipP, type Clusters, type Resampling } from './resampling.ts';

export type Interval = readonly [low: number, high: number];

/** What the values of single items are: any numbers, or zeros and ones. */
export type MetricKind = 'mean' | 'rate';

/** What says which items belong together; items of one key are resampled as one. */
export type ClusterKeys = readonly (string | number)[];

/** A figure of a benchmark. Rates are fractions, 0–1. */
export interface Score {
  readonly value: number;
  /** Null for a single item, whose spread is unknown. */
  readonly standardError: number | null;
  /** 95 %; null where no spread can be estimated: a mean of one cluster, or of equal values. */
  readonly interval: Interval | null;
  /** Null without an interval. Wilson's takes items for independent. */
  readonly intervalMethod: 'Wilson' | 'bootstrap by cluster' | null;
  readonly numItems: number;
  readonly numClusters: number;
  /** Of the draws behind the interval; null where there are none. */
  readonly resampling: Resampling | null;
}

/** What a p of two arms speaks of: two models, not the training that made them, of which each arm is a sample of one. */
export const P_SCOPE = 'for these two trained models';

/** Mean of a − b over paired items. */
export interface Effect {
  /** Null when there are no items. */
  readonly value: number | null;
  /** By cluster; null for a single one. */
  readonly standardError: number | null;
  /** 95 %; null where no spread can be estimated, as when no item differs: never of no width. */
  readonly interval: Interval | null;
  readonly intervalMethod: 'bootstrap by cluster' | 'Agresti and Min' | null;
  /** Two-sided, against "no difference"; null where the test cannot be made. */
  readonly pValue: number | null;
  readonly pScope: typeof P_SCOPE;
  /** McNemar's takes items for independent. */
  readonly test: 'exact McNemar' | 'sign flips by cluster';
  /** The smallest true difference that a test at 5 % finds in 80 % of such samples, with this spread and number of clusters. */
  readonly detectable: number | null;
  readonly numItems: number;
  readonly numClusters: number;
  readonly resampling: Resampling;
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

/** Score of the values' mean or rate; null for no values, because no figure can stand for them. Without keys items are independent. */
export function scoreOf(values: readonly number[], kind: MetricKind, keys?: ClusterKeys): Score | null {
  if (values.length === 0) return null;
  checkValues(values, kind);
  const clusters = clustersOf(values, keys);
  return kind === 'rate' ? rateScore(values, clusters) : meanScore(values, clusters);
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
 * Mean of a − b over items paired by position: means are tested by sign flips, rates (zeros and ones) by the exact McNemar test.
 * Without keys items are independent. Throws when the lengths differ, a value is not finite, or a rate's value is not 0 or 1.
 */
export function pairedEffect(
  a: readonly number[],
  b: readonly number[],
  kind: MetricKind,
  keys?: ClusterKeys,
  resampling = RESAMPLING,
): Effect {
  if (a.length !== b.length) throw new Error(`bug: ${a.length} items compared with ${b.length}`);
  for (const values of [a, b]) checkValues(values, kind);
  const differences = a.map((value, i) => value - b[i]!); // lengths are equal
  const clusters = clustersOf(differences, keys);
  const standardError = standardErrorByCluster(clusters);
  const numClusters = clusters.sums.length;
  return {
    value: differences.length === 0 ? null : mean(differences),
    standardError,
    ...(kind === 'rate'
      ? judgeRates(differences, clusters, resampling)
      : judgeMeans(differences, clusters, resampling)),
    pScope: P_SCOPE,
    detectable: standardError === null ? null : detectableEffect(standardError, numClusters),
    numItems: differences.length,
    numClusters,
    resampling,
  };
}

/**
 * P-values made larger for the number of tests beside them, so that at most 5 % of families hold a false find below 0.05 (Holm 1979). In
 * the order given; nulls are tests that were not made.
 */
export function holmAdjusted(pValues: readonly (number | null)[]): (number | null)[] {
  const made = pValues.flatMap((p, place) => (p === null ? [] : [{ p, place }])).sort((x, y) => x.p - y.p);
  const adjusted: (number | null)[] = pValues.map(() => null);
  let largest = 0;
  made.forEach(({ p, place }, rank) => {
    largest = Math.max(largest, Math.min(1, p * (made.length - rank)));
    adjusted[place] = largest;
  });
  return adjusted;
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

function meanScore(values: readonly number[], clusters: Clusters): Score {
  const interval = resampledInterval(clusters, RESAMPLING);
  return {
    value: mean(values),
    standardError: standardErrorOf(values),
    interval,
    intervalMethod: interval === null ? null : 'bootstrap by cluster',
    numItems: values.length,
    numClusters: clusters.sums.length,
    resampling: interval === null ? null : RESAMPLING,
  };
}

function rateScore(values: readonly number[], clusters: Clusters): Score {
  const successes = values.reduce((sum, value) => sum + value, 0);
  return {
    value: successes / values.length,
    standardError: standardErrorOf(values),
    interval: wilsonInterval(successes, values.length),
    intervalMethod: 'Wilson',
    numItems: values.length,
    numClusters: clusters.sums.length,
    resampling: null,
  };
}

type Judgement = Pick<Effect, 'interval' | 'intervalMethod' | 'pValue' | 'test' | 'note'>;

function judgeMeans(differences: readonly number[], clusters: Clusters, resampling: Resampling): Judgement {
  const test = 'sign flips by cluster';
  const none = { interval: null, intervalMethod: null, pValue: null, test } as const;
  if (differences.length === 0) return { ...none, note: 'no items' };
  if (differences.every((difference) => difference === 0)) {
    return { ...none, pValue: 1, note: 'no item differs: no spread to estimate an interval by' };
  }
  if (clusters.sums.length === 1) return { ...none, note: `one ${clusterWord(clusters)}: its spread is unknown` };
  const interval = resampledInterval(clusters, resampling);
  if (interval === null) {
    const note = 'every item differs by the same amount: no spread to judge it by';
    return { ...none, note };
  }
  const pValue = signFlipP(clusters, resampling);
  return { interval, intervalMethod: 'bootstrap by cluster', pValue, test, note: fewClusters(clusters) };
}

/** With fewer items outside the commonest outcome, resampling covers too little; all alike, it has no width. */
const LEAST_UNCOMMON = 20;

function judgeRates(differences: readonly number[], clusters: Clusters, resampling: Resampling): Judgement {
  const test = 'exact McNemar';
  const numItems = differences.length;
  if (numItems === 0) return { interval: null, intervalMethod: null, pValue: null, test, note: 'no items' };
  const gains = differences.filter((difference) => difference === 1).length;
  const losses = differences.filter((difference) => difference === -1).length;
  const pValue = fairCoinTwoSidedP(gains, losses);
  const numUncommon = numItems - Math.max(gains, losses, numItems - gains - losses);
  const interval = numUncommon < LEAST_UNCOMMON ? null : resampledInterval(clusters, resampling);
  if (interval !== null) {
    return { interval, intervalMethod: 'bootstrap by cluster', pValue, test, note: fewClusters(clusters) };
  }
  const note = gains + losses === 0 ? 'no item differs' : null;
  const closedForm = agrestiMinInterval(gains, losses, numItems);
  return { interval: closedForm, intervalMethod: 'Agresti and Min', pValue, test, note };
}

// Null where clusters are too few or too alike for a width; equal means come out of sums that may differ by roundings.
function resampledInterval(clusters: Clusters, resampling: Resampling): Interval | null {
  if (clusters.sums.length < 2) return null;
  const [low, high] = bootstrapInterval(clusters, resampling);
  return high - low <= 1e-12 * Math.max(Math.abs(low), Math.abs(high)) ? null : [low, high];
}

/** Below this number the bootstrap covers clearly less than it says: of simulated samples 93.6 % with 40 clusters, 91.8 % with 15. */
const FEW_CLUSTERS = 15;

function fewClusters(clusters: Clusters): string | null {
  const numClusters = clusters.sums.length;
  if (numClusters >= FEW_CLUSTERS) return null;
  return `${numClusters} ${clusterWord(clusters)}s: too few for an interval that covers 95 %`;
}

function clusterWord({ counts }: Clusters): string {
  return counts.every((count) => count === 1) ? 'item' : 'cluster';
}

// Half an item is added to each of the four cells, so the interval keeps a width when no item differs or when all do.
function agrestiMinInterval(gains: number, losses: number, n: number): Interval {
  const size = n + 2;
  const centre = (gains - losses) / size;
  const variance = (gains + losses + 1 - (gains - losses) ** 2 / size) / size ** 2;
  const half = NORMAL_97_5 * Math.sqrt(variance);
  return [Math.max(-1, centre - half), Math.min(1, centre + half)];
}

/**
 * The smallest difference of two rates that a test at 5 % finds in 80 % of samples of so many items, when the arms differ in this share of them; before anything
 * is known of clusters, whose spread can only make it larger.
 */
export function detectableRate(numItems: number, shareDiffering: number): number | null {
  if (numItems < 2) return null;
  return detectableEffect(Math.sqrt(shareDiffering / numItems), numItems);
}

/** The smallest difference of two rates over so many items of which the exact McNemar test can say p < 0.05; null when no outcome can be so sure. */
export function leastSignificantRate(numItems: number): number | null {
  for (let changed = 1; changed <= numItems; changed++) {
    if (fairCoinTwoSidedP(0, changed) < 0.05) return changed / numItems;
  }
  return null;
}

// The usual sum of two quantiles (Bloom 1995), of Student's t because the spread is an estimate from so many clusters.
function detectableEffect(standardError: number, numClusters: number): number | null {
  if (standardError === 0) return null;
  return (studentQuantile(0.975, numClusters - 1) + studentQuantile(0.8, numClusters - 1)) * standardError;
}

// Linearised for a mean over items of clusters of any size; without clusters the sample's standard error.
function standardErrorByCluster({ sums, counts }: Clusters): number | null {
  const numClusters = sums.length;
  if (numClusters < 2) return null;
  if (sums.every((sum, i) => sum === sums[0] && counts[i] === counts[0])) return 0; // the mean may be off by a rounding
  const numItems = counts.reduce((total, count) => total + count, 0);
  const centre = sums.reduce((total, sum) => total + sum, 0) / numItems;
  const squares = sums.reduce((total, sum, i) => total + (sum - counts[i]! * centre) ** 2, 0); // as many counts
  return Math.sqrt((squares * numClusters) / (numClusters - 1)) / numItems;
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
