// GPT-NeoX v1's learning rate (AnnealingLR, cosine): linear warm-up, then a cosine whose denominator is the whole run, so that
// it is cut off at the floor and never reaches zero.

export interface Schedule {
  readonly peak: number;
  readonly floor: number;
  readonly totalSteps: number;
  readonly warmupSteps: number;
}

/** Learning rate of the update that follows `count` earlier updates (skipped ones do not count). */
export function learningRate({ peak, floor, totalSteps, warmupSteps }: Schedule, count: number): number {
  const k = Math.min(count, totalSteps - warmupSteps);
  if (warmupSteps > 0 && count <= warmupSteps) return (peak * k) / warmupSteps;
  return Math.max((peak / 2) * (Math.cos((Math.PI * (k - warmupSteps)) / totalSteps) + 1), floor);
}
