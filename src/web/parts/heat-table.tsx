// The grid of a sweep as a table whose cells are coloured by their value. Every cell says its value and interval in words, so colour only
// helps the eye; each line of a cell opens its job.
import { formatDifference, formatInterval, formatValue, type Unit } from '../format.ts';
import { shareDone } from '../job-words.ts';
import type { Json } from '../json-pointer.ts';
import { isFinal } from '../live-job.ts';
import { jobLink } from '../route.ts';
import { heatOf, type Cell, type CellJob, type Grid, type Kind } from '../sweeps/grid.ts';
import { axisWords, valueWords } from '../sweeps/sweep-words.ts';
import { ProgressBar } from './progress-bar.tsx';
import { StoppedTag } from './stopped-point.tsx';

interface Props {
  title: string;
  grid: Grid;
  rowPath: string;
  columnPath: string | undefined;
  kind: Kind;
  unit: Unit;
}

export function HeatTable({ title, grid, rowPath, columnPath, kind, unit }: Props) {
  const all = grid.cells.flat().flatMap(({ mean }) => (mean === null ? [] : [mean]));
  const words = (value: number) => (kind === 'effect' ? formatDifference(value, unit) : formatValue(value, unit));
  return (
    <>
      <div class="scroll" role="region" aria-label={title} tabIndex={0}>
        <table class="heat">
          <caption class="sr-only">{title}</caption>
          <thead>
            {columnPath !== undefined && (
              <tr>
                <td />
                <th scope="colgroup" colSpan={grid.columns.length}>
                  {axisWords(columnPath)}
                </th>
              </tr>
            )}
            <tr>
              <th scope="col">{axisWords(rowPath)}</th>
              {grid.columns.map((column) => (
                <th scope="col" key={keyOf(column)}>
                  {columnPath === undefined ? 'figure' : valueWords(column)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {grid.rows.map((row, y) => (
              <tr key={keyOf(row)}>
                <th scope="row">{valueWords(row)}</th>
                {grid.columns.map((column, x) => {
                  const cell = grid.cells[y]![x]!; // the grid is rows × columns
                  return (
                    <td style={heatStyle(cell, all, kind)} key={keyOf(column)}>
                      <HeatCell cell={cell} words={words} unit={unit} />
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {all.length > 0 && <Scale all={all} kind={kind} words={words} />}
    </>
  );
}

function keyOf(value: Json | undefined): string {
  return JSON.stringify(value ?? 'all');
}

/** At most so much colour under the text, so that its contrast stays. */
const STRONGEST_PERCENT = 34;

function colourOf(heat: number): string {
  const percent = Math.round(STRONGEST_PERCENT * Math.abs(heat));
  return `color-mix(in srgb, var(--heat-${heat < 0 ? 'low' : 'high'}) ${percent}%, var(--sheet))`;
}

function heatStyle({ mean }: Cell, all: readonly number[], kind: Kind): { background: string } | undefined {
  return mean === null ? undefined : { background: colourOf(heatOf(mean, all, kind)) };
}

function HeatCell({ cell, words, unit }: { cell: Cell; words: (value: number) => string; unit: Unit }) {
  if (cell.jobs.length === 0) return <span class="minor">no job here</span>;
  const numScored = cell.jobs.filter(({ figure }) => figure !== null).length;
  return (
    <>
      {numScored > 1 && cell.mean !== null && (
        <div class="heat-mean">
          <strong>{words(cell.mean)}</strong> <span class="minor">mean of {numScored}</span>
        </div>
      )}
      {cell.jobs.map((one) => (
        <CellLine one={one} words={words} unit={unit} isAlone={numScored <= 1} key={one.job.id} />
      ))}
      {cell.settled.map((settled) => (
        <StoppedTag settled={settled} key={JSON.stringify(settled.point)} />
      ))}
    </>
  );
}

interface LineProps {
  one: CellJob;
  words: (value: number) => string;
  unit: Unit;
  isAlone: boolean;
}

function CellLine({ one: { job, figure }, words, unit, isAlone }: LineProps) {
  if (figure === null) {
    const share = shareDone(job);
    return (
      <div class="heat-line">
        <a href={jobLink(job.id)} aria-label={`${job.name}: ${job.state}`}>
          {job.state === 'succeeded' ? 'not scored' : job.state}
        </a>
        {!isFinal(job.state) && job.state !== 'queued' && (
          <>
            {' '}
            <span class="minor">{Math.floor(100 * share)} %</span>
            <ProgressBar share={share} label={`Progress of ${job.name}`} />
          </>
        )}
      </div>
    );
  }
  return (
    <div class={isAlone ? 'heat-line alone' : 'heat-line'}>
      <a href={jobLink(job.id)} title={job.name}>
        {words(figure.value)}
      </a>{' '}
      <span class="heat-interval">{formatInterval(figure.interval, unit)}</span>
    </div>
  );
}

function Scale({ all, kind, words }: { all: readonly number[]; kind: Kind; words: (value: number) => string }) {
  const steps = kind === 'effect' ? [-1, -0.5, 0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1];
  const reach = Math.max(...all.map(Math.abs));
  const [least, most] = kind === 'effect' ? [-reach, reach] : [Math.min(...all), Math.max(...all)];
  return (
    <p class="heat-scale minor" aria-hidden="true">
      {words(least)}
      {steps.map((heat) => (
        <span style={{ background: colourOf(heat) }} key={heat} />
      ))}
      {words(most)}
    </p>
  );
}
