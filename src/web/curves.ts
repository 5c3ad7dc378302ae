// The training curves of a job as the page holds them: thinned ones from /metrics, and behind them the steps that the event stream
// brings. A repeated event, a second attempt or an overlap of both sources changes nothing.
import type { Arm } from '../job-spec.ts';
import type { StepEvent } from './api.ts';
import { FIGURES, type Figure, type ThinnedMetrics } from './records.ts';

type Values = (number | null)[];

/** Points in order of steps, in columns of equal length. */
export interface Curve {
  readonly steps: number[];
  /** When the last step of each point was recorded. */
  readonly atMs: number[];
  readonly means: Readonly<Record<Figure, Values>>;
  readonly least: Readonly<Record<Figure, Values>>;
  readonly most: Readonly<Record<Figure, Values>>;
  /** The first step that the stored points do not hold. */
  readonly end: number;
  /** How many points are stored ones; those behind them are single steps of the stream. */
  readonly numStored: number;
}

export interface Curves {
  readonly arms: Map<Arm, Curve>;
  readonly stepsPerPoint: number;
}

export function noCurves(): Curves {
  return { arms: new Map(), stepsPerPoint: 1 };
}

function byFigure<T>(make: (figure: Figure) => T): Record<Figure, T> {
  return Object.fromEntries(FIGURES.map((figure) => [figure, make(figure)])) as Record<Figure, T>; // of all figures
}

/** The stored points as curves. */
export function storedCurves({ arms, stepsPerPoint = 1, numSteps, extremes }: ThinnedMetrics): Curves {
  const curves = Object.entries(arms).map(([name, columns]): [Arm, Curve] => {
    const arm = name as Arm; // a key of the record
    const { step } = columns;
    const column = (figure: Figure): Values => [...(columns[figure] ?? step.map(() => null))];
    const lastStep = step.at(-1);
    return [
      arm,
      {
        steps: [...step],
        atMs: increasing(columns.recordedAtMs ?? step.map(() => null)),
        means: byFigure(column),
        least: byFigure((figure) => [...(extremes?.[arm]?.[figure]?.min ?? column(figure))]),
        most: byFigure((figure) => [...(extremes?.[arm]?.[figure]?.max ?? column(figure))]),
        end: lastStep === undefined ? 0 : lastStep + (numSteps?.[arm]?.at(-1) ?? 1),
        numStored: step.length,
      },
    ];
  });
  return { arms: new Map(curves), stepsPerPoint };
}

/** Moments that grow from one to the next, as an axis needs them: steps that were recorded together lie a millisecond apart. */
function increasing(moments: readonly (number | null)[]): number[] {
  let last = 0;
  return moments.map((moment) => {
    last = Math.max(last + 1, moment ?? 0);
    return last;
  });
}

/** Puts a streamed step behind the stored points; one that these hold already is left out, one that came before is replaced. */
export function putStep({ arms }: Curves, event: StepEvent, atMs: number): void {
  const { arm, step } = event;
  let curve = arms.get(arm);
  if (curve === undefined) {
    curve = { steps: [], atMs: [], ...emptyColumns(), end: 0, numStored: 0 };
    arms.set(arm, curve);
  }
  if (step < curve.end) return;
  const place = placeOf(curve.steps, step);
  const numReplaced = curve.steps[place] === step ? 1 : 0;
  curve.steps.splice(place, numReplaced, step);
  const before = curve.atMs[place - 1] ?? 0;
  curve.atMs.splice(place, numReplaced, Math.max(atMs, before + 1));
  for (const figure of FIGURES) {
    for (const columns of [curve.means, curve.least, curve.most]) {
      columns[figure].splice(place, numReplaced, event[figure] ?? null);
    }
  }
}

/** Puts the streamed steps of older curves behind newer stored points. */
export function keepStreamed(curves: Curves, older: Curves): void {
  for (const [arm, { steps, atMs, means, numStored }] of older.arms) {
    for (let place = numStored; place < steps.length; place += 1) {
      const figures = Object.fromEntries(FIGURES.map((figure) => [figure, means[figure][place]]));
      const step = { arm, step: steps[place]!, ...figures } as unknown as StepEvent; // as it was put
      putStep(curves, step, atMs[place]!);
    }
  }
}

function emptyColumns(): Pick<Curve, 'means' | 'least' | 'most'> {
  const none = () => byFigure((): Values => []);
  return { means: none(), least: none(), most: none() };
}

/** How many steps of the stream the longest curve has behind its stored points. */
export function numStreamed({ arms }: Curves): number {
  return Math.max(0, ...[...arms.values()].map(({ steps, numStored }) => steps.length - numStored));
}

function placeOf(steps: readonly number[], step: number): number {
  const last = steps.at(-1);
  if (last === undefined || last < step) return steps.length; // nearly every step comes in order
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps[middle] ?? Infinity) < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** An exponential mean over about `span` points, started without a bias towards the first value; points without a value keep none. */
export function smooth(values: readonly (number | null)[], span: number): (number | null)[] {
  const keep = 1 - 1 / Math.max(1, span);
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = keep * sum + value;
    weight = keep * weight + 1;
    return sum / weight;
  });
}
