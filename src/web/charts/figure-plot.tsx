// One chart of a training's figures: uPlot on a canvas, drawn in turn with the others. What it shows, and whether as a table, is told from outside.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatMoment } from '../format.ts';
import { ChartTable } from './chart-table.tsx';
import { drawInTurn, leaveTurn } from './drawing-turns.ts';
import { chartData, chartOptions, type ArmLine } from './line-options.ts';

interface Props {
  title: string;
  format: (value: number) => string;
  height: number;
  lines: readonly ArmLine[];
  /** What of the axis is in sight; all where there is none. */
  range: readonly [number, number] | undefined;
  isTime: boolean;
  isLog: boolean;
  isTable: boolean;
  onTable: () => void;
  onZoom: (range: readonly [number, number] | null) => void;
}

export function FigurePlot(props: Props): JSX.Element {
  const { title, format, lines, height, isTime, isTable, onTable } = props;
  const box = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLSpanElement>(null);
  usePlot(props, box, readout);
  const moment = { title: 'time', format: (seconds: number) => formatMoment(new Date(1000 * seconds).toISOString()) };
  return (
    <figure class="chart figure-plot">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="figure minor readout" ref={readout} aria-hidden="true" />
        <button type="button" class="quiet" aria-pressed={isTable} aria-label={`${title} as a table`} onClick={onTable}>
          As a table
        </button>
      </figcaption>
      {isTable ? (
        <ChartTable title={title} lines={lines} format={format} {...(isTime && { place: moment })} />
      ) : (
        <div
          ref={box}
          class="plot"
          role="img"
          aria-label={summary(title, lines, format, isTime)}
          style={{ minHeight: `${height}px` }}
        />
      )}
    </figure>
  );
}

function usePlot(props: Props, box: { current: HTMLDivElement | null }, readout: { current: HTMLSpanElement | null }) {
  const { lines, height, isTime, isLog, isTable, range } = props;
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  // A chart is made anew only when its lines are others, not when they grow.
  const shape = JSON.stringify([lines.map(({ arm, band, faint }) => [arm, !band, !faint]), height, isTime, isLog]);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const owner = {};
    let made: uPlot | undefined;
    drawInTurn(owner, () => {
      made = makePlot(element, latest, readout);
      chart.current = made;
    });
    const resize = new ResizeObserver(() => made?.setSize({ width: element.clientWidth, height }));
    resize.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => drawInTurn(owner, () => made?.redraw());
    scheme.addEventListener('change', redraw);
    addEventListener('themechange', redraw);
    return () => {
      leaveTurn(owner);
      removeEventListener('themechange', redraw);
      scheme.removeEventListener('change', redraw);
      resize.disconnect();
      made?.destroy();
      chart.current = null;
    };
  }, [shape, isTable]);

  const [from, to] = range ?? [];
  useEffect(() => {
    drawInTurn(box, () => {
      if (chart.current !== null) showData(chart.current, latest.current);
    });
    return () => leaveTurn(box);
  }, [lines, from, to]);
}

function makePlot(element: HTMLElement, latest: { current: Props }, readout: { current: HTMLElement | null }): uPlot {
  const { lines, height, isTime, isLog, format } = latest.current;
  const made: uPlot = new uPlot(
    chartOptions({
      ...{ element, width: element.clientWidth, height, lines, format, isTime, isLog },
      onZoom: (range) => latest.current.onZoom(range),
      onCursor: (place) => {
        const text = place === null ? '' : valuesAt(made, latest.current, place);
        if (readout.current !== null) readout.current.textContent = text;
      },
    }),
    chartData(lines),
    element,
  );
  made.root.setAttribute('aria-hidden', 'true'); // the figure around it speaks
  showData(made, latest.current);
  return made;
}

function showData(chart: uPlot, { lines, range }: Props): void {
  const data = chartData(lines);
  chart.batch(() => {
    chart.setData(data, false);
    const places = data[0];
    const [from, to] = range ?? [places[0] ?? 0, places.at(-1) ?? 1];
    chart.setScale('x', { min: from, max: to > from ? to : from + 1 });
  });
}

/** What lies below the cursor: the step or moment, and each arm's newest value up to there. */
function valuesAt(chart: uPlot, { lines, format, isTime }: Props, place: number): string {
  const at = chart.data[0][place];
  if (at === undefined) return '';
  const words = lines.map(({ arm, steps, values, faint }) => {
    const own = lastUpTo(steps, at);
    const value = own < 0 ? null : (faint ?? values)[own];
    return `${arm} ${typeof value === 'number' ? format(value) : '–'}`;
  });
  const where = isTime ? new Date(1000 * at).toLocaleTimeString() : `step ${at}`;
  return `${where}: ${words.join(' · ')}`;
}

function lastUpTo(steps: readonly number[], at: number): number {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! <= at)
      low = middle + 1; // in range
    else high = middle;
  }
  return low - 1;
}

function summary(title: string, lines: readonly ArmLine[], format: (value: number) => string, isTime: boolean): string {
  const parts = lines.map(({ arm, steps, values }) => {
    const [first, last] = [values.find(isNumber), values.findLast(isNumber)];
    if (first === undefined || last === undefined) return `${arm}: no figures yet`;
    return `${arm}: from ${format(first)} to ${format(last)}${isTime ? '' : ` at step ${steps.at(-1)}`}`;
  });
  return `${title} over ${isTime ? 'time' : 'steps'}. ${parts.join('. ')}. The button above shows all figures as a table.`;
}

function isNumber(value: number | null): value is number {
  return value !== null;
}
