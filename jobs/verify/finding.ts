// What a verification says: each check with its verdict, and for what could not be checked, why.
import type { Arm } from '../../src/job-spec.ts';

export type Verdict = 'equal' | 'within tolerance' | 'differs' | 'not checked';

export interface Finding {
  /** What was compared: a file, "rows before rewriting", "loss", "weights" … */
  readonly subject: string;
  readonly verdict: Verdict;
  readonly arm?: Arm;
  /** The step whose batch was read; of weights, the updates finished. */
  readonly step?: number;
  readonly expected?: string | number;
  readonly found?: string | number;
  /** Why it was not checked, or what a difference means. */
  readonly words?: string;
}

/** Compares what must be the same. */
export function compare(
  subject: string,
  expected: string | number,
  found: string | number,
  where: Pick<Finding, 'arm' | 'step' | 'words'> = {},
): Finding {
  const verdict = expected === found ? 'equal' : 'differs';
  return { subject, verdict, ...where, expected, found };
}

/** Compares a figure, null where it was not finite: bit for bit, or else to a relative tolerance, null where nothing but the same bits will do. */
export function compareFigure(
  subject: string,
  expected: number | null,
  found: number | null,
  tolerance: number | null,
  where: Pick<Finding, 'arm' | 'step'>,
): Finding {
  const verdict = Object.is(expected, found)
    ? 'equal'
    : isClose(expected, found, tolerance)
      ? 'within tolerance'
      : 'differs';
  return { subject, verdict, ...where, expected: expected ?? NOT_FINITE, found: found ?? NOT_FINITE };
}

const NOT_FINITE = 'not finite';

/** Never of a figure that was not finite, null, and one that is. */
function isClose(expected: number | null, found: number | null, tolerance: number | null): boolean {
  if (tolerance === null || expected === null || found === null) return false;
  return Math.abs(found - expected) <= tolerance * Math.abs(expected);
}
