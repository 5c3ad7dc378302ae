// What is compared: arms of jobs ("sides"), written JOB:arm, and how the address names jobs, arms and the pinned baseline.
import type { Arm } from '../../job-spec.ts';
import type { Job } from '../api.ts';
import type { Comparison } from '../comparison-api.ts';
import { ARM_ORDER } from '../scores.ts';

/** As many as the API compares at once. */
export const MAX_JOBS = 20;

export interface Side {
  readonly job: Job;
  readonly arm: Arm;
  /** A, B, C … in the order of the address: short enough for a plot. */
  readonly letter: string;
}

export function sideKey({ job, arm }: { readonly job: { readonly id: string }; readonly arm: Arm }): string {
  return `${job.id}:${arm}`;
}

/** Without the spaces and repetitions that hands leave in an address. */
export function listIn(text: string | undefined): string[] {
  return [...new Set((text ?? '').split(',').map((one) => one.trim()))].filter((one) => one !== '');
}

export function letterOf(place: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + place);
}

/** Every arm that has a score, job by job. */
export function scoredSides({ jobs, metrics }: Comparison): Side[] {
  return jobs.flatMap((job, place) => {
    const own = metrics.flatMap((metric) => metric.jobs.filter(({ id }) => id === job.id));
    const arms = ARM_ORDER.filter((arm) => own.some(({ scores }) => scores[arm] !== undefined));
    return arms.map((arm) => ({ job, arm, letter: letterOf(place) }));
  });
}

/** The side that the address pins: JOB:arm, or JOB alone for its control; without one the first job's. */
export function baselineOf(sides: readonly Side[], pinned: string | undefined): Side | undefined {
  const named = sides.find((side) => sideKey(side) === pinned);
  if (named !== undefined) return named;
  const own = sides.filter(({ job }) => job.id === (pinned ?? sides[0]?.job.id));
  return own.find(({ arm }) => arm === 'control') ?? own[0] ?? sides[0];
}

/** The chosen arms' sides, and the baseline first, whether its arm is chosen or not. */
export function shownSides(sides: readonly Side[], arms: readonly string[], baseline: Side | undefined): Side[] {
  const chosen = sides.filter((side) => side !== baseline && (arms.length === 0 || arms.includes(side.arm)));
  return baseline === undefined ? chosen : [baseline, ...chosen];
}
