// Why one half is not "unbiased": for each arm the stereotype rates of masculine (M) and feminine (F) items on one line.
// An unbiased model has both near the middle; one that always says "she" has M at 0 and F at 100 per cent.
import type { ScoreLabel } from '../api.ts';
import { formatCount, formatInterval, formatValue } from '../format.ts';
import { ArmName } from '../parts/arm-mark.tsx';
import type { ArmHalves } from '../scores.ts';
import { placeOn } from './interval-track.tsx';

const SCALE = { least: 0, most: 1 };

export function HalvesPlot({ halves, labels }: { halves: readonly ArmHalves[]; labels: readonly ScoreLabel[] }) {
  return (
    <div class="halves">
      <p class="minor axis" aria-hidden="true">
        <span>never the stereotype</span>
        <span>one half</span>
        <span>always</span>
      </p>
      {halves.map((arm) => (
        <HalvesRow {...arm} label={labels.find((label) => label.arm === arm.arm)} key={arm.arm} />
      ))}
    </div>
  );
}

function HalvesRow({ arm, masculine, feminine, label }: ArmHalves & { label: ScoreLabel | undefined }) {
  const marks = [
    { letter: 'M', row: masculine },
    { letter: 'F', row: feminine },
  ];
  const percent = (value: number) => `${placeOn(SCALE, value).toFixed(2)}%`;
  return (
    <div class="halves-row">
      <p>
        <ArmName arm={arm} /> {label !== undefined && <span class="tag">{label.label}</span>}
      </p>
      <svg class="track" height="30" aria-hidden="true">
        <line class="rule" x1="50%" x2="50%" y1="0" y2="30" />
        <line class="base" x1="0" x2="100%" y1="15" y2="15" />
        <line class={`arm-${arm} span`} x1={percent(masculine.value)} x2={percent(feminine.value)} y1="15" y2="15" />
        {/* When both stand at one place, one letter is lifted so that both can be read. */}
        {marks.map(({ letter, row }, place) => (
          <svg
            x={percent(row.value)}
            y={isClose(masculine.value, feminine.value) ? 9 + 12 * place : 15}
            overflow="visible"
            key={letter}
          >
            <circle class={`arm-${arm} half`} r="9" />
            <text class="half-letter" text-anchor="middle" y="4">
              {letter}
            </text>
          </svg>
        ))}
      </svg>
      <p class="minor figure">
        {marks.map(({ letter, row }, place) => (
          <span key={letter}>
            {place > 0 && ' · '}
            {letter === 'M' ? 'masculine (M)' : 'feminine (F)'} {formatValue(row.value, 'rate')}{' '}
            {formatInterval(row.interval, 'rate')}, n = {formatCount(row.numItems)}
          </span>
        ))}
      </p>
    </div>
  );
}

function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) < 0.06;
}
