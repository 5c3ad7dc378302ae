// Curves of the arms over steps: uPlot on a canvas, with a legend of check boxes, a summary for screen readers and the
// same figures as a table. Each arm has its own dash and colour, so that it is known without colour.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Arm } from '../../job-spec.ts';
import { ArmName } from '../parts/arm-mark.tsx';
import { ChartTable } from './chart-table.tsx';
import { chartData, chartOptions, type ArmLine } from './line-options.ts';

interface Props {
  title: string;
  /** How a value is written in the legend, on the axis and in the table. */
  format: (value: number) => string;
  lines: readonly ArmLine[];
  height?: number;
}

/** One chart. Lines may grow between two calls; the zoomed part stays as it is. */
export function LineChart({ title, format, lines, height = 220 }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const formatter = useRef(format);
  formatter.current = format;
  const [hidden, setHidden] = useState<ReadonlySet<Arm>>(new Set());
  const [isTable, setIsTable] = useState(false);
  const shown = lines.filter(({ arm }) => !hidden.has(arm));
  // A chart is made anew only when its lines are others, not when they grow.
  const shape = JSON.stringify(shown.map(({ arm, band, faint }) => [arm, band !== undefined, faint !== undefined]));

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const width = element.clientWidth;
    const options = chartOptions({ element, width, height, lines: shown, format: (value) => formatter.current(value) });
    const made = new uPlot(options, chartData(shown), element);
    made.root.setAttribute('aria-hidden', 'true'); // the figure around it speaks
    chart.current = made;
    const resize = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resize.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => made.redraw();
    scheme.addEventListener('change', redraw);
    addEventListener('themechange', redraw);
    return () => {
      removeEventListener('themechange', redraw);
      scheme.removeEventListener('change', redraw);
      resize.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [shape, height, isTable]);

  useEffect(() => {
    const made = chart.current;
    if (made === null) return;
    const { min, max } = made.scales['x'] ?? {};
    const steps = made.data[0];
    // A new chart has no range until it has drawn once.
    const hasRange = typeof min === 'number' && typeof max === 'number' && steps.length > 0;
    const isZoomed = hasRange && (min > steps[0]! || max < steps.at(-1)!); // it has steps
    made.setData(chartData(shown), !isZoomed);
    if (isZoomed) made.redraw();
  });

  const toggle = (arm: Arm) =>
    setHidden((before) => new Set(before.has(arm) ? [...before].filter((other) => other !== arm) : [...before, arm]));
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        {lines.map(({ arm, values }) => (
          <label key={arm}>
            <input type="checkbox" checked={!hidden.has(arm)} onChange={() => toggle(arm)} />
            <ArmName arm={arm} />
            <span class="figure minor">{lastWords(values, format)}</span>
          </label>
        ))}
        <button type="button" class="quiet" aria-pressed={isTable} onClick={() => setIsTable(!isTable)}>
          As a table
        </button>
      </figcaption>
      {isTable ? (
        <ChartTable title={title} lines={shown} format={format} />
      ) : (
        <div
          ref={box}
          class="plot"
          role="img"
          aria-label={summary(title, shown, format)}
          style={{ minHeight: `${height}px` }}
        />
      )}
    </figure>
  );
}

function lastWords(values: readonly number[], format: (value: number) => string): string {
  const last = values.at(-1);
  return last === undefined ? '' : format(last);
}

function summary(title: string, lines: readonly ArmLine[], format: (value: number) => string): string {
  const parts = lines.map(({ arm, steps, values }) => {
    const [firstValue] = values;
    if (firstValue === undefined) return `${arm}: no steps yet`;
    return `${arm}: ${format(firstValue)} at step ${steps[0]}, ${lastWords(values, format)} at step ${steps.at(-1)}`;
  });
  return `${title} over steps. ${parts.join('. ')}. The button above shows all figures as a table.`;
}
