// What uPlot needs to draw the arms' curves: the joined columns, one series a line, and axes in the page's own colours.
import uPlot from 'uplot';
import type { Arm } from '../../job-spec.ts';
import { ARM_DASHES, ARM_SHAPES } from '../parts/arm-mark.tsx';

export interface ArmLine {
  readonly arm: Arm;
  readonly steps: readonly number[];
  readonly values: readonly (number | null)[];
  /** Ends of the interval of each value; drawn as a band. */
  readonly band?: { readonly low: readonly (number | null)[]; readonly high: readonly (number | null)[] } | undefined;
  /** The values before smoothing; drawn faint below the line, so that no extreme is hidden. */
  readonly faint?: readonly (number | null)[] | undefined;
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

/** A level to compare with, drawn across the chart. */
export interface Reference {
  readonly value: number;
  readonly label: string;
}

export interface Wish {
  readonly element: HTMLElement;
  readonly width: number;
  readonly height: number;
  readonly lines: readonly ArmLine[];
  readonly format: (value: number) => string;
  /** Levels that stay in sight. */
  readonly references?: readonly Reference[];
  /** The ends of the axis of values, where they are not those of what is drawn. */
  readonly scale?: readonly [number, number] | undefined;
  readonly isLog?: boolean;
  /** Steps lie at moments in seconds since 1970 instead of at their numbers. */
  readonly isTime?: boolean;
  /** A part was drawn out with the mouse, or all is wanted again. */
  readonly onZoom?: (range: readonly [number, number] | null) => void;
  /** Places of the shown columns below the cursor; null when it has left. */
  readonly onCursor?: (place: number | null) => void;
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
export function chartOptions(wish: Wish): uPlot.Options {
  const { element, width, height, lines, format, references = [], isLog = false, isTime = false } = wish;
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
    scales: {
      x: { time: isTime },
      y: isLog ? { distr: 3 } : { range: (_chart, least, most) => rangeAround(wish, least, most) },
    },
    axes: [
      {
        ...axis(),
        size: isTime ? 50 : 32,
        ...(!isTime && {
          values: (_chart: uPlot, steps: number[]) => steps.map((step) => (Number.isInteger(step) ? String(step) : '')),
        }),
      },
      { ...axis(), size: 66, values: (_chart, values) => values.map((value) => (value === null ? '' : format(value))) },
    ],
    cursor: { sync: { key: 'steps' }, points: { show: false }, y: false, ...zoomCursor(wish) },
    hooks: {
      draw: [(chart) => references.forEach((reference) => drawReference(chart, reference, colour('--ink-soft')))],
      setSelect: [(chart) => tellZoom(chart, wish.onZoom)],
      setCursor: [(chart) => wish.onCursor?.(chart.cursor.idx ?? null)],
    },
  };
}

function rangeAround({ references = [], scale }: Wish, least: number | null, most: number | null): uPlot.Range.MinMax {
  if (scale !== undefined) return [scale[0], scale[1]];
  if (least === null || most === null) return [0, 1];
  const levels = references.map(({ value }) => value);
  return uPlot.rangeNum(Math.min(least, ...levels), Math.max(most, ...levels), 0.1, false) as uPlot.Range.MinMax;
}

/** Where somebody listens, the chart itself zooms only when it is told to. */
function zoomCursor({ onZoom }: Wish): Partial<uPlot.Cursor> {
  if (onZoom === undefined) return {};
  const all = () => () => {
    onZoom(null);
    return null;
  };
  return { drag: { x: true, y: false, setScale: false }, bind: { dblclick: all } };
}

const LEAST_DRAG_PIXELS = 6;

function tellZoom(chart: uPlot, onZoom: Wish['onZoom']): void {
  const { left, width } = chart.select;
  if (onZoom === undefined || width < LEAST_DRAG_PIXELS) return;
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onZoom([chart.posToVal(left, 'x'), chart.posToVal(left + width, 'x')]);
}

function drawReference(chart: uPlot, { value, label }: Reference, colour: string): void {
  const { ctx, bbox } = chart;
  const y = Math.round(chart.valToPos(value, 'y', true));
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  ctx.lineWidth = 1.5 * ratio;
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'right';
  ctx.fillText(label, bbox.left + bbox.width - 4 * ratio, y - 5 * ratio);
  ctx.restore();
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
