// How scores and effects of a sweep's jobs go with a numeric axis of its grid: one curve for jobs that differ in the axis and in seeds alone. Its
// points are replicates of one another, with Student's interval over them; a single job has its own interval, over items.
import type { Interval } from '../eval/statistics.ts';
import { settingsText, type ScoringSettings } from '../job-spec.ts';
import type { Experiment } from '../store/experiments.ts';
import { conditionOf, replicateGroups, type ReplicatedFigure, type ReplicateGroup } from '../replicates.ts';

/** One axis of a grid and the values that jobs of the sweep have on it, in their order. */
export interface SweepAxis {
  readonly path: string;
  readonly values: readonly unknown[];
}

export interface DosePoint {
  readonly x: number;
  readonly value: number;
  /** 95 %; null where it is not estimable. */
  readonly interval: Interval | null;
  /** What the interval is over: model seeds, draws of the rewriting, or the items of one job. */
  readonly over: 'model seeds' | 'draws of the rewriting' | 'items';
  readonly numJobs: number;
  /** Of the models; null where it is not known. */
  readonly seeds: readonly (number | null)[];
}

export interface DoseCurve {
  /** Path of the axis whose value is x. */
  readonly axis: string;
  /** What the jobs of the curve share of the other axes. */
  readonly others: Readonly<Record<string, unknown>>;
  readonly family: string;
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
  readonly metric: string;
  /** The intervention arm's score at the window's end, by x. */
  readonly intervention: readonly DosePoint[];
  /** Intervention − control, by x; empty for perplexity, which is compared through its logarithm. */
  readonly effect: readonly DosePoint[];
}

/** The interval over items of one job's figure. */
export type IntervalOf = (jobId: string, arm: 'intervention' | 'effect', figure: ReplicatedFigure) => Interval | null;

/** The curves over each axis that has two numbers or more, for whole scores and for the halves of rates by gender. */
export function doseResponse(
  experiments: readonly Experiment[],
  axes: readonly SweepAxis[],
  intervalOf: IntervalOf,
): DoseCurve[] {
  return axes.filter(isNumeric).flatMap(({ path }) => {
    const begun = experiments.filter((one) => one.model !== null && typeof valueAt(one, path) === 'number');
    const conditions = groupedBy(begun, (one) => conditionOf(one, path));
    return [...conditions.values()].flatMap((members) => curvesOf(members, path, axes, intervalOf));
  });
}

function isNumeric({ values }: SweepAxis): boolean {
  return values.length > 1 && values.every((value) => typeof value === 'number');
}

function valueAt({ sweepPoint }: Experiment, path: string): unknown {
  return (sweepPoint as Readonly<Record<string, unknown>> | null)?.[path];
}

/** Jobs of one curve at one x. */
interface Place {
  readonly x: number;
  readonly group: ReplicateGroup;
}

function curvesOf(
  members: readonly Experiment[],
  path: string,
  axes: readonly SweepAxis[],
  intervalOf: IntervalOf,
): DoseCurve[] {
  const byX = groupedBy(members, (one) => valueAt(one, path) as number); // chosen by it
  const places = [...byX]
    .sort(([a], [b]) => a - b)
    .flatMap(([x, own]) => replicateGroups(own).map((group): Place => ({ x, group })));
  const shown = new Map(places.flatMap(({ group }) => group.scores.filter(isDrawn).map((row) => [keyOf(row), row])));
  const first = members[0]!; // a group is made with its first member
  const isShared = ({ path: other }: SweepAxis) =>
    other !== path && members.every((one) => same(valueAt(one, other), valueAt(first, other)));
  const others = Object.fromEntries(axes.filter(isShared).map((axis) => [axis.path, valueAt(first, axis.path)]));
  return [...shown].map(([key, { benchmark, protocol, settings, metric }]) => ({
    ...{ axis: path, others, family: places[0]!.group.family, benchmark, protocol, settings, metric }, // one has the key
    intervention: places.flatMap((place) => pointsOf(place, key, 'intervention', intervalOf)),
    effect: places.flatMap((place) => pointsOf(place, key, 'effect', intervalOf)),
  }));
}

const HALVES: readonly string[] = ['masculine', 'feminine'];

function isDrawn({ metric }: { readonly metric: string }): boolean {
  const [, part] = metric.split('.', 2);
  return part === undefined || HALVES.includes(part);
}

function groupedBy<Key>(experiments: readonly Experiment[], keyOf: (one: Experiment) => Key): Map<Key, Experiment[]> {
  const groups = new Map<Key, Experiment[]>();
  for (const one of experiments) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return groups;
}

function keyOf({ benchmark, protocol, settings, metric }: ReplicatedFigure): string {
  return [benchmark, protocol, settingsText(settings), metric].join(' ');
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function pointsOf(
  { x, group }: Place,
  key: string,
  arm: 'intervention' | 'effect',
  intervalOf: IntervalOf,
): DosePoint[] {
  const figures = arm === 'effect' ? group.effects : group.scores;
  const figure = figures.find((row) => keyOf(row) === key);
  if (figure === undefined) return [];
  const isSingle = group.over === 'nothing';
  const ids = figure.replicates.flatMap(({ jobs }) => jobs);
  const seeds = new Set(group.jobs.filter(({ id }) => ids.includes(id)).map(({ modelSeed }) => modelSeed));
  return [
    {
      ...{ x, value: figure.value, numJobs: ids.length, seeds: [...seeds] },
      interval: isSingle ? intervalOf(ids[0]!, arm, figure) : figure.interval, // a figure is of one job at least
      over: isSingle ? ('items' as const) : (group.over as DosePoint['over']), // the other two
    },
  ];
}
