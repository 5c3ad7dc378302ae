// Which steps a verification repeats. Rows are cheap and training is not: half of the steps are drawn among those that a kept checkpoint is near to, first
// of them the ones that lead to another kept checkpoint, whose weights are then there to compare; the others among all.
import { numpyRandom } from '../../src/data/numpy-random.ts';
import type { StartPoint } from './starts.ts';

export interface Choice {
  /** Steps whose rows are made again, in order. */
  readonly steps: readonly number[];
  /** Trainings: from a start point, up to and including `last`. */
  readonly trainings: readonly { readonly start: StartPoint; readonly last: number }[];
}

/** Draws `count` of the recorded steps; trainings are at most `reach` steps long. The same seed draws the same steps. */
export function chooseSteps(
  recorded: readonly number[],
  starts: readonly StartPoint[],
  { count, reach, seed }: { readonly count: number; readonly reach: number; readonly seed: number },
): Choice {
  const random = numpyRandom(seed);
  const drawn = (steps: readonly number[]): number[] => {
    const order = Uint32Array.from(steps);
    random.shuffle(order);
    return [...order];
  };
  const known = new Set(recorded);
  const startBefore = (step: number) => starts.findLast((start) => start.step <= step);
  const isNear = (step: number) => {
    const start = startBefore(step);
    return start !== undefined && step - start.step < reach;
  };
  const landings = starts.filter(({ isOwn }) => isOwn).map(({ step }) => step - 1);
  const near = [
    ...drawn(landings.filter((step) => known.has(step) && isNear(step))),
    ...drawn(recorded.filter(isNear)),
  ];
  const chosen = new Set<number>();
  const fill = (steps: readonly number[], upTo: number) => {
    for (const step of steps) if (chosen.size < Math.min(upTo, recorded.length)) chosen.add(step);
  };
  fill(near, Math.ceil(count / 2));
  fill(drawn(recorded), count);
  const steps = [...chosen].sort((a, b) => a - b);
  const lasts = new Map<StartPoint, number>();
  for (const step of steps.filter(isNear)) lasts.set(startBefore(step)!, step); // isNear found one; steps rise
  return { steps, trainings: [...lasts].map(([start, last]) => ({ start, last })) };
}
