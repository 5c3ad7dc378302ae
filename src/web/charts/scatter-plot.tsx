// Two figures of each side against each other, bias against perplexity: a point with an interval on both axes, the arm as its shape, the
// job as its letter.
import type { Arm } from '../../job-spec.ts';
import { formatInterval, formatValue, type Unit } from '../format.ts';
import { ArmName, ArmShape } from '../parts/arm-mark.tsx';
import { ARM_ORDER } from '../scores.ts';
import { PlotFrame } from './plot-frame.tsx';
import { PlotTable } from './plot-table.tsx';
import { axisOver, type Axis } from './plot-scale.ts';

export interface Measured {
  readonly value: number;
  readonly interval: readonly [number, number] | null;
}

export interface ScatterPoint {
  readonly key: string;
  readonly letter: string;
  readonly name: string;
  readonly arm: Arm;
  readonly x: Measured;
  readonly y: Measured;
  readonly labels: readonly string[];
}

export interface AxisOf {
  readonly title: string;
  readonly unit: Unit;
}

interface Props {
  title: string;
  x: AxisOf;
  y: AxisOf;
  points: readonly ScatterPoint[];
}

const TOP = 26;
const BOTTOM = 46;
const LEFT = 62;
const RIGHT = 24;

/** Arms of one job often stand at one point: each has its own corner for the letter. */
const LETTER_PLACES: Readonly<Record<Arm, { readonly x: number; readonly y: number }>> = {
  published: { x: -17, y: -8 },
  control: { x: -17, y: 17 },
  intervention: { x: 8, y: -8 },
  placebo: { x: 8, y: 17 },
};

const reached = ({ value, interval }: Measured) => [value, ...(interval ?? [])];
const words = ({ value, interval }: Measured, unit: Unit) =>
  `${formatValue(value, unit)} ${formatInterval(interval, unit)}`;

export function ScatterPlot({ title, x, y, points }: Props) {
  const heightOf = (width: number) => Math.round(Math.min(440, Math.max(300, width * 0.5)));
  const draw = (width: number) => {
    const bottom = heightOf(width) - BOTTOM;
    const across = axisOver(
      points.flatMap((point) => reached(point.x)),
      LEFT,
      width - RIGHT,
      Math.min(6, Math.floor(width / 110)),
    );
    const up = axisOver(
      points.flatMap((point) => reached(point.y)),
      bottom,
      TOP,
    );
    return (
      <>
        <Grid across={across} up={up} bottom={bottom} width={width} x={x} y={y} />
        {points.map((point) => (
          <Point point={point} across={across} up={up} key={point.key} />
        ))}
      </>
    );
  };
  const summary = points.map(
    (point) => `${point.name}, ${point.arm}: ${words(point.x, x.unit)} and ${words(point.y, y.unit)}`,
  );
  return (
    <PlotFrame
      title={title}
      fileName="bias-against-perplexity"
      summary={`Across: ${x.title}. Up: ${y.title}. ${summary.join('. ')}.`}
      heightOf={heightOf}
      draw={draw}
      table={<PointTable title={title} x={x} y={y} points={points} />}
    >
      {ARM_ORDER.filter((arm) => points.some((point) => point.arm === arm)).map((arm) => (
        <ArmName arm={arm} key={arm} />
      ))}
    </PlotFrame>
  );
}

interface GridProps {
  across: Axis;
  up: Axis;
  bottom: number;
  width: number;
  x: AxisOf;
  y: AxisOf;
}

function Grid({ across, up, bottom, width, x, y }: GridProps) {
  return (
    <>
      {across.ticks.map((tick) => (
        <g key={tick}>
          <line class="grid" x1={across.at(tick)} x2={across.at(tick)} y1={TOP} y2={bottom} />
          <text class="minor-text" x={across.at(tick)} y={bottom + 18} text-anchor="middle">
            {formatValue(tick, x.unit).replace(/[\u00a0\u202f].*/, '')}
          </text>
        </g>
      ))}
      {up.ticks.map((tick) => (
        <g key={tick}>
          <line class="grid" x1={LEFT} x2={width - RIGHT} y1={up.at(tick)} y2={up.at(tick)} />
          <text class="minor-text" x={LEFT - 8} y={up.at(tick) + 4} text-anchor="end">
            {formatValue(tick, y.unit).replace(/[\u00a0\u202f]nats/, '')}
          </text>
        </g>
      ))}
      <text class="minor-text" x={width - RIGHT} y={bottom + 38} text-anchor="end">
        {x.title} →
      </text>
      <text class="minor-text" x={0} y={12}>
        ↑ {y.title}
      </text>
    </>
  );
}

function Point({ point, across, up }: { point: ScatterPoint; across: Axis; up: Axis }) {
  const [x, y] = [across.at(point.x.value), up.at(point.y.value)];
  const [low, high] = [point.x.interval, point.y.interval];
  return (
    <g class={`arm-${point.arm}`}>
      {low !== null && <line class="whisker" x1={across.at(low[0])} x2={across.at(low[1])} y1={y} y2={y} />}
      {high !== null && <line class="whisker" x1={x} x2={x} y1={up.at(high[0])} y2={up.at(high[1])} />}
      <g transform={`translate(${x} ${y})`}>
        <ArmShape arm={point.arm} />
        <text class="mark-letter" {...LETTER_PLACES[point.arm]}>
          {point.letter}
        </text>
      </g>
      <title>{`${point.letter} ${point.name}, ${point.arm}`}</title>
    </g>
  );
}

function PointTable({ title, x, y, points }: Props) {
  const cellsOf = ({ letter, name, arm, labels, ...at }: ScatterPoint) => [
    `${letter} ${name}`,
    arm,
    words(at.x, x.unit),
    words(at.y, y.unit),
    labels.join('; '),
  ];
  return (
    <PlotTable
      title={title}
      names={['job', 'arm', x.title, y.title, 'to be read with']}
      rows={points.map((point) => ({ key: point.key, cells: cellsOf(point) }))}
    />
  );
}
