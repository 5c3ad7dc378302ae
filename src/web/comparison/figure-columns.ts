// The columns of the table of figures: what a cell shows and which plain fields it is exported as.
import type { TableColumn } from '../table-formats.ts';
import { formatCount, formatDifference, formatInterval, formatP, formatValue } from '../format.ts';
import { describeMetric } from '../metric-names.ts';
import { protocolWords } from '../scores.ts';
import type { Figure } from './rows.ts';

const unitOf = ({ metric }: Figure) => describeMetric(metric).unit;

export const PLACE_COLUMNS: readonly TableColumn<Figure>[] = [
  {
    title: 'benchmark',
    shown: (row) => `${row.benchmark}, ${protocolWords(row)}`,
    fields: {
      benchmark: (row) => row.benchmark,
      protocol: (row) => row.protocol,
      settings: (row) => JSON.stringify(row.settings ?? {}),
    },
  },
  {
    title: 'metric',
    shown: ({ metric }) => describeMetric(metric).label,
    fields: { metric: ({ metric }) => metric },
  },
];

export const FIGURE_COLUMNS: readonly TableColumn<Figure>[] = [
  {
    title: 'job',
    shown: ({ side, name }) => (side === null ? name : `${side.letter} ${name}`),
    fields: {
      letter: ({ side }) => side?.letter ?? null,
      job: ({ side }) => side?.job.id ?? null,
      name: ({ name }) => name,
      isBaseline: ({ isBaseline }) => isBaseline,
    },
  },
  { title: 'arm', shown: ({ arm }) => arm ?? '', fields: { arm: ({ arm }) => arm } },
  { title: 'step', shown: ({ step }) => formatCount(step), fields: { step: ({ step }) => step } },
  {
    title: 'value',
    shown: (row) => formatValue(row.value, unitOf(row)),
    fields: { value: ({ value }) => value },
  },
  {
    title: '95 % interval',
    shown: (row) => (row.side === null ? '' : formatInterval(row.interval, unitOf(row))),
    fields: { low: ({ interval }) => interval?.[0] ?? null, high: ({ interval }) => interval?.[1] ?? null },
  },
  { title: 'n', shown: ({ numItems }) => formatCount(numItems), fields: { numItems: ({ numItems }) => numItems } },
  {
    title: 'effect',
    shown: (row) => (row.effect === null ? '' : formatDifference(row.effect.value, unitOf(row))),
    fields: { effect: ({ effect }) => effect?.value ?? null, effectAgainst: ({ against }) => against },
  },
  {
    title: 'its 95 % interval',
    shown: (row) => (row.effect === null ? '' : formatInterval(row.effect.interval, unitOf(row))),
    fields: {
      effectLow: ({ effect }) => effect?.interval?.[0] ?? null,
      effectHigh: ({ effect }) => effect?.interval?.[1] ?? null,
      effectNumItems: ({ effect }) => effect?.numItems ?? null,
      effectNote: ({ effect }) => effect?.note ?? null,
    },
  },
  {
    title: 'p',
    shown: ({ effect }) => (effect === null ? '' : formatP(effect.pValue)),
    fields: {
      pValue: ({ effect }) => effect?.pValue ?? null,
      test: ({ effect }) => effect?.test ?? null,
      pScope: ({ effect }) => effect?.pScope ?? null,
    },
  },
  {
    title: 'p by Holm',
    shown: ({ effect }) => (effect === null || effect.pAdjusted === null ? '' : formatP(effect.pAdjusted)),
    fields: {
      pAdjusted: ({ effect }) => effect?.pAdjusted ?? null,
      family: ({ effect }) => effect?.family ?? null,
    },
  },
  {
    title: 'to be read with',
    shown: ({ labels }) => labels.map(({ label }) => label).join('; '),
    fields: {
      labels: ({ labels }) => labels.map(({ label, detail }) => `${label}: ${detail}`).join('; '),
      source: ({ source }) => source,
    },
  },
];
