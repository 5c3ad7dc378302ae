// The training curves of a job as the page holds them: stored steps from /metrics and live ones from the event stream,
// merged by arm and step, so that a repeated event, a second attempt or an overlap of both sources changes nothing.
import type { Arm } from '../job-spec.ts';
import type { Metrics, StepEvent } from './api.ts';

export interface Curve {
  readonly steps: number[];
  readonly lossNats: number[];
  readonly numEdits: number[];
}

export type Curves = Map<Arm, Curve>;

/** Puts one step into its arm's curve, in order; a step that is there already is replaced. */
export function putStep(curves: Curves, { arm, step, lossNats, numEdits }: StepEvent): void {
  let curve = curves.get(arm);
  if (curve === undefined) {
    curve = { steps: [], lossNats: [], numEdits: [] };
    curves.set(arm, curve);
  }
  const place = placeOf(curve.steps, step);
  const numReplaced = curve.steps[place] === step ? 1 : 0;
  curve.steps.splice(place, numReplaced, step);
  curve.lossNats.splice(place, numReplaced, lossNats);
  curve.numEdits.splice(place, numReplaced, numEdits);
}

/** Puts all stored steps into the curves. */
export function putMetrics(curves: Curves, metrics: Metrics): void {
  for (const [arm, columns] of Object.entries(metrics.arms) as [Arm, Metrics['arms'][Arm]][]) {
    columns?.step.forEach((step, place) => {
      const lossNats = columns.lossNats[place];
      const numEdits = columns.numEdits[place];
      if (lossNats !== undefined) putStep(curves, { arm, step, lossNats, numEdits: numEdits ?? 0 });
    });
  }
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

/** An exponential mean over about `span` steps, started without a bias towards the first value. */
export function smooth(values: readonly number[], span: number): number[] {
  const keep = 1 - 1 / span;
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    sum = keep * sum + value;
    weight = keep * weight + 1;
    return sum / weight;
  });
}
