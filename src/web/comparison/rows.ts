// The rows of a comparison: one for each figure of each side, and for each published figure. The table, its exports and the plots are
// all made from these.
import type { Arm } from '../../job-spec.ts';
import type { EffectRow } from '../api.ts';
import type { ComparedJob, ComparedMetric, Comparison, PairComparison } from '../comparison-api.ts';
import { describeMetric, metricRank } from '../metric-names.ts';
import { placeKey, type Place } from '../scores.ts';
import { sideKey, type Side } from './sides.ts';

/** What an effect is a difference from: the control of the same job, or the pinned side. */
export type Against = 'control' | 'baseline';
/** Which figures are shown: whole scores, those with their two halves, or every part. */
export type Extent = 'whole' | 'halves' | 'all';

type EffectFigures = Pick<
  EffectRow,
  'value' | 'interval' | 'pValue' | 'pAdjusted' | 'family' | 'pScope' | 'test' | 'numItems' | 'numClusters' | 'note'
>;

export interface Figure extends Place {
  readonly metric: string;
  /** Null for a published figure. */
  readonly side: Side | null;
  /** Who is meant, in words: a job's name, or where a figure was published. */
  readonly name: string;
  readonly arm: Arm | null;
  readonly isBaseline: boolean;
  readonly step: number;
  readonly value: number;
  readonly interval: readonly [number, number] | null;
  readonly numItems: number;
  /** Null where there is nothing to compare with. */
  readonly effect: EffectFigures | null;
  /** What the effect is a difference from, in words; empty without one. */
  readonly against: string;
  /** The address of a published figure. */
  readonly source: string | null;
  readonly labels: readonly { readonly label: string; readonly detail: string }[];
}

export interface Request {
  readonly comparison: Comparison;
  readonly sides: readonly Side[];
  readonly baseline: Side | undefined;
  readonly against: Against;
  /** By side; against the baseline. Sides whose comparison was refused have words instead. */
  readonly pairs: ReadonlyMap<string, PairComparison | string>;
  readonly extent: Extent;
}

/** All figures, by benchmark and metric, in each the baseline first and what was published last. */
export function comparedFigures(request: Request): Figure[] {
  const { comparison, sides, extent } = request;
  return inOrder(comparison.metrics)
    .filter(({ metric }) => isShown(metric, extent))
    .flatMap((metric) => [...sides.flatMap((side) => figureOf(request, metric, side)), ...publishedFigures(metric)]);
}

/** Places by the first of their metrics, so that bias stands before capability. */
function inOrder(metrics: readonly ComparedMetric[]): ComparedMetric[] {
  const ranks = new Map<string, number>();
  for (const metric of metrics) {
    const key = placeKey(metric);
    ranks.set(key, Math.min(ranks.get(key) ?? Infinity, metricRank(metric.metric)));
  }
  const rankOf = (metric: ComparedMetric) => ranks.get(placeKey(metric)) ?? 0;
  return metrics.toSorted(
    (a, b) =>
      rankOf(a) - rankOf(b) ||
      placeKey(a).localeCompare(placeKey(b)) ||
      metricRank(a.metric) - metricRank(b.metric) ||
      a.metric.localeCompare(b.metric),
  );
}

function isShown(metric: string, extent: Extent): boolean {
  const { part, half } = describeMetric(metric);
  return extent === 'all' || part === null || (extent === 'halves' && half !== null);
}

function figureOf(request: Request, metric: ComparedMetric, side: Side): Figure[] {
  const compared = metric.jobs.find(({ id }) => id === side.job.id);
  const score = compared?.scores[side.arm];
  if (compared === undefined || score === undefined) return [];
  const { effect, against, label } = effectOf(request, metric, compared, side);
  const labels = request.comparison.labels
    .filter((one) => one.id === side.job.id && one.arm === side.arm && placeKey(one) === placeKey(metric))
    .map(({ label: words, detail }) => ({ label: words, detail }));
  return [
    {
      ...placeOf(metric),
      ...{ side, name: side.job.name, arm: side.arm, isBaseline: side === request.baseline, step: compared.step },
      ...{ value: score.value, interval: score.interval, numItems: score.numItems },
      ...{ effect, against, source: null, labels: [...labels, ...(label === null ? [] : [label])] },
    },
  ];
}

function placeOf({ benchmark, protocol, settings, metric }: ComparedMetric) {
  return { benchmark, protocol, ...(settings && { settings }), metric };
}

function effectOf(
  { against, baseline, pairs }: Request,
  metric: ComparedMetric,
  compared: ComparedJob,
  side: Side,
): Pick<Figure, 'effect' | 'against'> & { readonly label: Figure['labels'][number] | null } {
  const none = { effect: null, against: '', label: null };
  if (against === 'control') {
    if (side.arm !== 'intervention' || compared.effect === null) return none;
    return { ...none, effect: compared.effect, against: 'its own control' };
  }
  if (baseline === undefined || side === baseline) return none;
  const pair = pairs.get(sideKey(side));
  if (pair === undefined) return none;
  const refusal =
    typeof pair === 'string' ? pair : pair.refused.find((one) => placeKey(one) === placeKey(metric))?.detail;
  if (refusal !== undefined) return { ...none, label: { label: 'not comparable with the baseline', detail: refusal } };
  const effects = (pair as PairComparison).effects; // words are a refusal
  const effect = effects.find((row) => placeKey(row) === placeKey(metric) && row.metric === metric.metric) ?? null;
  return {
    ...none,
    effect,
    against: effect === null ? '' : `${baseline.letter} ${baseline.job.name}, ${baseline.arm}`,
  };
}

/** Jobs of one model and step have the same published figures: each is shown once. */
function publishedFigures(metric: ComparedMetric): Figure[] {
  const rows = new Map(
    metric.jobs
      .flatMap(({ published }) => published)
      .map((row) => [[row.source, row.model, row.step, row.condition, row.publishedBenchmark].join(' '), row]),
  );
  return [...rows.values()].map((row) => ({
    ...placeOf(metric),
    ...{ side: null, name: `published: ${row.model}, ${row.condition}, ${row.publishedBenchmark}`, arm: null },
    ...{ isBaseline: false, step: row.step, value: row.value, interval: null, numItems: row.numItems },
    ...{ effect: null, against: '', source: row.source, labels: row.warnings },
  }));
}
