// How the curves of a training are shown, as the address has it: `?x=time&smooth=50&log=1&hide=placebo&zoom=1330~1360&table=lossNats`.
import type { Arm } from '../job-spec.ts';
import type { Curves } from './curves.ts';
import { ARM_ORDER } from './scores.ts';

/** Steps to smooth over that can be chosen. */
export const SPANS = [0, 10, 50, 200] as const;
const USUAL_SPAN = 10;

export type Range = readonly [number, number];

export interface ChartSettings {
  readonly isTime: boolean;
  readonly isLog: boolean;
  readonly span: number;
  readonly hidden: readonly Arm[];
  /** Steps, or seconds since 1970; none where all is in sight. */
  readonly zoom: Range | undefined;
  /** The figure that is shown as a table. */
  readonly table: string | undefined;
}

/** Reads the settings; what is not understood is as if it were not there. */
export function readChartSettings(query: Readonly<Record<string, string>>): ChartSettings {
  const span = SPANS.find((one) => String(one) === query['smooth']) ?? USUAL_SPAN;
  const hidden = (query['hide'] ?? '').split(',');
  return {
    isTime: query['x'] === 'time',
    isLog: query['log'] === '1',
    span,
    hidden: ARM_ORDER.filter((arm) => hidden.includes(arm)),
    zoom: readRange(query['zoom']),
    table: query['table'],
  };
}

export function readRange(text: string | undefined): Range | undefined {
  const [, from, to] = /^(\d+(?:\.\d+)?)~(\d+(?:\.\d+)?)$/.exec(text ?? '') ?? [];
  const range = [Number(from), Number(to)] as const;
  return range[0] < range[1] ? range : undefined;
}

/** A range as the address has it: whole steps, or thousandths of a second. */
export function rangeText([from, to]: Range, isTime: boolean): string {
  if (isTime) return `${from.toFixed(3)}~${to.toFixed(3)}`;
  const first = Math.max(0, Math.floor(from));
  return `${first}~${Math.max(first + 1, Math.ceil(to))}`;
}

/** The steps that any arm has in a range of the axis; none where it holds no point. */
export function stepsIn({ arms, stepsPerPoint }: Curves, [from, to]: Range, isTime: boolean): Range | undefined {
  if (!isTime) return [Math.floor(from), Math.ceil(to) + 1];
  const steps = [...arms.values()].flatMap((curve) =>
    curve.steps.filter((_step, place) => curve.atMs[place]! >= 1000 * from && curve.atMs[place]! <= 1000 * to),
  );
  return steps.length === 0 ? undefined : [Math.min(...steps), Math.max(...steps) + stepsPerPoint];
}
