// A sweep as a table: two of its axes for rows and columns, in each cell the jobs at that point with their figures.
import type { Job } from '../api.ts';
import type { Json, JsonObject } from '../json-pointer.ts';
import type { ResultRow, SettledPoint, Sweep } from '../sweeps-api.ts';
import { settledPointOf } from './sweep-words.ts';

export interface Axis {
  readonly path: string;
  /** In the order in which the jobs have them. */
  readonly values: readonly Json[];
}

/** What a cell shows: the effect, or the score of one arm. */
export const KINDS = ['effect', 'intervention', 'control'] as const;
export type Kind = (typeof KINDS)[number];

export interface CellJob {
  readonly job: Job;
  readonly figure: { readonly value: number; readonly interval: readonly [number, number] | null } | null;
}

export interface Cell {
  readonly jobs: readonly CellJob[];
  /** Of the jobs that have a figure; null without one. */
  readonly mean: number | null;
  /** Points of its jobs that met a stop rule. */
  readonly settled: readonly SettledPoint[];
}

export interface Grid {
  readonly rows: readonly Json[];
  /** One that is undefined where only one axis is shown. */
  readonly columns: readonly (Json | undefined)[];
  readonly cells: readonly (readonly Cell[])[];
}

/** The axes with their values: those of the grid first, then what replicates set. */
export function axesOf({ axes }: Sweep, jobs: readonly Job[]): Axis[] {
  const points = jobs.map(pointOf);
  const paths = new Set([...axes, ...points.flatMap((point) => Object.keys(point))]);
  return [...paths].map((path) => {
    const values = points.flatMap((point) => (path in point ? [point[path]!] : [])); // it is there
    return { path, values: [...new Map(values.map((value) => [JSON.stringify(value), value])).values()] };
  });
}

function pointOf({ sweepPoint }: Job): JsonObject {
  return sweepPoint ?? {};
}

/** Which axes are shown: as the address says, else the first two that have several values. */
export function shownAxes(
  axes: readonly Axis[],
  rows: string | undefined,
  columns: string | undefined,
): { readonly rows: Axis | undefined; readonly columns: Axis | undefined } {
  const many = axes.filter(({ values }) => values.length > 1);
  const down = axes.find(({ path }) => path === rows) ?? many[0] ?? axes[0];
  if (columns === 'none') return { rows: down, columns: undefined };
  const across = axes.find(({ path }) => path === columns && path !== down?.path) ?? many.find((one) => one !== down);
  return { rows: down, columns: across };
}

/** The figure of a result row that a cell shows. */
export function figureOf(row: ResultRow, kind: Kind): CellJob['figure'] {
  const figure = row[kind];
  if (figure === null || figure.value === null) return null;
  return { value: figure.value, interval: figure.interval };
}

export function gridOf(
  { settled }: Sweep,
  jobs: readonly Job[],
  results: readonly ResultRow[],
  shown: ReturnType<typeof shownAxes>,
  kind: Kind,
): Grid {
  const byJob = new Map(results.map((row) => [row.job, row]));
  const columns = shown.columns?.values ?? [undefined];
  const rows = shown.rows?.values ?? [];
  const isAt = (job: Job, axis: Axis | undefined, value: Json | undefined) =>
    axis === undefined || JSON.stringify(pointOf(job)[axis.path]) === JSON.stringify(value);
  const cellAt = (row: Json, column: Json | undefined): Cell => {
    const own = jobs.filter((job) => isAt(job, shown.rows, row) && isAt(job, shown.columns, column));
    const members = own.map((job): CellJob => {
      const result = byJob.get(job.id);
      return { job, figure: result === undefined ? null : figureOf(result, kind) };
    });
    const values = members.flatMap(({ figure }) => (figure === null ? [] : [figure.value]));
    const mean = values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
    const met = own.flatMap((job) => settledPointOf(settled, pointOf(job)) ?? []);
    return { jobs: members, mean, settled: [...new Set(met)] };
  };
  return { rows, columns, cells: rows.map((row) => columns.map((column) => cellAt(row, column))) };
}

/** How strongly a value is coloured, from −1 to 1: effects by their distance from zero, scores by their place among all. */
export function heatOf(value: number, all: readonly number[], kind: Kind): number {
  if (kind === 'effect') {
    const reach = Math.max(...all.map(Math.abs));
    return reach === 0 ? 0 : value / reach;
  }
  const [least, most] = [Math.min(...all), Math.max(...all)];
  return most === least ? 0 : (value - least) / (most - least);
}
