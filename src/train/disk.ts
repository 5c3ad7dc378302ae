// What the checkpoints of a job take on disk: arithmetic on its plan.
import type { RunPlan } from './plan.ts';

/** Weights and two moments in fp32. */
const BYTES_PER_PARAMETER = 12;

export interface DiskNeed {
  readonly checkpointBytes: number;
  /** Kept at once at most, by all arms and the burn-in. */
  readonly numCheckpoints: number;
  readonly bytes: number;
}

/** The need of so many trained arms. */
export function diskOf(plan: RunPlan, numTrained: number, numParameters: number): DiskNeed {
  const checkpointBytes = BYTES_PER_PARAMETER * numParameters;
  const numCheckpoints = numTrained * keptAtOnce(plan) + (numTrained > 0 && plan.burnInSteps > 0 ? 1 : 0);
  return { checkpointBytes, numCheckpoints, bytes: numCheckpoints * checkpointBytes };
}

/** Of one arm: the newest ones, those that were evaluated, and one that is being written. */
export function keptAtOnce({ saveAt, evaluateAt, keepCheckpoints }: RunPlan): number {
  const older = saveAt.slice(0, Math.max(0, saveAt.length - keepCheckpoints));
  const numKept = saveAt.length - older.length + older.filter((step) => evaluateAt.includes(step)).length;
  return Math.min(saveAt.length, numKept + 1);
}
