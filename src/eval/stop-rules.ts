// Rules that end the repeating of an experiment: when the interval of an effect is narrow enough, or lies within a distance of zero. Looked at after
// each repetition, as they are here, intervals cover less than they say: what such a rule ended says so.
import type { Protocol } from '../job-spec.ts';
import type { Interval } from './statistics.ts';

/** Exactly one of `intervalNarrowerThan` and `clearlyZero` is there. */
export interface StopRule {
  readonly benchmark: string;
  readonly protocol: Protocol;
  readonly metric: string;
  /** Width of the 95 % interval of the effect, in the metric's unit. */
  readonly intervalNarrowerThan?: number | undefined;
  /** The distance from zero within which the whole interval must lie. */
  readonly clearlyZero?: number | undefined;
  /** Replicates that an interval over replicates needs. */
  readonly minReplicates: number;
}

/** Whether the interval of an effect meets the rule; none never does. */
export function isMet({ intervalNarrowerThan, clearlyZero }: StopRule, interval: Interval | null): boolean {
  if (interval === null) return false;
  const [low, high] = interval;
  if (clearlyZero !== undefined) return low >= -clearlyZero && high <= clearlyZero;
  if (intervalNarrowerThan !== undefined) return high - low < intervalNarrowerThan;
  throw new Error('bug: a stop rule without a bound');
}

/** What the rule asks for, such as "narrower than 0.1". */
export function ruleWords({ intervalNarrowerThan, clearlyZero }: StopRule): string {
  return clearlyZero === undefined ? `narrower than ${intervalNarrowerThan}` : `within ±${clearlyZero} of zero`;
}

/** What a sweep that a rule ended must be read with. */
export const REPEATED_LOOKS = {
  label: 'stopped by a rule',
  detail:
    'its intervals were looked at after each job and no further jobs were begun once a rule was met: looking again and again makes intervals cover less than 95 % and p too small, and widths that met a rule are narrower than those of new jobs would be',
} as const;
