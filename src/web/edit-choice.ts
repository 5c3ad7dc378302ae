// Which edits are shown, as the address has it: `?edits=placebo&rule=his>her&step=1340&seed=3`.
import type { Arm } from '../job-spec.ts';

export interface EditChoice {
  readonly arm: Arm;
  readonly rule: string | undefined;
  readonly step: number | undefined;
  /** Draws a sample instead of listing all. */
  readonly seed: number | undefined;
}

/** Reads the choice; what is not understood is as if it were not there. */
export function readEditChoice(settings: Readonly<Record<string, string>>): EditChoice {
  const whole = (text: string | undefined) => (/^\d{1,9}$/.test(text ?? '') ? Number(text) : undefined);
  return {
    arm: settings['edits'] === 'placebo' ? 'placebo' : 'intervention',
    rule: settings['rule'],
    step: whole(settings['step']),
    seed: whole(settings['seed']),
  };
}
