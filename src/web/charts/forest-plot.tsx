// A forest plot: one line an effect, its 95 % interval as a whisker, its value as the arm's shape; means over replicates as diamonds.
import type { Arm } from '../../job-spec.ts';
import { formatCount, formatDifference, formatInterval, formatP, type Unit } from '../format.ts';
import { ArmShape } from '../parts/arm-mark.tsx';
import { fitted, PlotFrame } from './plot-frame.tsx';
import { PlotTable } from './plot-table.tsx';
import { axisOver, type Axis } from './plot-scale.ts';

export interface ForestRow {
  readonly key: string;
  readonly name: string;
  /** Null for a mean over replicates. */
  readonly arm: Arm | null;
  readonly value: number;
  readonly interval: readonly [number, number] | null;
  /** Of a mean, the number of replicates. */
  readonly count: number;
  readonly pValue: number | null;
  readonly labels: readonly string[];
}

interface Props {
  title: string;
  rows: readonly ForestRow[];
  unit: Unit;
}

const TOP = 8;
const BOTTOM = 34;
const NARROW = 620;

interface Layout {
  readonly rowHeight: number;
  readonly left: number;
  readonly right: number;
  readonly isNarrow: boolean;
}

function layoutOf(width: number): Layout {
  const isNarrow = width < NARROW;
  return isNarrow
    ? { isNarrow, rowHeight: 50, left: 10, right: width - 10 }
    : { isNarrow, rowHeight: 32, left: Math.round(width * 0.34), right: width - 205 };
}

export function ForestPlot({ title, rows, unit }: Props) {
  const words = (row: ForestRow) => `${formatDifference(row.value, unit)} ${formatInterval(row.interval, unit)}`;
  const draw = (width: number) => {
    const layout = layoutOf(width);
    const axis = axisOver(
      [0, ...rows.flatMap(({ value, interval }) => [value, ...(interval ?? [])])],
      layout.left,
      layout.right,
      layout.isNarrow ? 3 : 5,
    );
    const bottom = TOP + rows.length * layout.rowHeight;
    return (
      <>
        {rows.map((row, place) => (
          <ForestLine
            row={row}
            words={words(row)}
            place={place}
            width={width}
            layout={layout}
            axis={axis}
            key={row.key}
          />
        ))}
        {axis.ticks.map((tick) => (
          <g key={tick}>
            <line class={tick === 0 ? 'zero' : 'grid'} x1={axis.at(tick)} x2={axis.at(tick)} y1={TOP} y2={bottom + 4} />
            <text class="minor-text" x={axis.at(tick)} y={bottom + 20} text-anchor="middle">
              {formatDifference(tick, unit).replace(/[\u00a0\u202f].*/, '')}
            </text>
          </g>
        ))}
        <text class="minor-text" x={layout.right} y={bottom + 33} text-anchor="end">
          {unit === 'rate' ? 'points' : unit === 'nats' ? 'nats' : ''}
        </text>
      </>
    );
  };
  return (
    <PlotFrame
      title={title}
      fileName="forest-plot"
      summary={`${rows.map((row) => `${row.name}: ${words(row)}`).join('. ')}.`}
      heightOf={(width) => TOP + rows.length * layoutOf(width).rowHeight + BOTTOM}
      draw={draw}
      table={<ForestTable title={title} rows={rows} unit={unit} />}
    />
  );
}

interface LineProps {
  row: ForestRow;
  words: string;
  place: number;
  width: number;
  layout: Layout;
  axis: Axis;
}

function ForestLine({ row, words, place, width, layout, axis }: LineProps) {
  const { isNarrow, rowHeight, left } = layout;
  const top = TOP + place * rowHeight;
  const middle = top + (isNarrow ? 36 : rowHeight / 2);
  const textAt = isNarrow ? top + 17 : middle + 4;
  return (
    <g>
      {place % 2 === 0 && <rect class="stripe" x={0} y={top} width={width} height={rowHeight} rx={4} />}
      <text x={8} y={textAt} font-weight={row.arm === null ? 600 : 400}>
        {fitted(row.name, isNarrow ? width - 225 : left - 20)}
      </text>
      <text x={width - 8} y={textAt} text-anchor="end">
        {words}
      </text>
      <g class={row.arm === null ? '' : `arm-${row.arm}`}>
        {row.interval !== null && (
          <>
            <line class="whisker" x1={axis.at(row.interval[0])} x2={axis.at(row.interval[1])} y1={middle} y2={middle} />
            {row.interval.map((end, side) => (
              <line class="whisker" x1={axis.at(end)} x2={axis.at(end)} y1={middle - 5} y2={middle + 5} key={side} />
            ))}
          </>
        )}
        <g transform={`translate(${axis.at(row.value)} ${middle})`}>
          {row.arm === null ? <path class="mean" d="M0-7 9 0 0 7-9 0Z" /> : <ArmShape arm={row.arm} />}
        </g>
      </g>
      <title>{`${row.name}: ${words}`}</title>
    </g>
  );
}

function ForestTable({ title, rows, unit }: Props) {
  const cellsOf = ({ name, arm, value, interval, pValue, count, labels }: ForestRow) => [
    ...[name, formatDifference(value, unit), formatInterval(interval, unit)],
    ...[arm === null ? 'over seeds' : formatP(pValue), formatCount(count), labels.join('; ')],
  ];
  return (
    <PlotTable
      title={title}
      names={['effect of', 'difference', '95 % interval', 'p', 'n', 'to be read with']}
      rows={rows.map((row) => ({ key: row.key, cells: cellsOf(row) }))}
    />
  );
}
