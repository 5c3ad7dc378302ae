// Dose and response: a figure over a numeric axis of a sweep, one line a combination of the other axes, with intervals. Lines are told
// apart by marks and dashes, not by colour alone.
import { formatDifference, formatInterval, formatValue, type Unit } from '../format.ts';
import type { DosePoint } from '../sweeps-api.ts';
import { PlotFrame } from './plot-frame.tsx';
import { PlotTable } from './plot-table.tsx';
import { axisOver, type Axis } from './plot-scale.ts';

export interface DoseLine {
  readonly name: string;
  readonly points: readonly DosePoint[];
}

interface Props {
  title: string;
  xTitle: string;
  yTitle: string;
  unit: Unit;
  /** Whether zero means "no effect" and is drawn. */
  isDifference: boolean;
  lines: readonly DoseLine[];
}

const MARKS = [
  'M0-4.500a4.500 4.500 0 1 1 0 9 4.500 4.500 0 1 1 0-9Z',
  'M-4.200-4.200h8.400v8.400h-8.400Z',
  'M0-5.500 5.500 0 0 5.500-5.500 0Z',
  'M0-5l5.200 9.400h-10.400Z',
  'M0 5l5.200-9.400h-10.400Z',
  'M-5-1.600h3.400v-3.400h3.200v3.400h3.400v3.200h-3.400v3.400h-3.200v-3.400h-3.400Z',
];
const DASHES = ['', '7 4', '2 3', '8 3 2 3', '12 4', '4 2 1 2'];
/** A value of the vertical axis in words. */
function wordsOf(value: number, unit: Unit, isDifference: boolean): string {
  return isDifference ? formatDifference(value, unit) : formatValue(value, unit);
}

const TOP = 28;
const BOTTOM = 46;
const LEFT = 92;
const RIGHT = 24;

export function DosePlot({ title, xTitle, yTitle, unit, isDifference, lines }: Props) {
  const heightOf = (width: number) => Math.round(Math.min(400, Math.max(280, width * 0.42)));
  const all = lines.flatMap(({ points }) => points);
  const draw = (width: number) => {
    const bottom = heightOf(width) - BOTTOM;
    const across = axisOver(
      all.map(({ x }) => x),
      LEFT,
      width - RIGHT,
      Math.min(8, Math.floor(width / 90)),
    );
    const reached = all.flatMap(({ value, interval }) => [value, ...(interval ?? [])]);
    const up = axisOver(isDifference ? [0, ...reached] : reached, bottom, TOP);
    return (
      <>
        <Grid {...{ across, up, bottom, width, xTitle, yTitle, unit, isDifference }} />
        {lines.map((line, place) => (
          <Line {...{ line, place, across, up }} numLines={lines.length} key={line.name} />
        ))}
      </>
    );
  };
  const summary = lines.map(
    ({ name, points }) =>
      `${name}: ${points.map(({ x, value }) => `${wordsOf(value, unit, isDifference)} at ${x}`).join(', ')}`,
  );
  return (
    <>
      <PlotFrame
        title={title}
        fileName="dose-response"
        summary={`Across: ${xTitle}. ${summary.join('. ')}.`}
        heightOf={heightOf}
        draw={draw}
        table={<DoseTable {...{ title, xTitle, unit, isDifference, lines }} />}
      />
      <ul class="legend" aria-label={`Lines of ${title}`}>
        {lines.map(({ name }, place) => (
          <li class={seriesClass(place)} key={name}>
            <svg width="34" height="12" viewBox="-17 -6 34 12" aria-hidden="true" class="drawing">
              <line class="series-line" x1={-17} x2={17} y1={0} y2={0} stroke-dasharray={dashOf(place)} />
              <path class="series-mark" d={markOf(place)} />
            </svg>{' '}
            {name}
          </li>
        ))}
      </ul>
    </>
  );
}

const seriesClass = (place: number) => `series-${place % 6}`;
const markOf = (place: number) => MARKS[place % MARKS.length]!; // in range
const dashOf = (place: number) => DASHES[(place + Math.floor(place / 6)) % DASHES.length]!; // in range

interface GridProps {
  across: Axis;
  up: Axis;
  bottom: number;
  width: number;
  xTitle: string;
  yTitle: string;
  unit: Unit;
  isDifference: boolean;
}

function Grid({ across, up, bottom, width, xTitle, yTitle, unit, isDifference }: GridProps) {
  return (
    <>
      {across.ticks.map((tick) => (
        <text class="minor-text" x={across.at(tick)} y={bottom + 18} text-anchor="middle" key={tick}>
          {tick}
        </text>
      ))}
      {up.ticks.map((tick) => (
        <g key={tick}>
          <line
            class={isDifference && tick === 0 ? 'zero' : 'grid'}
            x1={LEFT}
            x2={width - RIGHT}
            y1={up.at(tick)}
            y2={up.at(tick)}
          />
          <text class="minor-text" x={LEFT - 8} y={up.at(tick) + 4} text-anchor="end">
            {wordsOf(tick, unit, isDifference)}
          </text>
        </g>
      ))}
      <text class="minor-text" x={width - RIGHT} y={bottom + 38} text-anchor="end">
        {xTitle} →
      </text>
      <text class="minor-text" x={0} y={12}>
        ↑ {yTitle}
      </text>
    </>
  );
}

interface LineProps {
  line: DoseLine;
  place: number;
  numLines: number;
  across: Axis;
  up: Axis;
}

/** Lines are set so far beside each other that their whiskers over one x can be read. */
const ASIDE = 5;

function Line({ line, place, numLines, across, up }: LineProps) {
  const xOf = (x: number) => across.at(x) + ASIDE * (place - (numLines - 1) / 2);
  const path = line.points.map(({ x, value }, at) => `${at === 0 ? 'M' : 'L'}${xOf(x)} ${up.at(value)}`).join('');
  return (
    <g class={seriesClass(place)}>
      <path class="series-line" d={path} stroke-dasharray={dashOf(place)} />
      {line.points.map(({ x, value, interval }) => (
        <g key={x}>
          {interval !== null && (
            <line class="series-whisker" x1={xOf(x)} x2={xOf(x)} y1={up.at(interval[0])} y2={up.at(interval[1])} />
          )}
          <path class="series-mark" d={markOf(place)} transform={`translate(${xOf(x)} ${up.at(value)})`} />
        </g>
      ))}
      <title>{line.name}</title>
    </g>
  );
}

function DoseTable({ title, xTitle, unit, isDifference, lines }: Omit<Props, 'yTitle'>) {
  const cellsOf = ({ x, value, interval, over, numJobs, seeds }: DosePoint) => [
    ...[x, wordsOf(value, unit, isDifference), formatInterval(interval, unit), over, numJobs],
    seeds.map((seed) => seed ?? 'not known').join(', '),
  ];
  return (
    <PlotTable
      title={title}
      names={['line', xTitle, 'value', '95 % interval', 'interval over', 'jobs', 'model seeds']}
      rows={lines.flatMap(({ name, points }) =>
        points.map((point) => ({ key: `${name} ${point.x}`, cells: [name, ...cellsOf(point)] })),
      )}
    />
  );
}
