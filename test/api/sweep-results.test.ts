// What a sweep's results say of fabricated scores: rows, curves over an axis, and that every form has the same numbers.
import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SweepResults } from '../../src/api/sweep-results.ts';
import { insertSweep } from '../../src/store/sweeps.ts';
import { testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';
import { BENCHMARK, modelOf, score, takeNext } from '../support/sweeps.ts';

const database = await testDatabase();
const app = testApp(database);

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

/** Log-odds of "he" of 24 occupations before an intervention. */
const before = Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? 2 : -2) + ((i * 7) % 5) / 10);
const movedBy = (shift: number) => before.map((odds, i) => odds - shift - ((i * 3) % 7) / 50);

const DIRECTIONS = ['masculine-to-feminine', 'feminine-to-masculine'] as const;

/** Two directions × three probabilities × two model seeds, not begun. */
async function makeSweep(): Promise<string> {
  const points = DIRECTIONS.flatMap((direction) =>
    [0.1, 0.25, 0.5].flatMap((probability) =>
      [1, 2].map((seed) => {
        const [model, dataset] = [modelOf(seed), modelOf(seed).replace('1m', 'stories')];
        const spec = someSpec({ model, dataset, intervention: { direction, probability } });
        const point = { 'intervention.direction': direction, 'intervention.probability': probability, model, dataset };
        return { spec, point, name: `${direction}, ${probability}, ${seed} & 100 %` };
      }),
    ),
  );
  return database.transaction((transaction) =>
    insertSweep(transaction, {
      name: 'some',
      spec: {},
      axes: ['intervention.direction', 'intervention.probability'],
      points,
    }),
  );
}

/** Scores the next jobs: the shift goes with the probability, the seed and the direction. */
async function scoreNext(numJobs: number): Promise<void> {
  for (let i = 0; i < numJobs; i++) {
    const fence = await takeNext(database);
    const { direction, probability } = fence.spec.intervention;
    const seed = fence.spec.model.endsWith('seed2') ? 2 : 1;
    const shift = (direction === DIRECTIONS[0] ? 1 : -1) * probability * (seed === 1 ? 4 : 5);
    await score(database, fence, { control: before, intervention: movedBy(shift) });
  }
}

async function read(id: string, query = ''): Promise<SweepResults & { readonly sweep: { readonly numJobs: number } }> {
  const response = await request(app).get(`/v1/sweeps/${id}/results${query}`);
  expect(response.status).toBe(200);
  return response.body as SweepResults & { readonly sweep: { readonly numJobs: number } };
}

type Reader = (text: string) => string[][];
const unescaped = (text: string) => text.replaceAll(/\\([&#%_{}$|*`<>[\]])/g, '$1').trim();

/** How each form is read back, by rules that are not the writer's. */
const READERS: readonly (readonly [format: string, type: string, cellsOf: Reader])[] = [
  ['csv', 'text/csv', (text) => text.trimEnd().split('\r\n').map(csvCells)],
  [
    'markdown',
    'text/markdown',
    (text) => {
      const lines = text
        .trimEnd()
        .split('\n')
        .filter((line) => !/^\|( -+:? \|)+$/.test(line));
      return lines.map((line) =>
        line
          .slice(1, -1)
          .split(/(?<!\\)\|/)
          .map(unescaped),
      );
    },
  ],
  [
    'latex',
    'text/x-tex',
    (text) => {
      const lines = text
        .trimEnd()
        .split('\n')
        .filter((line) => line.endsWith('\\\\'));
      return lines.map((line) =>
        line
          .slice(0, -2)
          .split(/(?<!\\)&/)
          .map(unescaped),
      );
    },
  ],
];

function csvCells(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}

function numberIn(cell: string): number | null {
  const text = cell.replaceAll('$', '').replace(/\\times10\^\{?(-?\d+)\}?/, 'e$1');
  return ['', '–', '--'].includes(text) ? null : Number(text);
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('GET /v1/sweeps/:id/results', () => {
  it('has a row for each scored job and metric, with point, seed, both arms and the effect', async () => {
    const id = await makeSweep();
    await scoreNext(3);
    const { sweep, rows, axes } = await read(id);
    expect(sweep.numJobs).toBe(12);
    expect(axes.slice(0, 2)).toEqual([
      { path: 'intervention.direction', values: [...DIRECTIONS] },
      { path: 'intervention.probability', values: [0.1, 0.25, 0.5] },
    ]);
    const logOdds = rows.filter(({ metric }) => metric === 'logOdds');
    expect(logOdds).toHaveLength(3);
    expect(logOdds[1]).toMatchObject({
      ...{ state: 'succeeded', model: 'nano-1m-seed2', modelSeed: 2, benchmark: BENCHMARK, protocol: 'likelihood' },
      ...{ step: 1430, settings: {}, published: null, publishedFigures: [] },
      point: { 'intervention.direction': DIRECTIONS[0], 'intervention.probability': 0.1, model: 'nano-1m-seed2' },
      control: { value: expect.closeTo(mean(before), 12) as number, numItems: 24 },
      intervention: { value: expect.closeTo(mean(movedBy(0.5)), 12) as number, numItems: 24 },
      effect: { value: expect.closeTo(mean(movedBy(0.5)) - mean(before), 12) as number, numItems: 24 },
    });
    const [low, high] = logOdds[1]!.effect!.interval!;
    expect(low).toBeLessThan(logOdds[1]!.effect!.value!);
    expect(high).toBeGreaterThan(logOdds[1]!.effect!.value!);
    expect(logOdds[1]!.effect!.pAdjusted).not.toBeNull();
    expect(rows.some(({ metric }) => metric.includes('.'))).toBe(false);
    expect((await read(id, '?parts=yes')).rows.some(({ metric }) => metric === 'proRate.masculine')).toBe(true);
  });

  it('draws a curve over the probability for each direction, with intervals over items or over seeds', async () => {
    const id = await makeSweep();
    await scoreNext(5);
    const first = (await read(id)).doseResponse.filter(({ metric }) => metric === 'logOdds');
    expect(first).toHaveLength(1);
    expect(first[0]).toMatchObject({
      axis: 'intervention.probability',
      others: { 'intervention.direction': DIRECTIONS[0] },
    });
    // Two seeds at 0.1 and 0.25, one at 0.5.
    expect(first[0]!.effect.map(({ x, numJobs, seeds, over }) => [x, numJobs, seeds, over])).toEqual([
      [0.1, 2, [1, 2], 'model seeds'],
      [0.25, 2, [1, 2], 'model seeds'],
      [0.5, 1, [1], 'items'],
    ]);
    const effects = [0.4, 0.5].map((shift) => mean(movedBy(shift)) - mean(before));
    const half = 12.706204736 * (Math.abs(effects[0]! - effects[1]!) / 2); // t(0.975, 1), of two: s/√2 is half their distance
    expect(first[0]!.effect[0]!.value).toBeCloseTo(mean(effects), 12);
    expect(first[0]!.effect[0]!.interval![1]).toBeCloseTo(mean(effects) + half, 6);
    expect(first[0]!.intervention[0]!.value).toBeCloseTo(mean(effects) + mean(before), 12);
    const alone = (await read(id)).rows.find(
      ({ metric, point }) => metric === 'logOdds' && point['intervention.probability'] === 0.5,
    )!;
    expect(first[0]!.effect[2]!.interval).toEqual(alone.effect!.interval);
    expect(first[0]!.intervention[2]!.interval).toEqual(alone.intervention!.interval);
    await scoreNext(7);
    const all = (await read(id)).doseResponse;
    expect(all.filter(({ metric }) => metric === 'logOdds').map(({ others }) => others)).toEqual(
      DIRECTIONS.map((direction) => ({ 'intervention.direction': direction })),
    );
    expect(new Set(all.map(({ metric }) => metric))).toContain('proRate.feminine');
    expect(all.every(({ axis }) => axis === 'intervention.probability')).toBe(true); // the only numeric one
  });

  it('has the same numbers in every form', async () => {
    const id = await makeSweep();
    await scoreNext(3);
    await database.pool.query('UPDATE sweep SET name = $1', ['a_b & 100 % | #1']);
    const { rows } = await read(id, '?parts=yes');
    const figures = rows.map(({ step, control, intervention, effect }) => [
      ...[step, control?.value, ...(control?.interval ?? [null, null])],
      ...[intervention?.value, ...(intervention?.interval ?? [null, null])],
      ...[effect?.value ?? null, ...(effect?.interval ?? [null, null])],
      ...[effect?.pValue ?? null, effect?.pAdjusted ?? null, (effect ?? intervention)?.numItems],
    ]);
    expect(figures.flat().filter((value) => typeof value === 'number').length).toBeGreaterThan(200);
    for (const [format, type, cellsOf] of READERS) {
      const response = await request(app).get(`/v1/sweeps/${id}/results?parts=yes&format=${format}`).buffer(true);
      expect(response.headers['content-type']).toBe(`${type}; charset=utf-8`);
      const [head = [], ...table] = cellsOf(response.text);
      expect(table).toHaveLength(rows.length);
      const from = head.indexOf('step');
      expect(head.slice(from, from + 13)).toEqual(
        [
          'step',
          'control',
          'control_low',
          'control_high',
          'intervention',
          'intervention_low',
          'intervention_high',
        ].concat(['effect', 'effect_low', 'effect_high', 'p', 'p_adjusted', 'n']),
      );
      expect(table.map((cells) => cells.slice(from, from + 13).map(numberIn))).toEqual(figures);
      const at = head.indexOf('intervention.direction');
      expect(table.map((cells) => [cells[at], cells[head.indexOf('metric')]])).toEqual(
        rows.map(({ point, metric }) => [point['intervention.direction'], metric]),
      );
    }
    const rounded = (await request(app).get(`/v1/sweeps/${id}/results?format=csv&digits=3`)).text;
    expect(rounded.split('\r\n')[1]).toMatch(/,0\.\d{1,3},/);
    expect(rounded).not.toMatch(/\.\d{8}/);
    expect((await request(app).get(`/v1/sweeps/${id}/results?digits=3`)).status).toBe(400);
  });

  it('answers 404 for an unknown sweep and 400 for a faulty query', async () => {
    expect((await request(app).get('/v1/sweeps/01900000-0000-7000-8000-000000000000/results')).status).toBe(404);
    const id = await makeSweep();
    expect((await request(app).get(`/v1/sweeps/${id}/results?parts=maybe`)).status).toBe(400);
  });
});
