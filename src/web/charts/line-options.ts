// What uPlot needs to draw the arms' curves: the joined columns, one series a line, and axes in the page's own colours.
import uPlot from 'uplot';
import type { Arm } from '../../job-spec.ts';
import { ARM_DASHES, ARM_SHAPES } from '../parts/arm-mark.tsx';

export interface ArmLine {
  readonly arm: Arm;
  readonly steps: readonly number[];
  readonly values: readonly number[];
  /** Ends of the interval of each value; drawn as a band. */
  readonly band?: { readonly low: readonly (number | null)[]; readonly high: readonly (number | null)[] } | undefined;
  /** The values before smoothing; drawn faint below the line, so that no extreme is hidden. */
  readonly faint?: readonly number[] | undefined;
  /** Few points are marked, many are not. */
  readonly hasPoints?: boolean;
}

/** The columns of one line, in the order of its series. */
function columnsOf({ values, band, faint }: ArmLine): (readonly (number | null)[])[] {
  return [...(faint === undefined ? [] : [faint]), ...(band === undefined ? [] : [band.high, band.low]), values];
}

/** All lines on one axis of steps: the steps, then the columns of each line, null where a line has no such step. */
export function chartData(lines: readonly ArmLine[]): uPlot.AlignedData {
  if (lines.length === 0) return [[]];
  return uPlot.join(
    lines.map((line) => [line.steps, ...columnsOf(line)] as unknown as uPlot.AlignedData), // read only, as join leaves them
  );
}

interface Wish {
  readonly element: HTMLElement;
  readonly width: number;
  readonly height: number;
  readonly lines: readonly ArmLine[];
  readonly format: (value: number) => string;
}

/** A custom property of the style sheet as the canvas wants it; asked at every drawing, so that dark mode switches at once. */
function colourReader(element: HTMLElement): (name: string) => string {
  return (name) => {
    const probe = document.createElement('i');
    probe.style.color = `var(${name})`;
    element.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
}

/** Options for one chart; cursors of all charts on the page move together. */
export function chartOptions({ element, width, height, lines, format }: Wish): uPlot.Options {
  const colour = colourReader(element);
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const line of lines) {
    const stroke = () => colour(`--arm-${line.arm}`);
    const shared = { spanGaps: true, points: { show: false } };
    if (line.faint !== undefined) series.push({ ...shared, stroke, width: 1, alpha: 0.3 });
    if (line.band !== undefined) {
      bands.push({ series: [series.length, series.length + 1], fill: () => faded(colour(`--arm-${line.arm}`)) });
      series.push({ ...shared, stroke, width: 0 }, { ...shared, stroke, width: 0 });
    }
    const points = { show: line.hasPoints ?? false, fill: stroke, paths: shapesOf(line.arm) };
    series.push({ spanGaps: true, stroke, width: 2, dash: ARM_DASHES[line.arm], points });
  }
  const axis = (): uPlot.Axis => ({
    stroke: () => colour('--ink-soft'),
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { stroke: () => colour('--line'), width: 1, size: 4 },
    font: '12px system-ui, sans-serif',
  });
  return {
    width,
    height,
    series,
    bands,
    legend: { show: false },
    scales: { x: { time: false } },
    axes: [
      {
        ...axis(),
        size: 32,
        values: (_chart, steps) => steps.map((step) => (Number.isInteger(step) ? String(step) : '')),
      },
      { ...axis(), size: 66, values: (_chart, values) => values.map(format) },
    ],
    cursor: { sync: { key: 'steps' }, points: { show: false }, y: false },
  };
}

/** Draws the arm's own shape at every point that has a value. */
function shapesOf(arm: Arm): uPlot.Series.Points.PathBuilder {
  const shape = new Path2D(ARM_SHAPES[arm]);
  return (chart, series, first, last) => {
    const fill = new Path2D();
    const ratio = devicePixelRatio;
    for (let place = first; place <= last; place += 1) {
      const step = chart.data[0][place];
      const value = chart.data[series]?.[place];
      if (step === undefined || value === null || value === undefined) continue;
      const [x, y] = [chart.valToPos(step, 'x', true), chart.valToPos(value, 'y', true)];
      fill.addPath(shape, new DOMMatrix([ratio, 0, 0, ratio, x, y]));
    }
    return { stroke: null, fill };
  };
}

function faded(colour: string): string {
  return colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.16)');
}
