// A table as CSV, JSON, Markdown or LaTeX. CSV and JSON hold the figures as they came from the API; Markdown and LaTeX the very words
// that the page shows.

export type Cell = string | number | boolean | null;

export interface TableColumn<Row> {
  readonly title: string;
  readonly shown: (row: Row) => string;
  /** What the cell is made of, by the name of its field. */
  readonly fields: Readonly<Record<string, (row: Row) => Cell>>;
}

export interface TableDocument<Row> {
  readonly columns: readonly TableColumn<Row>[];
  readonly rows: readonly Row[];
  /** What must be read with the figures: a line of its own above or below them, or a field. */
  readonly notes: readonly string[];
}

export const FORMATS = ['csv', 'json', 'markdown', 'latex'] as const;
export type Format = (typeof FORMATS)[number];
export const FORMAT_NAMES: Readonly<Record<Format, string>> = {
  csv: 'CSV',
  json: 'JSON',
  markdown: 'Markdown',
  latex: 'LaTeX',
};
export const FILE_ENDINGS: Readonly<Record<Format, string>> = {
  csv: 'csv',
  json: 'json',
  markdown: 'md',
  latex: 'tex',
};

/** The whole file. */
export function writeTable<Row>(format: Format, table: TableDocument<Row>): string {
  return { csv: asCsv, json: asJson, markdown: asMarkdown, latex: asLatex }[format](table);
}

function asCsv<Row>({ columns, rows }: TableDocument<Row>): string {
  const fields = columns.flatMap(({ fields: own }) => Object.entries(own));
  const lines = rows.map((row) => fields.map(([, of]) => csvCell(of(row))));
  return [fields.map(([name]) => name), ...lines].map((cells) => `${cells.join(',')}\r\n`).join('');
}

function csvCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell !== 'string') return String(cell);
  // A spreadsheet takes a text that begins so for a formula, and names are anybody's.
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function asJson<Row>({ columns, rows, notes }: TableDocument<Row>): string {
  const objects = rows.map((row) =>
    Object.fromEntries(
      columns.flatMap(({ fields }) => Object.entries(fields).map(([name, of]) => [name, of(row)] as const)),
    ),
  );
  return `${JSON.stringify({ notes, rows: objects }, null, 2)}\n`;
}

function asMarkdown<Row>({ columns, rows, notes }: TableDocument<Row>): string {
  const line = (cells: readonly string[]) => `| ${cells.map(markdownText).join(' | ')} |\n`;
  const head = line(columns.map(({ title }) => title)) + `|${columns.map(() => ' --- |').join('')}\n`;
  const body = rows.map((row) => line(columns.map(({ shown }) => shown(row)))).join('');
  return head + body + notes.map((note) => `\n${markdownText(note)}\n`).join('');
}

function markdownText(text: string): string {
  return text.replaceAll(/[\\|<*_`[\]]/g, (sign) => `\\${sign}`).replaceAll(/[\r\n]+/g, ' ');
}

function asLatex<Row>({ columns, rows, notes }: TableDocument<Row>): string {
  const line = (cells: readonly string[]) => `${cells.map(latexText).join(' & ')} \\\\\n`;
  return [
    '% needs \\usepackage{booktabs}\n',
    ...notes.map((note) => `% ${note.replaceAll(/[\r\n]+/g, ' ')}\n`),
    `\\begin{tabular}{${'l'.repeat(columns.length)}}\n\\toprule\n`,
    line(columns.map(({ title }) => title)),
    '\\midrule\n',
    ...rows.map((row) => line(columns.map(({ shown }) => shown(row)))),
    '\\bottomrule\n\\end{tabular}\n',
  ].join('');
}

const LATEX_SIGNS: Readonly<Record<string, string>> = {
  ...{ '\\': '\\textbackslash{}', '{': '\\{', '}': '\\}', '%': '\\%', '&': '\\&', '#': '\\#', $: '\\$', _: '\\_' },
  ...{ '~': '\\textasciitilde{}', '^': '\\textasciicircum{}', '<': '\\textless{}', '>': '\\textgreater{}' },
  ...{ '|': '\\textbar{}', '[': '{[}', ']': '{]}', '\u2212': '$-$', '\u00a0': '~', '\u202f': '\\,' },
  ...{ '\u2192': '$\\rightarrow$', '\u00d7': '$\\times$', '\u00b1': '$\\pm$', '\u2013': '--', '\n': ' ', '\r': ' ' },
};

function latexText(text: string): string {
  return text.replaceAll(
    /[\\{}%&#$_~^<>|[\]\u2212\u00a0\u202f\u2192\u00d7\u00b1\u2013\n\r]/g,
    (sign) => LATEX_SIGNS[sign] ?? sign,
  );
}
