// Which lines the charts of a training show: one an arm, smoothed over the measured points, with the extremes of what was thinned.
import type { Arm } from '../../job-spec.ts';
import { smooth, type Curves } from '../curves.ts';
import { formatCount } from '../format.ts';
import type { Figure } from '../records.ts';
import { ARM_ORDER } from '../scores.ts';
import type { ArmLine } from './line-options.ts';

export interface FigureChart {
  readonly figure: Figure;
  readonly title: string;
  readonly format: (value: number) => string;
  readonly height: number;
}

/** In the order in which they are shown; edits as a rate where it is known how many tokens a step has. */
export function figureCharts(tokensPerStep: number | null): readonly FigureChart[] {
  const perThousand = 'Edits per 1,000 tokens';
  return [
    { figure: 'lossNats', title: 'Loss (nats per token)', format: (value) => value.toFixed(3), height: 230 },
    tokensPerStep === null
      ? { figure: 'numEdits', title: 'Edits in each step', format: (value) => value.toFixed(1), height: 150 }
      : { figure: 'numEdits', title: perThousand, format: (value) => value.toFixed(2), height: 150 },
    { figure: 'gradientNorm', title: 'Gradient norm', format: (value) => value.toFixed(3), height: 150 },
    { figure: 'learningRate', title: 'Learning rate', format: (value) => value.toExponential(2), height: 150 },
    { figure: 'tokensPerSecond', title: 'Tokens per second', format: formatCount, height: 150 },
  ];
}

export interface LineWish {
  readonly figure: Figure;
  /** Steps to smooth over; 0 for none. */
  readonly span: number;
  readonly isTime: boolean;
  readonly isLog: boolean;
  readonly tokensPerStep: number | null;
}

/** The arms that were trained, in the order in which they are shown. */
export function trainedArms({ arms }: Curves): Arm[] {
  return ARM_ORDER.filter((arm) => (arms.get(arm)?.steps.length ?? 0) > 0);
}

/** The lines of one chart. A thinned curve has a band from its least to its greatest values, a whole one its measured points. */
export function curveLines(curves: Curves, arms: readonly Arm[], wish: LineWish): ArmLine[] {
  const { figure, span, isTime, isLog, tokensPerStep } = wish;
  const scale = figure === 'numEdits' && tokensPerStep !== null ? 1000 / tokensPerStep : 1;
  const drawn = (values: readonly (number | null)[]) =>
    values.map((value) => (value === null || (isLog && value <= 0) ? null : value * scale));
  return arms.map((arm): ArmLine => {
    const curve = curves.arms.get(arm)!; // of the trained arms
    const values = drawn(curve.means[figure]);
    const points = span / curves.stepsPerPoint;
    const isSmoothed = points > 1 && figure !== 'learningRate';
    const isThinned = curves.stepsPerPoint > 1;
    return {
      arm,
      steps: isTime ? curve.atMs.map((ms) => ms / 1000) : curve.steps,
      values: isSmoothed ? smooth(values, points) : values,
      ...(isSmoothed && { faint: values }),
      ...(isThinned && { band: { low: drawn(curve.least[figure]), high: drawn(curve.most[figure]) } }),
    };
  });
}
