// The rows of a sweep's results as text: CSV (RFC 4180), a Markdown table, a LaTeX tabular that needs no package. All have the same columns and the same numbers,
// in the shortest form that reads back as the same double, or rounded alike when digits are asked for.
import { settingsText } from '../job-spec.ts';
import type { ArmFigure, ResultRow, SweepResults } from './sweep-results.ts';

export const TABLE_FORMATS = ['csv', 'markdown', 'latex'] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

export const TABLE_TYPES: Readonly<Record<TableFormat, string>> = {
  csv: 'text/csv',
  markdown: 'text/markdown',
  latex: 'text/x-tex',
};

type Cell = string | number | null;
interface Column {
  readonly name: string;
  readonly cell: (row: ResultRow) => Cell;
}

/** The rows in that form, a line each behind the head; of numbers so many digits, all that they have when not said. */
export function resultTable(
  results: Pick<SweepResults, 'rows' | 'axes' | 'labels'>,
  format: TableFormat,
  digits?: number,
): string {
  const columns = columnsOf(results);
  const rows = results.rows.map((row) => columns.map(({ cell }) => cell(row)));
  const head = columns.map(({ name }) => name);
  if (format === 'csv') return csv(head, rows, digits);
  const notes = results.labels.map(({ label, detail }) => `${label}: ${detail}`);
  return format === 'markdown' ? markdown(head, rows, notes, digits) : latex(head, rows, notes, digits);
}

function columnsOf({ axes, rows, labels }: Pick<SweepResults, 'rows' | 'axes' | 'labels'>): Column[] {
  const conditions = [...new Set(rows.flatMap((row) => row.publishedFigures.map(({ condition }) => condition)))];
  const words = labels.map(({ label }) => label).join('; ');
  return [
    { name: 'job', cell: ({ job }) => job },
    { name: 'state', cell: ({ state }) => state },
    ...axes.map(({ path }): Column => ({ name: path, cell: ({ point }) => valueCell(point[path]) })),
    { name: 'model_seed', cell: ({ modelSeed }) => modelSeed },
    { name: 'benchmark', cell: ({ benchmark }) => benchmark },
    { name: 'protocol', cell: ({ protocol }) => protocol },
    { name: 'settings', cell: ({ settings }) => settingsText(settings) },
    { name: 'metric', cell: ({ metric }) => metric },
    { name: 'step', cell: ({ step }) => step },
    ...figureColumns('control', ({ control }) => control),
    ...figureColumns('intervention', ({ intervention }) => intervention),
    ...figureColumns('effect', ({ effect }) => effect),
    { name: 'p', cell: ({ effect }) => effect?.pValue ?? null },
    { name: 'p_adjusted', cell: ({ effect }) => effect?.pAdjusted ?? null },
    { name: 'n', cell: ({ effect, intervention, control }) => (effect ?? intervention ?? control)?.numItems ?? null },
    ...figureColumns('published_checkpoint', ({ published }) => published),
    ...conditions.map((condition): Column => {
      const figureOf = (row: ResultRow) => row.publishedFigures.find((figure) => figure.condition === condition);
      return { name: `published_${condition.replaceAll('-', '_')}`, cell: (row) => figureOf(row)?.value ?? null };
    }),
    { name: 'labels', cell: () => words },
  ];
}

type FigureOf = (row: ResultRow) => (Pick<ArmFigure, 'interval'> & { readonly value: number | null }) | null;

function figureColumns(name: string, figureOf: FigureOf): Column[] {
  return [
    { name, cell: (row) => figureOf(row)?.value ?? null },
    { name: `${name}_low`, cell: (row) => figureOf(row)?.interval?.[0] ?? null },
    { name: `${name}_high`, cell: (row) => figureOf(row)?.interval?.[1] ?? null },
  ];
}

function valueCell(value: unknown): Cell {
  if (value === undefined || value === null) return null;
  return typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value);
}

function numberText(value: number, digits: number | undefined): string {
  return String(digits === undefined || Number.isInteger(value) ? value : Number(value.toPrecision(digits)));
}

type Rows = readonly (readonly Cell[])[];

function csv(head: readonly string[], rows: Rows, digits: number | undefined): string {
  const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const text = (cell: Cell) => (typeof cell === 'number' ? numberText(cell, digits) : quoted(cell ?? ''));
  return [head, ...rows].map((row) => `${row.map(text).join(',')}\r\n`).join('');
}

function markdown(head: readonly string[], rows: Rows, notes: readonly string[], digits: number | undefined): string {
  const escaped = (text: string) => text.replaceAll(/[\\|*_`<>[\]]/g, '\\$&').replaceAll(/\s+/g, ' ');
  const text = (cell: Cell) => (typeof cell === 'number' ? numberText(cell, digits) : escaped(cell ?? '–'));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const isNumeric = head.map((_, i) => rows.every((row) => typeof row[i] !== 'string'));
  const rule = line(isNumeric.map((is) => (is ? '---:' : '---')));
  const above = notes.map((note) => `> ${escaped(note)}\n\n`).join('');
  return above + line(head.map(escaped)) + rule + rows.map((row) => line(row.map(text))).join('');
}

const LATEX: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
};

function latex(head: readonly string[], rows: Rows, notes: readonly string[], digits: number | undefined): string {
  const escaped = (text: string) =>
    text.replaceAll(/[\\~^{}$&#%_]/g, (sign) => LATEX[sign] ?? `\\${sign}`).replaceAll(/\s+/g, ' ');
  const number = (value: number) => `$${numberText(value, digits).replace(/e\+?(-?\d+)$/, '\\times10^{$1}')}$`;
  const text = (cell: Cell) => (typeof cell === 'number' ? number(cell) : escaped(cell ?? '--'));
  const line = (cells: readonly string[]) => `${cells.join(' & ')} \\\\\n`;
  const kinds = head.map((_, i) => (rows.every((row) => typeof row[i] !== 'string') ? 'r' : 'l')).join('');
  const above = notes.map((note) => `% ${note.replaceAll(/\s+/g, ' ')}\n`).join('');
  const body = `\\hline\n${line(head.map(escaped))}\\hline\n${rows.map((row) => line(row.map(text))).join('')}\\hline\n`;
  return `${above}\\begin{tabular}{${kinds}}\n${body}\\end{tabular}\n`;
}
