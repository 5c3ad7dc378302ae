// Curves thinned by the database, against the whole curves thinned here.
import request from 'supertest';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { seedJob, seedLongJob } from '../support/seeded-jobs.ts';

type Column = readonly (number | null)[];
interface Metrics {
  readonly arms: Readonly<Record<string, Readonly<Record<string, Column>>>>;
  readonly stepsPerPoint?: number;
  readonly numSteps?: Readonly<Record<string, readonly number[]>>;
  readonly extremes?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<'min' | 'max', Column>>>>>>;
}

const database = await testDatabase();
const app = testApp(database);
let id = '';
beforeAll(async () => {
  id = await seedLongJob(database, 1000, ['control', 'intervention']);
});

async function metrics(query: string, job = id): Promise<Metrics> {
  const { status, body } = await request(app).get(`/v1/jobs/${job}/metrics${query}`);
  expect([status, (body as { detail?: string }).detail]).toEqual([200, undefined]);
  return body as Metrics;
}

const numbers = (column: Column | undefined) => (column ?? []).map((value) => value ?? NaN);

describe('GET /v1/jobs/:id/metrics with a number of points', () => {
  it('answers means, least and greatest of equally many steps', async () => {
    const whole = (await metrics('')).arms['control']!;
    const thin = await metrics('?points=30');
    expect(thin.stepsPerPoint).toBe(34); // 1,000 steps in 30 points
    const { step, lossNats, numEdits } = thin.arms['control']!;
    expect(step).toEqual(Array.from({ length: 30 }, (_none, place) => 34 * place));
    expect(thin.numSteps!['control']).toEqual([...Array<number>(29).fill(34), 1000 - 29 * 34]);
    const losses = numbers(whole['lossNats']);
    const { min, max } = thin.extremes!['control']!['lossNats']!;
    numbers(step).forEach((first, place) => {
      const own = losses.slice(first, first + 34);
      expect(lossNats![place]).toBeCloseTo(own.reduce((sum, loss) => sum + loss, 0) / own.length, 10);
      expect(min[place]).toBe(Math.min(...own));
      expect(max[place]).toBe(Math.max(...own));
    });
    expect(numEdits).toEqual(Array(30).fill(140));
  });

  it('keeps the one spike of a thousand steps, however few the points', async () => {
    const spike = Math.max(...numbers((await metrics('')).arms['intervention']!['lossNats']));
    expect(spike).toBeGreaterThan(5);
    const { max } = (await metrics('?points=4')).extremes!['intervention']!['lossNats']!;
    expect(Math.max(...numbers(max))).toBe(spike);
  });

  it('answers the recorded figures themselves where the range has no more steps than points', async () => {
    const whole = (await metrics('')).arms['control']!;
    const part = await metrics('?from=300&to=360&points=100');
    expect(part.stepsPerPoint).toBe(1);
    expect(part.arms['control']).toEqual(
      Object.fromEntries(Object.entries(whole).map(([name, column]) => [name, column.slice(300, 360)])),
    );
    expect(part.extremes!['control']!['lossNats']).toEqual({
      min: whole['lossNats']!.slice(300, 360),
      max: whole['lossNats']!.slice(300, 360),
    });
    expect((await metrics('?from=990')).arms['control']!['step']).toEqual([
      990, 991, 992, 993, 994, 995, 996, 997, 998, 999,
    ]);
  });

  it('answers empty curves where nothing was trained, and says what a range must be', async () => {
    const idle = await seedJob(database, { state: 'queued' });
    expect(await metrics('?points=10', idle)).toMatchObject({ arms: {}, lossSpikes: {} });
    expect((await metrics('?from=5000&to=6000&points=10')).arms['control']!['step']).toEqual([]);
    const { status, body } = await request(app).get(`/v1/jobs/${id}/metrics?from=20&to=20`);
    expect([status, (body as { detail: string }).detail]).toEqual([
      400,
      'faulty query: to: 20 is not after the first step 20: give a later one',
    ]);
  });
});
