// The frame of a plot drawn as SVG: its title, its figures as a table, and the plot as a file. The plot is drawn for the width that it
// has, so that its words keep their size on a phone.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { savePlotAsPng, savePlotAsSvg } from '../download.ts';
import './plots.css';

interface Props {
  title: string;
  /** Of the files, without an ending. */
  fileName: string;
  /** What a screen reader says in place of the drawing. */
  summary: string;
  heightOf: (width: number) => number;
  draw: (width: number) => ComponentChildren;
  table: ComponentChildren;
  children?: ComponentChildren;
}

export function PlotFrame({ title, fileName, summary, heightOf, draw, table, children }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<SVGSVGElement>(null);
  const width = useWidth(box);
  const [isTable, setIsTable] = useState(false);
  const [fault, setFault] = useState('');
  const height = heightOf(width);
  const savePng = async () => {
    try {
      setFault('');
      if (plot.current !== null) await savePlotAsPng(fileName, plot.current);
    } catch (error) {
      setFault(`No PNG: ${error instanceof Error ? error.message : String(error)}. The SVG holds the same.`);
    }
  };
  return (
    <figure class="chart drawn">
      <figcaption>
        <span class="chart-title">{title}</span>
        {children}
        <span class="plot-tools">
          <button type="button" class="quiet" aria-pressed={isTable} onClick={() => setIsTable(!isTable)}>
            As a table
          </button>
          <button
            type="button"
            class="quiet"
            disabled={isTable}
            onClick={() => plot.current !== null && savePlotAsSvg(fileName, plot.current)}
          >
            SVG
          </button>
          <button type="button" class="quiet" disabled={isTable} onClick={() => void savePng()}>
            PNG
          </button>
        </span>
      </figcaption>
      {fault !== '' && <p role="alert">{fault}</p>}
      <div ref={box}>
        {isTable ? (
          <div class="scroll tall" role="region" aria-label={`${title} as a table`} tabIndex={0}>
            {table}
          </div>
        ) : (
          <svg
            ref={plot}
            class="drawing"
            role="img"
            aria-label={`${title}. ${summary} The button above shows all figures as a table.`}
            width={width}
            height={height}
            viewBox={`0 0 ${width} ${height}`}
          >
            {draw(width)}
          </svg>
        )}
      </div>
    </figure>
  );
}

const LEAST_WIDTH = 280;

function useWidth(box: { readonly current: HTMLDivElement | null }): number {
  const [width, setWidth] = useState(720);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const measure = () => setWidth(Math.max(LEAST_WIDTH, Math.floor(element.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  return width;
}

/** As much of a text as fits into a width of the drawing, whose letters are about 7 wide. */
export function fitted(text: string, width: number): string {
  const most = Math.max(4, Math.floor(width / 7));
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
