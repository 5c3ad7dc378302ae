// One side of a comparison: an arm of a job.
import { sideKey, type Side } from '../comparison/sides.ts';
import { Choice } from './choice.tsx';

interface Props {
  label: string;
  value: Side;
  sides: readonly Side[];
  onChange: (key: string) => void;
}

export function SideChoice({ label, value, sides, onChange }: Props) {
  return (
    <Choice label={label} value={sideKey(value)} onChange={onChange}>
      {sides.map((side) => [sideKey(side), `${side.letter} ${side.job.name}, ${side.arm}`])}
    </Choice>
  );
}
