import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import { claim } from '../../src/store/leases.ts';
import { testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';

const database = await testDatabase();
const app = testApp(database);
const base = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-corpus' };

/** Where the intervention's seed changes what is trained. */
const drawing = { ...base, intervention: { probability: 0.5 } };

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

interface SweepAnswer {
  readonly sweep: { id: string; name: string; numJobs: number; jobsByState: object; spec: unknown };
  readonly jobs: readonly { id: string; name: string; sweepPoint: object; spec: { intervention: object } }[];
}

async function post(document: object): Promise<request.Response> {
  return request(app).post('/v1/sweeps').send(document);
}

async function faultsOf(document: object): Promise<unknown> {
  const response = await post(document);
  expect(response.status).toBe(422);
  expect(await database.prisma.job.count()).toBe(0);
  expect(await database.prisma.sweep.count()).toBe(0);
  return (response.body as { errors: unknown }).errors;
}

describe('POST /v1/sweeps', () => {
  it('makes a job of every point, the last path varying fastest, claimed in that order', async () => {
    const grid = { 'intervention.probability': [0.25, 0.5, 0.75], 'intervention.seed': [7, 3] };
    const response = await post({ name: 'dose', base: { ...base, intervention: { expectNoEdits: true } }, grid });
    expect(response.status).toBe(201);
    const { sweep, jobs } = response.body as SweepAnswer;
    expect(response.headers['location']).toBe(`/v1/sweeps/${sweep.id}`);
    expect(sweep).toMatchObject({ name: 'dose', numJobs: 6, jobsByState: { queued: 6 }, spec: { name: 'dose', grid } });
    const points = [0.25, 0.5, 0.75].flatMap((probability) => [7, 3].map((seed) => ({ probability, seed })));
    expect(jobs.map((job) => job.sweepPoint)).toEqual(
      points.map(({ probability, seed }) => ({ 'intervention.probability': probability, 'intervention.seed': seed })),
    );
    expect(jobs.map((job) => job.spec.intervention)).toMatchObject(
      points.map((point) => ({ ...point, expectNoEdits: true })),
    );
    expect(jobs[1]?.name).toBe('dose, probability 0.25, seed 3');
    for (const job of jobs) {
      const claimed = await claim(database, { owner: 'a', host: 'h', pid: 1 }, 60_000);
      expect(claimed?.id).toBe(job.id);
    }
    const again = (await request(app).get(`/v1/sweeps/${sweep.id}`)).body as SweepAnswer;
    expect(again.sweep.jobsByState).toEqual({ running: 6 });
    expect(again.jobs.map((job) => job.id)).toEqual(jobs.map((job) => job.id));
    const listed = (await request(app).get(`/v1/jobs?sweep=${sweep.id}`)).body as SweepAnswer;
    expect(listed.jobs).toHaveLength(6);
  });

  it('expands the same document to the same list every time', async () => {
    const grid = {
      checkpoint: ['step1330', 'step1430'],
      'window.steps': [1, 2],
      arms: [['control'], ['intervention']],
    };
    const answers = [await post({ base, grid }), await post({ base, grid })];
    const [first, second] = answers.map(({ body }) => (body as SweepAnswer).jobs.map((job) => [job.name, job.spec]));
    expect(first).toHaveLength(8);
    expect(first).toEqual(second);
  });

  it('writes nothing when a single point is faulty, and points into the grid', async () => {
    const grid = { 'intervention.probability': [0, 0.5, 1.5], 'window.to': [1400, 9000], 'training.sed': [1] };
    const faults = await faultsOf({ base: { ...base, extra: 1 }, grid });
    expect(faults).toEqual(
      expect.arrayContaining([
        { pointer: '/grid/intervention.probability/2', detail: 'Too big: expected number to be <=1' },
        { pointer: '/grid/training.sed/0', detail: 'there is no such field' },
        { pointer: '/base/extra', detail: 'there is no such field' },
      ]),
    );
    expect(faults).toHaveLength(3);
    const catalogFaults = await faultsOf({ base, grid: { 'window.to': [1400, 9000] } });
    expect(catalogFaults).toEqual([{ pointer: '/grid/window.to/1', detail: 'nano-1m ends at step 1430' }]);
  });

  it('takes 500 points and refuses 501, before it looks at any', async () => {
    const seeds = (count: number) => ({ 'intervention.seed': Array.from({ length: count }, (_, index) => index) });
    const { status, body } = await post({ base: drawing, grid: seeds(500) });
    expect(status).toBe(201);
    expect((body as SweepAnswer).sweep.numJobs).toBe(500);
    await database.pool.query('TRUNCATE job, sweep CASCADE');
    expect(await faultsOf({ base, grid: seeds(501) })).toMatchObject([{ pointer: '/grid/intervention.seed' }]);
    const product = { ...seeds(100), 'window.steps': [1, 2, 3, 4, 5, 6] };
    expect(await faultsOf({ base, grid: product })).toEqual([
      { pointer: '/grid', detail: 'the grid has 600 points; 500 are allowed' },
    ]);
  }, 60_000);

  it.each([
    [{ base }, '/grid'],
    [{ base, grid: {} }, '/grid'],
    [{ base, grid: { 'intervention.seed': [] } }, '/grid/intervention.seed'],
    [{ base, grid: { 'intervention.seed': [1, 1] } }, '/grid/intervention.seed'],
    [{ base, grid: { 'intervention..seed': [1] } }, '/grid/intervention..seed'],
    [{ base: 5, grid: { seed: [1] } }, '/base'],
    [{ base, gird: {}, grid: { 'window.to': [1400] } }, '/gird'],
  ])('refuses %j', async (document, pointer) => {
    expect(await faultsOf(document)).toMatchObject([{ pointer }]);
  });

  it('takes models of other seeds as replicates, each with its own data, and points at the faulty one', async () => {
    const replicates = [{ model: 'nano-1m' }, { model: 'nano-1m', dataset: 'other' }];
    const { status, body } = await post({ base, grid: { 'window.to': [1400, 1410] }, replicates });
    expect(status).toBe(201);
    const { jobs, sweep } = body as SweepAnswer;
    expect(sweep.name).toBe('window.to × replicates');
    expect(jobs.map(({ sweepPoint }) => sweepPoint)).toEqual(
      [1400, 1410].flatMap((to) => replicates.map((replicate) => ({ 'window.to': to, ...replicate }))),
    );
    await database.pool.query('TRUNCATE job, sweep CASCADE');
    const wrong = [{ model: 'nano-1m' }, { model: 'no model!' }];
    expect(await faultsOf({ base, replicates: wrong })).toMatchObject([{ pointer: '/replicates/1/model' }]);
  });

  it('refuses what would be the same training as another point, and says why it is no replicate', async () => {
    const seeds = { 'intervention.seed': [1, 2] };
    expect(await faultsOf({ base, grid: { 'intervention.probability': [0.5, 1], ...seeds } })).toEqual([
      {
        pointer: '/grid/intervention.seed/1',
        detail: expect.stringMatching(
          /^the same training as "probability 1, seed 1", which is no replicate: at probability 1 nothing is drawn.*another model seed$/,
        ) as string,
      },
    ]);
    const twice = [{ model: 'nano-1m' }, { model: 'nano-1m', dataset: base.dataset }];
    expect(await faultsOf({ base: drawing, replicates: twice })).toMatchObject([
      { detail: expect.stringContaining('which is no replicate') as string },
    ]);
    // A direction that is drawn itself has draws at every probability.
    const balanced = { ...base, intervention: { direction: 'balanced' } };
    expect((await post({ base: balanced, grid: seeds })).status).toBe(201);
  });

  it('refuses nesting that would exhaust the stack', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const body = `{"base": {}, "grid": {"window.to": [${deep}]}}`;
    const response = await request(app).post('/v1/sweeps').type('json').send(body);
    expect(response.status).toBe(422);
    expect(response.body).toMatchObject({ errors: [{ detail: 'nested more than 10 deep' }] });
  });

  it('takes no path that would reach into the prototype of objects', async () => {
    for (const path of ['__proto__.polluted', 'constructor.prototype.polluted']) {
      await faultsOf({ base, grid: { [path]: [1] } });
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('GET /v1/sweeps', () => {
  it('lists newest first with the states of the jobs', async () => {
    for (const name of ['one', 'two']) await post({ name, base: drawing, grid: { 'intervention.seed': [1, 2] } });
    const { sweeps } = (await request(app).get('/v1/sweeps')).body as { sweeps: object[] };
    expect(sweeps).toMatchObject([
      { name: 'two', numJobs: 2, jobsByState: { queued: 2 } },
      { name: 'one', numJobs: 2, jobsByState: { queued: 2 } },
    ]);
    expect((await request(app).get('/v1/sweeps?limit=1')).body).toMatchObject({ sweeps: [{ name: 'two' }] });
  });

  it('answers 404 for an unknown sweep and 400 for a faulty query', async () => {
    expect((await request(app).get('/v1/sweeps/01900000-0000-7000-8000-000000000000')).status).toBe(404);
    expect((await request(app).get('/v1/sweeps?limit=-1')).status).toBe(400);
  });
});
