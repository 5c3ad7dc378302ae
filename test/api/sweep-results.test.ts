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

  it('answers 404 for an unknown sweep and 400 for a faulty query', async () => {
    expect((await request(app).get('/v1/sweeps/01900000-0000-7000-8000-000000000000/results')).status).toBe(404);
    const id = await makeSweep();
    expect((await request(app).get(`/v1/sweeps/${id}/results?parts=maybe`)).status).toBe(400);
  });
});
