// The part of a model's training that a job goes through, as the server will resolve it, and the learning rate there.
import { valueAt, type JsonObject } from './json-pointer.ts';
import type { ModelTraining } from './planning.ts';

export interface TrainingWindow {
  readonly from: number;
  readonly to: number;
}

/** The step of a checkpoint's name; undefined for a text that is none. */
export function stepOfCheckpoint(name: unknown): number | undefined {
  const digits = typeof name === 'string' ? /^step(\d{1,9})$/.exec(name)?.[1] : undefined;
  return digits === undefined ? undefined : Number(digits);
}

/** The window that a spec asks for; undefined where it is not said or holds no step. */
export function windowOf(spec: JsonObject, training: ModelTraining): TrainingWindow | undefined {
  const { endStep } = training;
  const [fraction, steps, last] = ['finalFraction', 'steps', 'to'].map((key) => numberAt(spec, `/window/${key}`));
  const from =
    fraction === undefined ? stepOfCheckpoint(valueAt(spec, '/checkpoint')) : startOfFraction(training, fraction);
  if (from === undefined) return undefined;
  const to = steps === undefined ? (last ?? endStep) : from + steps;
  return from < to && to <= endStep ? { from, to } : undefined;
}

function numberAt(spec: JsonObject, pointer: string): number | undefined {
  const value = valueAt(spec, pointer);
  return typeof value === 'number' ? value : undefined;
}

/** The published checkpoint nearest to the start of the last share; of two the earlier. */
function startOfFraction({ checkpoints, endStep }: ModelTraining, fraction: number): number | undefined {
  const wanted = (1 - fraction) * endStep;
  const steps = checkpoints.filter(({ isPublished, step }) => isPublished && step < endStep).map(({ step }) => step);
  return steps.toSorted((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted) || a - b)[0];
}

/** The learning rate at a step, between two drawn points on the line through them. */
export function rateAt({ learningRates: { step: steps, learningRate: rates } }: ModelTraining, step: number): number {
  const after = steps.findIndex((one) => one >= step);
  if (after <= 0) return rates[after] ?? rates.at(-1) ?? 0;
  const [x0, x1] = [steps[after - 1]!, steps[after]!]; // both are there: `after` is not the first
  const [y0, y1] = [rates[after - 1]!, rates[after]!];
  return y0 + ((y1 - y0) * (step - x0)) / (x1 - x0);
}

/** Where a step lies on a logarithmic scale that has zero, 0–1. */
export function logPlace(step: number, endStep: number): number {
  return Math.log1p(step) / Math.log1p(endStep);
}

/** The step nearest to a place on that scale. */
export function stepAtPlace(steps: readonly number[], place: number, endStep: number): number | undefined {
  const distance = (step: number) => Math.abs(logPlace(step, endStep) - place);
  return steps.toSorted((a, b) => distance(a) - distance(b))[0];
}
