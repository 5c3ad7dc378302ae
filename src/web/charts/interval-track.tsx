// One row of a forest plot in plain SVG: the interval as a line, the value as a shape, zero as a rule. Places are in per cent of
// the width, so that it fits any screen without stretching its strokes. The figures stand beside it, hence aria-hidden.
import type { Arm } from '../../job-spec.ts';
import { ArmShape } from '../parts/arm-mark.tsx';

export interface Scale {
  readonly least: number;
  readonly most: number;
}

/** Where a value stands on a scale, in per cent of its width; values beyond its ends stand at the ends. */
export function placeOn({ least, most }: Scale, value: number): number {
  if (most === least) return 50;
  return 100 * Math.min(1, Math.max(0, (value - least) / (most - least)));
}

/** A scale around zero, the same to both sides, that holds all given values. */
export function scaleAroundZero(values: readonly number[], least: number): Scale {
  const reach = Math.max(least, ...values.map(Math.abs)) * 1.05;
  return { least: -reach, most: reach };
}

interface Props {
  scale: Scale;
  value: number;
  interval: readonly [number, number] | null;
  /** Where the rule stands: 0 for a difference, one half for a rate. */
  rule: number;
  arm: Arm;
}

export function IntervalTrack({ scale, value, interval, rule, arm }: Props) {
  const percent = (at: number) => `${placeOn(scale, at).toFixed(2)}%`;
  return (
    <svg class="track" height="24" aria-hidden="true">
      <line class="rule" x1={percent(rule)} x2={percent(rule)} y1="0" y2="24" />
      <line class="base" x1="0" x2="100%" y1="12" y2="12" />
      {interval !== null && (
        <g class={`arm-${arm}`}>
          <line class="interval" x1={percent(interval[0])} x2={percent(interval[1])} y1="12" y2="12" />
          <line class="interval" x1={percent(interval[0])} x2={percent(interval[0])} y1="7" y2="17" />
          <line class="interval" x1={percent(interval[1])} x2={percent(interval[1])} y1="7" y2="17" />
        </g>
      )}
      <svg x={percent(value)} y="12" overflow="visible">
        <ArmShape arm={arm} />
      </svg>
    </svg>
  );
}
