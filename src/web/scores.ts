// Orders the flat rows of /scores for the page: newest figures, one group per benchmark and protocol, halves side by side.
import type { Arm } from '../job-spec.ts';
import type { EffectRow, ScoreLabel, ScoreRow, Scores, Settings } from './api.ts';
import { describeMetric, metricRank, type Half } from './metric-names.ts';

export const ARM_ORDER: readonly Arm[] = ['published', 'control', 'intervention', 'placebo'];

export interface Group<Row> extends Place {
  readonly rows: readonly Row[];
}

/** What a figure is of. */
export interface Place {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings?: Settings;
}

/** Tells places apart. */
export function placeKey({ benchmark, protocol, settings = {} }: Place): string {
  const words = settingsWords(settings);
  return [benchmark, protocol, ...(words === '' ? [] : [words])].join('/');
}

/** Tells figures apart, as the address does. */
export function metricKey(row: Place & { readonly metric: string }): string {
  return `${placeKey(row)}/${row.metric}`;
}

/** A protocol with its settings. */
export function protocolWords({ protocol, settings = {} }: Place): string {
  const words = settingsWords(settings);
  return words === '' ? protocol : `${protocol}, ${words}`;
}

/** A metric with what it is of. */
export function figureWords(row: Place & { readonly metric: string }): string {
  return `${describeMetric(row.metric).label} (${row.benchmark}, ${protocolWords(row)})`;
}

function settingsWords(settings: Settings): string {
  const words = (value: Settings[string]) => (typeof value === 'object' ? value.join(' and ') : String(value));
  return Object.entries(settings)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name} ${words(value)}`)
    .join(', ');
}

/** Rows by benchmark and protocol, in order of first appearance; inside a group by rank of the metric. */
export function groupRows<Row extends Place & { readonly metric: string }>(rows: readonly Row[]): Group<Row>[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = placeKey(row);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((members) => ({
    ...placeOf(members[0]!), // a group is made with its first member
    rows: members.toSorted((a, b) => metricRank(a.metric) - metricRank(b.metric)),
  }));
}

function placeOf({ benchmark, protocol, settings }: Place): Place {
  return { benchmark, protocol, ...(settings && { settings }) };
}

/** Of all effects of one metric only the one at the last step. */
export function latestEffects(effects: readonly EffectRow[]): EffectRow[] {
  return latestBy(effects, (row) => [placeKey(row), row.metric]);
}

/** Of all scores of one arm and metric only the one at the last step. */
export function latestScores(scores: readonly ScoreRow[]): ScoreRow[] {
  return latestBy(scores, (row) => [row.arm, placeKey(row), row.metric]);
}

function latestBy<Row extends { readonly step: number }>(rows: readonly Row[], keyOf: (row: Row) => string[]): Row[] {
  const latest = new Map<string, Row>();
  for (const row of rows) {
    const key = JSON.stringify(keyOf(row));
    const known = latest.get(key);
    if (known === undefined || row.step >= known.step) latest.set(key, row);
  }
  return [...latest.values()];
}

/** The one figure a list has room for: the effect on the pro-stereotype rate, of WinoBias when it was scored, by likelihood before other protocols. */
export function mainEffect(scores: Scores): EffectRow | undefined {
  const candidates = latestEffects(scores.effects).filter(({ metric }) => {
    const { isStereotypeRate, part } = describeMetric(metric);
    return isStereotypeRate && part === null;
  });
  const isUsual = ({ protocol }: EffectRow) => Number(protocol === 'likelihood');
  return candidates.toSorted((a, b) => metricRank(a.metric) - metricRank(b.metric) || isUsual(b) - isUsual(a))[0];
}

/** The labels that belong to one benchmark, or only to one arm in it. */
export function labelsFor(labels: readonly ScoreLabel[], place: Place, arm?: Arm): ScoreLabel[] {
  return labels.filter((label) => placeKey(label) === placeKey(place) && (arm === undefined || label.arm === arm));
}

export interface ArmHalves {
  readonly arm: Arm;
  readonly masculine: ScoreRow;
  readonly feminine: ScoreRow;
}

/** For each arm the stereotype rate of its masculine and of its feminine items; arms that lack one are left out. */
export function halvesOf(rows: readonly ScoreRow[]): ArmHalves[] {
  const find = (arm: Arm, half: Half) =>
    rows.find((row) => {
      const name = describeMetric(row.metric);
      return row.arm === arm && name.isStereotypeRate && name.half === half;
    });
  return ARM_ORDER.flatMap((arm) => {
    const masculine = find(arm, 'masculine');
    const feminine = find(arm, 'feminine');
    return masculine === undefined || feminine === undefined ? [] : [{ arm, masculine, feminine }];
  });
}
