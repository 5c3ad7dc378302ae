// What the views of comparisons compute, without a browser.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobSpecSchema, type JobSpecInput } from '../../src/job-spec.ts';
import type { ScoreRow } from '../../src/web/api.ts';
import type { ComparedMetric, Comparison, PairComparison } from '../../src/web/comparison-api.ts';
import { configFields } from '../../src/web/comparison/config-difference.ts';
import { FIGURE_COLUMNS, PLACE_COLUMNS } from '../../src/web/comparison/figure-columns.ts';
import { comparedFigures, type Request } from '../../src/web/comparison/rows.ts';
import { baselineOf, listIn, scoredSides, shownSides, sideKey } from '../../src/web/comparison/sides.ts';
import { axisOver, roundTicks } from '../../src/web/charts/plot-scale.ts';
import { writeTable, type TableDocument } from '../../src/web/table-formats.ts';
import { parseCsv } from '../support/csv.ts';
import { makeJob, makeScores, TO } from './fake-jobs.ts';

const [first, second] = [makeJob(0, 'succeeded', { name: 'first' }), makeJob(1, 'succeeded', { name: 'second' })];
const { scores, effects } = makeScores(TO);

/** Two jobs with the same figures, as /compare answers them. */
function comparison(): Comparison {
  const atEnd = scores.filter(({ step }) => step === TO);
  const keys = [...new Map(atEnd.map((row) => [`${row.benchmark} ${row.metric}`, row])).values()];
  const figureOf = ({ value, standardError, interval, numItems }: ScoreRow) => ({
    ...{ value, standardError, interval, numItems },
  });
  const metrics = keys.map(({ benchmark, protocol, metric }): ComparedMetric => {
    const own = atEnd.filter((row) => row.benchmark === benchmark && row.metric === metric);
    const effect = effects.find((row) => row.step === TO && row.benchmark === benchmark && row.metric === metric)!; // of every metric
    const job = { step: TO, scores: Object.fromEntries(own.map((row) => [row.arm, figureOf(row)])), effect };
    return {
      ...{ benchmark, protocol, metric },
      jobs: [first, second].map(({ id }) => ({ id, ...job, published: [] })),
    };
  });
  const label = { arm: 'intervention', benchmark: 'nano-winobias', protocol: 'likelihood' } as const;
  const labels = [{ id: second.id, ...label, label: 'reduced batch', detail: '4 of 16 rows' }];
  return { jobs: [first, second], metrics, labels, replicates: [] };
}

function request(changes: Partial<Request> = {}): Request {
  const whole = comparison();
  const sides = scoredSides(whole);
  const baseline = baselineOf(sides, undefined);
  return {
    ...{ comparison: whole, sides: shownSides(sides, [], baseline), baseline, against: 'control' as const },
    ...{ pairs: new Map<string, PairComparison | string>(), extent: 'whole' as const },
    ...changes,
  };
}

describe('the sides of a comparison', () => {
  it('are the scored arms of each job under its letter', () => {
    expect(scoredSides(comparison()).map(({ letter, arm }) => `${letter} ${arm}`)).toEqual(
      ['A', 'B'].flatMap((letter) => ['published', 'control', 'intervention'].map((arm) => `${letter} ${arm}`)),
    );
  });

  it('have as baseline what is pinned, of a job alone its control, else the first job’s control', () => {
    const sides = scoredSides(comparison());
    const words = (pinned?: string) => sideKey(baselineOf(sides, pinned)!);
    expect(words()).toBe(`${first.id}:control`);
    expect(words(second.id)).toBe(`${second.id}:control`);
    expect(words(`${second.id}:published`)).toBe(`${second.id}:published`);
    expect(baselineOf([], undefined)).toBeUndefined();
  });

  it('are those of the chosen arms, and the baseline first whatever its arm', () => {
    const sides = scoredSides(comparison());
    const shown = shownSides(sides, ['intervention'], baselineOf(sides, second.id));
    expect(shown.map(({ letter, arm }) => `${letter} ${arm}`)).toEqual([
      'B control',
      'A intervention',
      'B intervention',
    ]);
  });

  it('come from a list in the address that hands may have written', () => {
    expect(listIn(' a, b,,a ')).toEqual(['a', 'b']);
    expect(listIn(undefined)).toEqual([]);
  });
});

describe('the figures of a comparison', () => {
  it('stand in every metric with the baseline first, effects at the interventions, labels where they belong', () => {
    const figures = comparedFigures(request());
    expect(new Set(figures.map(({ metric }) => metric))).not.toContain('proRate.masculine');
    const rate = figures.filter(({ metric }) => metric === 'proRate');
    expect(rate.map(({ side, isBaseline }) => [sideKey(side!), isBaseline])).toEqual([
      [`${first.id}:control`, true],
      ...['published', 'intervention'].map((arm) => [`${first.id}:${arm}`, false]),
      ...['published', 'control', 'intervention'].map((arm) => [`${second.id}:${arm}`, false]),
    ]);
    expect(rate.map(({ effect }) => effect?.value ?? null).filter((value) => value !== null)).toHaveLength(2);
    expect(rate.map(({ labels }) => labels.map(({ label }) => label))).toEqual([[], [], [], [], [], ['reduced batch']]);
  });

  it('show halves and all parts only when asked', () => {
    const metrics = (extent: Request['extent']) =>
      new Set(comparedFigures(request({ extent })).map(({ metric }) => metric));
    expect(metrics('halves')).toContain('proRate.masculine');
    expect(metrics('halves')).not.toContain('proRate.type1');
    expect(metrics('all')).toContain('proRate.type1');
  });

  it('take effects against the baseline from the paired comparisons, and say why there is none', () => {
    const base = request({ against: 'baseline' });
    const [baseline, one, other] = base.sides;
    const [row] = effects.filter(({ metric, step }) => metric === 'proRate' && step === TO);
    const pair = { effects: [{ ...row!, value: 0.123, stepA: TO, stepB: TO }], refused: [], labels: [] };
    const pairs = new Map<string, PairComparison | string>([
      [sideKey(one!), pair],
      [sideKey(other!), 'the files of the benchmark were not the same'],
    ]);
    const rate = comparedFigures({ ...base, pairs }).filter(({ metric }) => metric === 'proRate');
    const of = (side: typeof baseline) => rate.find((figure) => figure.side === side);
    expect(of(baseline)).toMatchObject({ effect: null, labels: [] });
    expect(of(one)).toMatchObject({ effect: { value: 0.123 }, against: 'A first, control' });
    expect(of(other)).toMatchObject({
      effect: null,
      labels: [{ label: 'not comparable with the baseline', detail: 'the files of the benchmark were not the same' }],
    });
  });

  it('show a published figure once for jobs of one model, with its warnings', () => {
    const published = {
      ...{ benchmark: 'nano-winobias', protocol: 'likelihood', publishedBenchmark: 'winobias', model: 'pythia-70m' },
      ...{ step: TO, condition: 'baseline', metric: 'proRate', value: 0.55, standardError: null, numItems: 320 },
      ...{ source: 'https://example.org/table', warnings: [{ label: 'another set', detail: 'not ours' }] },
    };
    const whole = comparison();
    const metrics = whole.metrics.map((metric) => ({
      ...metric,
      jobs: metric.jobs.map((job) => ({ ...job, published: metric.metric === 'proRate' ? [published] : [] })),
    }));
    const rows = comparedFigures(request({ comparison: { ...whole, metrics } })).filter(({ side }) => side === null);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ value: 0.55, effect: null, source: 'https://example.org/table' });
    expect(rows[0]?.labels).toEqual(published.warnings);
  });
});

describe('the difference of configurations', () => {
  const spec = (changes: Partial<JobSpecInput>) =>
    jobSpecSchema.parse({ model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories', ...changes });

  it('names nested fields by dotted path, and marks those that differ or are missing, but not names', () => {
    const fields = configFields([
      spec({ name: 'a', intervention: { probability: 1 }, window: { steps: 100 } }),
      spec({ name: 'b', intervention: { probability: 0.5 } }),
    ]);
    const different = fields.filter(({ isDifferent }) => isDifferent);
    expect(different.find(({ path }) => path === 'intervention.probability')?.values).toEqual(['1', '0.5']);
    expect(different.find(({ path }) => path === 'window.steps')?.values).toEqual(['100', undefined]);
    expect(different).toHaveLength(2);
    expect(fields.find(({ path }) => path === 'arms')?.values[0]).toBe('published, control, intervention');
  });
});

describe('the table as a file', () => {
  const figures = comparedFigures(request());
  const table = {
    columns: [...PLACE_COLUMNS, ...FIGURE_COLUMNS],
    rows: figures,
    notes: ['Effects against 1 % & more'],
  };

  it('holds in CSV and JSON the same figures, unrounded', () => {
    const csv = parseCsv(writeTable('csv', table));
    const json = JSON.parse(writeTable('json', table)) as { notes: string[]; rows: Record<string, unknown>[] };
    expect(csv).toHaveLength(figures.length);
    expect(json.notes).toEqual(table.notes);
    figures.forEach((figure, place) => {
      expect(Number(csv[place]?.['value'])).toBe(figure.value);
      expect(json.rows[place]).toMatchObject({
        value: figure.value,
        low: figure.interval?.[0],
        job: figure.side?.job.id,
      });
      expect(csv[place]?.['effect']).toBe(figure.effect === null ? '' : String(figure.effect.value));
    });
  });

  it('holds in Markdown and LaTeX the words of the page, escaped', () => {
    const markdown = writeTable('markdown', table).split('\n');
    expect(markdown[0]).toMatch(/^\| benchmark \| metric \| job \| arm \|/);
    expect(markdown[2]).toContain('| A first | control | 1,430 |');
    const latex = writeTable('latex', table);
    expect(latex).toContain('\\begin{tabular}{lllllllllllll}');
    expect(latex).toContain('97.5\\,\\%');
    expect(latex).toContain('% Effects against 1 % & more');
    expect(latex.split('\n').filter((line) => line.endsWith(' \\\\'))).toHaveLength(figures.length + 1);
  });

  const text: TableDocument<string> = {
    columns: [{ title: 'name', shown: (row) => row, fields: { name: (row) => row } }],
    rows: [],
    notes: [],
  };

  it('gives any text back from CSV, but never as a formula of a spreadsheet', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary-ascii' }), { minLength: 1 }), (rows) => {
        const back = parseCsv(writeTable('csv', { ...text, rows })).map((row) => row['name']);
        expect(back).toEqual(rows.map((row) => (/^[=+\-@\t\r]/.test(row) ? `'${row}` : row)));
      }),
      { seed: 7 },
    );
  });

  it.each([
    ['a_b & 50% {x} #1 $2', 'a\\_b \\& 50\\% \\{x\\} \\#1 \\$2'],
    [
      '\\input ~^ <|>',
      '\\textbackslash{}input \\textasciitilde{}\\textasciicircum{} \\textless{}\\textbar{}\\textgreater{}',
    ],
    ['[−1, ±2] → ×', '{[}$-$1, $\\pm$2{]} $\\rightarrow$ $\\times$'],
  ])('writes "%s" so that LaTeX sets it', (name, expected) => {
    expect(writeTable('latex', { ...text, rows: [name] })).toContain(`\n${expected} \\\\\n`);
  });

  it('keeps a name with bars and marks one cell of a Markdown table', () => {
    expect(writeTable('markdown', { ...text, rows: ['a|b *c* [d]\n<e>'] })).toContain(
      '| a\\|b \\*c\\* \\[d\\] \\<e> |\n',
    );
  });
});

describe('the axes of plots', () => {
  it('have round ticks inside their ends', () => {
    expect(roundTicks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(roundTicks(-0.31, 0.12, 4)).toEqual([-0.2, 0]);
    expect(Object.is(roundTicks(-1, 1, 2)[1], 0)).toBe(true);
  });

  it('hold all values with room at the ends, also when all are equal', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
        const axis = axisOver(values, 10, 110);
        for (const value of values) {
          expect(axis.at(value)).toBeGreaterThan(10);
          expect(axis.at(value)).toBeLessThan(110);
        }
        for (const tick of axis.ticks) expect(axis.at(tick)).toBeGreaterThanOrEqual(10 - 1e-6);
      }),
      { seed: 7 },
    );
  });
});
