// Text in tables of results: what the forms have signs of their own for comes back as it was.
import { describe, expect, it } from 'vitest';
import { resultTable } from '../../src/api/result-tables.ts';
import type { ResultRow } from '../../src/api/sweep-results.ts';

const HARD = 'a|b_{c} & 100 % #1 $x$ ~^\\ "q", <i>';

function rowOf(changes: Partial<ResultRow> = {}): ResultRow {
  const figure = { value: 0.1 + 0.2, standardError: null, interval: [-1.5e-7, 1e21] as const, numItems: 3 };
  return {
    ...{
      job: 'j',
      name: 'n',
      state: 'succeeded',
      point: { x: HARD, y: null, z: ['a', 1] },
      model: 'm',
      modelSeed: null,
    },
    ...{ benchmark: 'b', protocol: 'likelihood', settings: {}, metric: 'logOdds', step: 10 },
    ...{ published: null, control: figure, intervention: null, effect: null, publishedFigures: [] },
    ...changes,
  };
}

function tableOf(format: 'csv' | 'markdown' | 'latex', rows: readonly ResultRow[] = [rowOf()]): string {
  const axes = ['x', 'y', 'z'].map((path) => ({ path, values: [] }));
  return resultTable({ rows, axes, labels: [{ label: 'stopped by a rule', detail: '5 % of\nlooks' }] }, format);
}

describe('resultTable', () => {
  it('quotes what CSV has signs for', () => {
    const [, line] = tableOf('csv').split('\r\n');
    expect(line).toContain('j,succeeded,"a|b_{c} & 100 % #1 $x$ ~^\\ ""q"", <i>",,"[""a"",1]",,b,');
    expect(line).toContain(',0.30000000000000004,-1.5e-7,1e+21,');
    expect(line).toMatch(/,stopped by a rule$/);
  });

  it('escapes what Markdown has signs for, and puts labels above', () => {
    const lines = tableOf('markdown').trimEnd().split('\n');
    expect(lines[0]).toBe('> stopped by a rule: 5 % of looks');
    expect(lines.at(-1)).toContain('| a\\|b\\_{c} & 100 % #1 $x$ ~^\\\\ "q", \\<i\\> | – | \\["a",1\\] |');
    const widths = lines.slice(2).map((line) => line.split(/(?<!\\)\|/).length);
    expect(new Set(widths).size).toBe(1);
  });

  it('escapes what LaTeX has signs for, and writes numbers as mathematics', () => {
    const text = tableOf('latex');
    expect(text).toMatch(/^% stopped by a rule: 5 % of looks\n\\begin\{tabular\}\{[lr]+\}\n\\hline\n/);
    expect(text).toContain(
      'a|b\\_\\{c\\} \\& 100 \\% \\#1 \\$x\\$ \\textasciitilde{}\\textasciicircum{}\\textbackslash{} "q"',
    );
    expect(text).toContain('$0.30000000000000004$ & $-1.5\\times10^{-7}$ & $1\\times10^{21}$');
    expect(text).toContain('control\\_low');
    const [spec = ''] = /(?<=tabular\}\{)[lr]+/.exec(text) ?? [];
    const row = text.split('\n').find((line) => line.startsWith('j &'))!;
    expect(row.split(/(?<!\\)&/)).toHaveLength(spec.length);
  });

  it('has a column for each condition that others published, empty where they have none', () => {
    const figure = { publishedBenchmark: 'winobias', condition: 'intervene-7' as const, value: 0.25 };
    const published = { ...figure, standardError: null, numItems: 3, warnings: [] };
    const lines = tableOf('csv', [rowOf(), rowOf({ publishedFigures: [published] })]).split('\r\n');
    const at = lines[0]!.split(',').indexOf('published_intervene_7');
    expect(at).toBeGreaterThan(0);
    expect(lines.slice(1, 3).map((line) => line.split(',').at(-2))).toEqual(['', '0.25']);
  });
});
