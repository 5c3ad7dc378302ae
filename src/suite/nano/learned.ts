// What a nano model learned of the plant: its log-odds of masculine against feminine pronouns by occupation, beside the planted
// ones, and beside those that an intervention of a given probability should leave.
import { plantedOccupations } from './plant.ts';

export interface OccupationLogOdds {
  readonly occupation: string;
  /** log[p/(1 − p)] of the planted probability, nats. */
  readonly planted: number;
  /** Mean over the held-out frames of log P(masculine pronoun) − log P(feminine pronoun), nats. */
  readonly learned: number;
  readonly numItems: number;
}

/** One row per planted occupation that the items name, in the plant's order. */
export function occupationLogOdds(
  items: readonly { readonly occupation: string; readonly logOdds: number }[],
): OccupationLogOdds[] {
  return plantedOccupations.flatMap(({ occupation, probabilityMasculine }) => {
    const own = items.filter((item) => item.occupation === occupation);
    if (own.length === 0) return [];
    const learned = own.reduce((sum, item) => sum + item.logOdds, 0) / own.length;
    return [{ occupation, planted: logOdds(probabilityMasculine), learned, numItems: own.length }];
  });
}

/** Planted log-odds once a share of the masculine documents is told with feminine pronouns: log[p(1−d)/(1−p(1−d))]. */
export function shiftedLogOdds(planted: number, probability: number): number {
  const p = 1 / (1 + Math.exp(-planted));
  return logOdds(p * (1 - probability));
}

function logOdds(p: number): number {
  return Math.log(p / (1 - p));
}
