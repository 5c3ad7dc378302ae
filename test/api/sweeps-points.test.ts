// Points that are added to a sweep, and the plan of one that is not submitted.
import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import { smallCatalog, somePage, takeJob } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';

const database = await testDatabase();
const catalog = {
  ...smallCatalog,
  // Models of several seeds.
  checkSpec: (spec: { model: string; window: { to?: number | undefined } }) => {
    if ((spec.window.to ?? 0) > 1430) return [{ pointer: '/window/to', detail: 'nano-1m ends at step 1430' }];
    return spec.model === 'none' ? [{ pointer: '/model', detail: 'no model "none" is registered' }] : [];
  },
};
const app = createApp({ database, catalog, webFolder: somePage() });
const base = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-corpus' };

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

interface Answer {
  readonly sweep: {
    readonly id: string;
    readonly axes: readonly string[];
    readonly numJobs: number;
    readonly spec: Spec;
  };
  readonly jobs: readonly { id: string; name: string; state: string; sweepPoint: object; spec: { model: string } }[];
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  readonly detail?: string;
}
interface Spec {
  readonly grid: object;
  readonly replicates?: readonly object[];
}

async function post(path: string, document: object, key?: string): Promise<{ status: number; body: Answer }> {
  const { status, body } = await request(app)
    .post(path)
    .set(key === undefined ? {} : { 'idempotency-key': key })
    .send(document);
  return { status, body: body as Answer };
}

async function submit(document: object): Promise<Answer> {
  const { status, body } = await post('/v1/sweeps', document);
  expect(status).toBe(201);
  return body;
}

const grid = { 'window.to': [1400, 1410], 'intervention.probability': [0.5, 1] };
const pointsOf = ({ jobs }: Answer) => jobs.map(({ sweepPoint }) => Object.values(sweepPoint));

describe('POST /v1/sweeps/:id/points', () => {
  it('makes jobs of the points that are not there yet, in the order of the paths, and leaves the others as they are', async () => {
    const before = await submit({ base, grid, name: 'some' });
    await takeJob(database);
    const added = { grid: { 'intervention.probability': [1, 0.25], 'window.to': [1420] } };
    const { status, body } = await post(`/v1/sweeps/${before.sweep.id}/points`, added);
    expect(status).toBe(201);
    expect(body.jobs.slice(0, 4).map(({ id }) => id)).toEqual(before.jobs.map(({ id }) => id));
    expect(body.jobs[0]!.state).toBe('running');
    const expected = [
      [1400, 0.25],
      [1410, 0.25],
      [1420, 0.5],
      [1420, 1],
      [1420, 0.25],
    ];
    expect(body.jobs.slice(4).map(({ sweepPoint }) => sweepPoint)).toEqual(
      expected.map(([to, probability]) => ({ 'window.to': to, 'intervention.probability': probability })),
    );
    expect(body.jobs[4]!.name).toBe('some, to 1400, probability 0.25');
    expect(body.sweep).toMatchObject({
      numJobs: 9,
      axes: ['window.to', 'intervention.probability'],
      spec: { grid: { 'window.to': [1400, 1410, 1420], 'intervention.probability': [0.5, 1, 0.25] } },
    });
  });

  it('takes more replicates, also of a sweep that had none, whose model is then the first', async () => {
    const before = await submit({ base, grid: { 'window.to': [1400, 1410] } });
    const replicates = [{ model: 'nano-1m-seed2', dataset: 'nano-corpus-seed2' }];
    const { body } = await post(`/v1/sweeps/${before.sweep.id}/points`, { replicates });
    expect(body.jobs.map(({ spec }) => spec.model)).toEqual(['nano-1m', 'nano-1m', 'nano-1m-seed2', 'nano-1m-seed2']);
    expect(body.sweep.spec.replicates).toEqual([{ model: 'nano-1m', dataset: 'nano-corpus' }, ...replicates]);
    const more = await post(`/v1/sweeps/${before.sweep.id}/points`, { replicates: [{ model: 'nano-1m-seed3' }] });
    expect(more.body.jobs).toHaveLength(6);
    expect(pointsOf(more.body)[5]).toEqual(expect.arrayContaining([1410, 'nano-1m-seed3']) as unknown);
  });

  it('adds once under an Idempotency-Key, and once when two add at once', async () => {
    const { sweep } = await submit({ base, grid });
    const added = { grid: { 'window.to': [1420] } };
    for (let i = 0; i < 2; i++) {
      const { status, body } = await post(`/v1/sweeps/${sweep.id}/points`, added, 'key');
      expect([status, body.jobs.length]).toEqual([201, 6]);
    }
    const both = await Promise.all(
      Array.from({ length: 4 }, () => post(`/v1/sweeps/${sweep.id}/points`, { grid: { 'window.to': [1425] } })),
    );
    expect(both.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const { status } of both) expect([201, 409, 422]).toContain(status);
    expect(await database.prisma.job.count()).toBe(8);
  });

  it('writes nothing for faults, and points into what was sent', async () => {
    const { sweep } = await submit({ base, grid });
    const faultsOf = async (document: object) => {
      const { status, body } = await post(`/v1/sweeps/${sweep.id}/points`, document);
      expect(status).toBe(422);
      expect(await database.prisma.job.count()).toBe(4);
      return body.errors!;
    };
    expect(await faultsOf({ grid: { 'window.to': [1420, 9000] } })).toEqual([
      { pointer: '/grid/window.to/1', detail: 'nano-1m ends at step 1430' },
    ]);
    expect(await faultsOf({ replicates: [{ model: 'none' }] })).toEqual([
      { pointer: '/replicates/0/model', detail: 'no model "none" is registered' },
    ]);
    expect(await faultsOf({ grid: { 'window.steps': [5] } })).toMatchObject([
      {
        pointer: '/grid/window.steps',
        detail: expect.stringContaining('window.to, intervention.probability') as string,
      },
    ]);
    expect(await faultsOf({ grid: { 'window.to': [1400] } })).toMatchObject([{ pointer: '' }]);
    expect(await faultsOf({})).toMatchObject([{ pointer: '/grid' }]);
    expect(await faultsOf({ grid: { 'window.to': [1420] }, gird: 1 })).toMatchObject([{ pointer: '/gird' }]);
    const many = { 'window.to': Array.from({ length: 300 }, (_, i) => i + 1) };
    expect(await faultsOf({ grid: many })).toEqual([
      { pointer: '/grid', detail: expect.stringMatching(/^the grid has 60\d points; 500 are allowed$/) as string },
    ]);
  });

  it('refuses replicates where the grid sets the model', async () => {
    const { model, ...rest } = base;
    const { sweep } = await submit({ base: rest, grid: { model: [model, 'nano-1m-seed2'] } });
    const { status, body } = await post(`/v1/sweeps/${sweep.id}/points`, { replicates: [{ model: 'nano-1m-seed3' }] });
    expect([status, body.errors?.[0]?.pointer]).toEqual([422, '/replicates']);
    const more = await post(`/v1/sweeps/${sweep.id}/points`, { grid: { model: ['nano-1m-seed3'] } });
    expect(more.body.jobs.map(({ spec }) => spec.model)).toEqual([model, 'nano-1m-seed2', 'nano-1m-seed3']);
  });

  it('is refused for a sweep that a user has ended, or that is none', async () => {
    const { sweep } = await submit({ base, grid });
    await post(`/v1/sweeps/${sweep.id}/stop`, {});
    const { status, body } = await post(`/v1/sweeps/${sweep.id}/points`, { grid: { 'window.to': [1420] } });
    expect([status, body.detail]).toEqual([
      409,
      `sweep ${sweep.id} was stopped: submit the points as a sweep of their own`,
    ]);
    const none = await post('/v1/sweeps/01900000-0000-7000-8000-000000000000/points', { grid: { 'window.to': [1] } });
    expect(none.status).toBe(404);
  });
});

describe('POST /v1/sweeps/plan', () => {
  it('says the points and how many trainings, and submits nothing', async () => {
    const { status, body } = await post('/v1/sweeps/plan', { base, grid });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: 'window.to × intervention.probability',
      numTrainings: 8,
      numDistinctControls: 2,
      numTrainingsIfShared: 6,
    });
    expect((body as unknown as { points: { name: string }[] }).points.map(({ name }) => name)).toEqual([
      'to 1400, probability 0.5',
      'to 1400, probability 1',
      'to 1410, probability 0.5',
      'to 1410, probability 1',
    ]);
    expect(await database.prisma.sweep.count()).toBe(0);
    expect((await post('/v1/sweeps/plan', { base, grid: { 'window.to': [9000] } })).status).toBe(422);
  });

  it.each([
    ['whatever is rewritten', {}, { 'intervention.policy': ['morph-v1', 'idmap-2022'] }, [4, 1, 3]],
    [
      'also beside a placebo',
      { arms: ['control', 'intervention', 'placebo'] },
      { 'intervention.probability': [0.5, 1] },
      [6, 1, 5],
    ],
    [
      'not where each is to stand alone',
      { training: { shareArms: false } },
      { 'intervention.probability': [0.5, 1] },
      [4, 1, 4],
    ],
    [
      'not where another engine trains',
      { training: { engine: 'gpt-neox' } },
      { 'intervention.probability': [0.5, 1] },
      [4, 1, 4],
    ],
    ['not where there is none', { arms: ['intervention'] }, { 'intervention.probability': [0.5, 1] }, [2, 0, 2]],
  ])(
    'counts controls that points share, %s',
    async (_name, more, grid, [numTrainings, numDistinctControls, numTrainingsIfShared]) => {
      const { status, body } = await post('/v1/sweeps/plan', { base: { ...base, ...more }, grid });
      expect(status, JSON.stringify(body)).toBe(200);
      expect(body).toMatchObject({ numTrainings, numDistinctControls, numTrainingsIfShared });
    },
  );
});
