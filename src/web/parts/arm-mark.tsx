// The mark of an arm, the same in every chart and table: its own dash and its own shape, not colour alone.
import type { Arm } from '../../job-spec.ts';

export const ARM_DASHES: Readonly<Record<Arm, number[]>> = {
  published: [2, 4],
  control: [8, 4],
  intervention: [],
  placebo: [2, 3, 8, 3],
};

/** Around the origin, about 10 pixels wide, as SVG path data. */
export const ARM_SHAPES: Readonly<Record<Arm, string>> = {
  published: 'M0-5.500 5.500 0 0 5.500-5.500 0Z',
  control: 'M0-4.500a4.500 4.500 0 1 1 0 9 4.500 4.500 0 1 1 0-9Z',
  intervention: 'M-4.200-4.200h8.400v8.400h-8.400Z',
  placebo: 'M0-5.000l5.200 9.400h-10.400Z',
};

export function ArmShape({ arm }: { arm: Arm }) {
  return <path class={`arm-${arm}`} d={ARM_SHAPES[arm]} />;
}

/** The arm's name with a piece of its line and its shape before it. */
export function ArmName({ arm }: { arm: Arm }) {
  return (
    <span class="arm-name">
      <svg width="30" height="12" viewBox="-15 -6 30 12" aria-hidden="true">
        <line class={`arm-${arm}`} x1="-15" x2="15" y1="0" y2="0" stroke-dasharray={ARM_DASHES[arm].join(' ')} />
        <ArmShape arm={arm} />
      </svg>
      {arm}
    </span>
  );
}
