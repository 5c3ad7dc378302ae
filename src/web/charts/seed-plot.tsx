// Model seeds as a spread: for each point of a sweep a hollow mark a seed, and their mean with Student's interval.
import { formatDifference, formatInterval, type Unit } from '../format.ts';
import { fitted, PlotFrame } from './plot-frame.tsx';
import { PlotTable } from './plot-table.tsx';
import { axisOver, type Axis } from './plot-scale.ts';

export interface SeedRow {
  readonly name: string;
  /** What the mean speaks of. */
  readonly scope: string;
  readonly mean: number;
  readonly interval: readonly [number, number] | null;
  readonly seeds: readonly { readonly seed: number | null; readonly value: number }[];
}

interface Props {
  title: string;
  unit: Unit;
  rows: readonly SeedRow[];
}

const TOP = 8;
const BOTTOM = 34;
const ROW = 46;
/** Where name and figures have no room beside each other, they stand below each other. */
const NARROW = 520;
const NARROW_ROW = 64;
const rowHeightOf = (width: number) => (width < NARROW ? NARROW_ROW : ROW);

export function SeedPlot({ title, unit, rows }: Props) {
  const words = (row: SeedRow) => `mean ${formatDifference(row.mean, unit)} ${formatInterval(row.interval, unit)}`;
  const draw = (width: number) => {
    const values = rows.flatMap(({ mean, interval, seeds }) => [
      ...[0, mean, ...(interval ?? [])],
      ...seeds.map(({ value }) => value),
    ]);
    const axis = axisOver(values, 12, width - 12, Math.min(7, Math.floor(width / 100)));
    const rowHeight = rowHeightOf(width);
    const bottom = TOP + rows.length * rowHeight;
    return (
      <>
        {rows.map((row, place) => (
          <Row row={row} words={words(row)} top={TOP + place * rowHeight} width={width} axis={axis} key={row.name} />
        ))}
        {axis.ticks.map((tick) => (
          <g key={tick}>
            <line
              class={tick === 0 ? 'zero' : 'grid'}
              x1={axis.at(tick)}
              x2={axis.at(tick)}
              y1={bottom}
              y2={bottom + 5}
            />
            <text class="minor-text" x={axis.at(tick)} y={bottom + 20} text-anchor="middle">
              {formatDifference(tick, unit).replace(/[\u00a0\u202f].*/, '')}
            </text>
          </g>
        ))}
      </>
    );
  };
  const summary = rows.map(
    (row) => `${row.name}: ${words(row)}, ${row.seeds.map(({ value }) => formatDifference(value, unit)).join(', ')}`,
  );
  return (
    <PlotFrame
      title={title}
      fileName="model-seeds"
      summary={`${summary.join('. ')}.`}
      heightOf={(width) => TOP + rows.length * rowHeightOf(width) + BOTTOM}
      draw={draw}
      table={<SeedTable {...{ title, unit, rows }} />}
    />
  );
}

interface RowProps {
  row: SeedRow;
  words: string;
  top: number;
  width: number;
  axis: Axis;
}

function Row({ row, words, top, width, axis }: RowProps) {
  const isNarrow = width < NARROW;
  const middle = top + (isNarrow ? 49 : 31);
  return (
    <g>
      <text x={8} y={top + 16}>
        {fitted(row.name, isNarrow ? width - 16 : width - 300)}
      </text>
      <text
        class="minor-text"
        x={isNarrow ? 8 : width - 8}
        y={top + (isNarrow ? 34 : 16)}
        text-anchor={isNarrow ? 'start' : 'end'}
      >
        {words}
      </text>
      <line class="grid" x1={12} x2={width - 12} y1={middle} y2={middle} />
      <line class="zero" x1={axis.at(0)} x2={axis.at(0)} y1={middle - 8} y2={middle + 8} />
      {row.interval !== null && (
        <line class="whisker" x1={axis.at(row.interval[0])} x2={axis.at(row.interval[1])} y1={middle} y2={middle} />
      )}
      {row.seeds.map(({ seed, value }, place) => (
        <circle class="seed" cx={axis.at(value)} cy={middle} r={5} key={place}>
          <title>{seed === null ? 'a seed that is not known' : `seed ${seed}`}</title>
        </circle>
      ))}
      <path class="mean" d="M0-7 6 0 0 7-6 0Z" transform={`translate(${axis.at(row.mean)} ${middle})`} />
    </g>
  );
}

function SeedTable({ title, unit, rows }: Props) {
  const cellsOf = ({ name, mean, interval, scope, seeds }: SeedRow) => [
    ...[name, formatDifference(mean, unit), formatInterval(interval, unit), scope],
    seeds.map(({ seed, value }) => `${seed === null ? '' : `${seed}: `}${formatDifference(value, unit)}`).join('; '),
  ];
  return (
    <PlotTable
      title={title}
      names={['point', 'mean', '95 % interval', 'over', 'each seed']}
      rows={rows.map((row) => ({ key: row.name, cells: cellsOf(row) }))}
    />
  );
}
