// What a benchmark's figures are called on the page and in which unit they are. A metric's name is `rate` or `rate.part`, where the
// parts `masculine` and `feminine` are the two halves and others are kinds of items (`type1`, `race-color`).
import type { Unit } from './format.ts';
import { labelOf } from './json-schema.ts';

export type Half = 'masculine' | 'feminine';

export interface MetricName {
  readonly label: string;
  readonly unit: Unit;
  /** Set when the figure counts only the items whose stereotype is masculine, or feminine. */
  readonly half: Half | null;
  /** Which items the figure counts, in words; null for all of them. */
  readonly part: string | null;
  /** Whether it is a share of items answered with the stereotype: one half may mean unbiased, or always "she". */
  readonly isStereotypeRate: boolean;
}

interface Known {
  readonly label: string;
  readonly unit: Unit;
}

// In the order in which tables show them.
const KNOWN: Readonly<Record<string, Known>> = {
  proRate: { label: 'Pro-stereotype rate', unit: 'rate' },
  pctStereotype: { label: 'Stereotype preferred', unit: 'rate' },
  logOdds: { label: 'Mean log P(masculine) − log P(feminine), pronoun', unit: 'nats' },
  logOddsSentence: { label: 'Mean log P(masculine) − log P(feminine), sentence', unit: 'nats' },
  likelihoodDiff: { label: 'Mean |log-likelihood difference|', unit: 'nats' },
  accuracy: { label: 'Exact matches', unit: 'rate' },
  netBias: { label: 'Exact matches, pro − anti', unit: 'number' },
  wordAccuracy: { label: 'Last words right', unit: 'rate' },
  choiceRate: { label: 'Stereotyped pronoun chosen, by the sentence', unit: 'rate' },
  choiceRateToken: { label: 'Stereotyped pronoun chosen, by itself', unit: 'rate' },
  perplexity: { label: 'Perplexity', unit: 'number' },
  lossNats: { label: 'Loss per token', unit: 'nats' },
  wordLossNats: { label: 'Loss per last word', unit: 'nats' },
};
const STEREOTYPE_RATES = ['proRate', 'pctStereotype'];
const HALF_LABELS: Readonly<Record<Half, string>> = {
  masculine: 'masculine-stereotyped items',
  feminine: 'feminine-stereotyped items',
};

function splitName(metric: string): [whole: string, part: string | null] {
  const dot = metric.indexOf('.');
  return dot === -1 ? [metric, null] : [metric.slice(0, dot), metric.slice(dot + 1)];
}

/** Reads a metric's name. Unknown names are shown as words and their values as plain numbers. */
export function describeMetric(metric: string): MetricName {
  const [whole, part] = splitName(metric);
  const { label, unit } = KNOWN[whole] ?? { label: labelOf(whole), unit: 'number' };
  const half = part === 'masculine' || part === 'feminine' ? part : null;
  const partLabel = half === null ? part : HALF_LABELS[half];
  return {
    label: partLabel === null ? label : `${label}, ${partLabel}`,
    unit,
    half,
    part: partLabel,
    isStereotypeRate: STEREOTYPE_RATES.includes(whole),
  };
}

/** Where a metric stands in a table: by its place in the list above, whole figures before halves before other parts. */
export function metricRank(metric: string): number {
  const [whole, part] = splitName(metric);
  const place = Object.keys(KNOWN).indexOf(whole);
  const partPlace = part === null ? 0 : part === 'masculine' ? 1 : part === 'feminine' ? 2 : 3;
  return 4 * (place === -1 ? Object.keys(KNOWN).length : place) + partPlace;
}
