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

/** Compares a figure: bit for bit, or else to a relative tolerance; null where nothing but the same bits will do. */
export function compareFigure(
  subject: string,
  expected: number,
  found: number,
  tolerance: number | null,
  where: Pick<Finding, 'arm' | 'step'>,
): Finding {
  const isClose = tolerance !== null && Math.abs(found - expected) <= tolerance * Math.abs(expected);
  const verdict = Object.is(expected, found) ? 'equal' : isClose ? 'within tolerance' : 'differs';
  return { subject, verdict, ...where, expected, found };
}
