import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import { jobSpecSchema } from '../../src/job-spec.ts';
import { beat, settle } from '../../src/store/leases.ts';
import { setPlan } from '../../src/store/leases.ts';
import { takeJob, testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';

const database = await testDatabase();
const app = testApp(database);
const minimal = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-corpus' };
const UNKNOWN = '01900000-0000-7000-8000-000000000000';

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

async function submit(changes: object = {}): Promise<string> {
  const response = await request(app)
    .post('/v1/jobs')
    .send({ ...minimal, ...changes });
  expect(response.status).toBe(201);
  return (response.body as { job: { id: string } }).job.id;
}

async function faultsOf(body: unknown): Promise<unknown> {
  const response = await request(app).post('/v1/jobs').type('json').send(JSON.stringify(body));
  expect(response.status).toBe(422);
  expect(response.type).toBe('application/problem+json');
  expect(response.body).toMatchObject({ type: 'about:blank', status: 422, title: 'Faulty document' });
  expect(await database.prisma.job.count()).toBe(0);
  return (response.body as { errors: unknown }).errors;
}

describe('POST /v1/jobs', () => {
  it('stores the job with every default, says where it is, and leaves it queued', async () => {
    const response = await request(app).post('/v1/jobs').send(minimal);
    expect(response.status).toBe(201);
    const { job } = response.body as { job: { id: string } };
    expect(response.headers['location']).toBe(`/v1/jobs/${job.id}`);
    expect(job).toEqual({
      id: job.id,
      name: 'nano-1m masculine-to-feminine',
      state: 'queued',
      reason: null,
      message: null,
      attempt: 0,
      priority: 0,
      tags: [],
      spec: jobSpecSchema.parse(minimal),
      plan: null,
      progress: null,
      submittedBy: null,
      sweepId: null,
      sweepPoint: null,
      start: null,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
      startedAt: null,
      finishedAt: null,
      archivedAt: null,
      heartbeatAgeMs: null,
      heldBy: null,
      arms: [],
    });
    expect((await request(app).get(response.headers['location'] as string)).body).toEqual(job);
  });

  it('names each unknown field by its own pointer, nested ones too', async () => {
    const body = { ...minimal, modle: 'x', intervention: { probabilty: 1 }, training: { 'a/b~c': 1 } };
    expect(await faultsOf(body)).toEqual([
      { pointer: '/intervention/probabilty', detail: 'there is no such field' },
      { pointer: '/training/a~1b~0c', detail: 'there is no such field' },
      { pointer: '/modle', detail: 'there is no such field' },
    ]);
  });

  it('points at wrong types, values out of range and missing fields', async () => {
    const faults = await faultsOf({
      model: 'nano-1m',
      checkpoint: '1330',
      intervention: { probability: 1.5, direction: 'sideways' },
      arms: ['control', 'pacebo'],
      training: { microBatchSize: 'many' },
    });
    expect(faults).toEqual(
      expect.arrayContaining([
        { pointer: '/checkpoint', detail: 'a checkpoint is written stepN, for example step133000' },
        { pointer: '/dataset', detail: 'this field is required' },
        { pointer: '/intervention/probability', detail: 'Too big: expected number to be <=1' },
        { pointer: '/intervention/direction', detail: expect.stringContaining('"masculine-to-feminine"') as string },
        { pointer: '/arms/1', detail: expect.stringContaining('"control"') as string },
        { pointer: '/training/microBatchSize', detail: expect.stringMatching(/"auto", or: .*number/) as string },
      ]),
    );
    expect(faults).toHaveLength(6);
  });

  it('points at an impossible window and at a start given twice or not at all', async () => {
    expect(await faultsOf({ ...minimal, window: { to: 1330 } })).toMatchObject([{ pointer: '/window/to' }]);
    expect(await faultsOf({ ...minimal, window: { finalFraction: 0.07 } })).toMatchObject([
      { pointer: '/window/finalFraction' },
    ]);
    expect(await faultsOf({ model: 'nano-1m', dataset: 'nano-corpus' })).toMatchObject([{ pointer: '/checkpoint' }]);
  });

  it('points at what only the catalog can tell', async () => {
    expect(await faultsOf({ ...minimal, model: 'pythia-70b', window: { to: 2000 } })).toEqual([
      { pointer: '/model', detail: 'no model "pythia-70b" is registered' },
      { pointer: '/window/to', detail: 'nano-1m ends at step 1430' },
    ]);
  });

  it('points at text that the database could not hold', async () => {
    for (const name of ['nul \0', 'half \ud83d']) {
      expect(await faultsOf({ ...minimal, name })).toMatchObject([{ pointer: '/name' }]);
    }
    await submit({ name: 'whole 😀 and the six characters \\u0000' });
  });

  it.each([[null], [[]], [5], ['text']])('refuses the document %j as a whole', async (body) => {
    expect(await faultsOf(body)).toMatchObject([{ pointer: '' }]);
  });

  it('answers malformed JSON, a missing body, another type and a huge one with a problem each', async () => {
    const post = () => request(app).post('/v1/jobs');
    const malformed = await post().type('json').send('{"model": "nano');
    expect(malformed.body).toEqual({
      type: 'about:blank',
      status: 400,
      title: 'Malformed JSON',
      detail: 'the body is not valid JSON',
    });
    expect((await post()).body).toMatchObject({ status: 400, title: 'Bad request' });
    expect((await post().type('form').send('model=nano')).body).toMatchObject({ status: 400, title: 'Bad request' });
    const huge = await post().send({ ...minimal, name: 'x'.repeat(1_100_000) });
    expect(huge.body).toMatchObject({ status: 413, title: 'Body too large' });
    for (const response of [malformed, huge]) expect(response.type).toBe('application/problem+json');
  });

  it('refuses what a page of another site sends', async () => {
    const response = await request(app).post('/v1/jobs').set('sec-fetch-site', 'cross-site').send(minimal);
    expect(response.status).toBe(403);
    expect(await database.prisma.job.count()).toBe(0);
    expect((await request(app).post('/v1/jobs').set('sec-fetch-site', 'same-origin').send(minimal)).status).toBe(201);
  });
});

describe('GET /v1/jobs', () => {
  it('lists newest first, in pages', async () => {
    const ids = [await submit(), await submit(), await submit()];
    const first = (await request(app).get('/v1/jobs?limit=2')).body as Page;
    expect(first.jobs.map((job) => job.id)).toEqual([ids[2], ids[1]]);
    const second = (await request(app).get(`/v1/jobs?limit=2&cursor=${first.nextCursor}`)).body as Page;
    expect(second.jobs.map((job) => job.id)).toEqual([ids[0]]);
    expect(second.nextCursor).toBeNull();
  });

  it('lists in every order, whole over its pages, whatever names and priorities are equal', async () => {
    const wanted = [
      { name: 'b', priority: 0 },
      { name: 'a', priority: 5 },
      { name: 'b', priority: 5 },
      { name: 'a', priority: -1 },
      { name: 'c', priority: 0 },
    ];
    for (const job of wanted) await submit(job);
    const orders = {
      newest: [4, 3, 2, 1, 0],
      oldest: [0, 1, 2, 3, 4],
      name: [3, 1, 2, 0, 4],
      priority: [2, 1, 4, 0, 3],
    };
    for (const [sort, places] of Object.entries(orders)) {
      const listed: unknown[] = [];
      let cursor: string | null = null;
      do {
        const query: string = `sort=${sort}&limit=2${cursor === null ? '' : `&cursor=${cursor}`}`;
        const page = (await request(app).get(`/v1/jobs?${query}`)).body as Page;
        listed.push(...page.jobs.map(({ name, priority }) => ({ name, priority })));
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect([sort, listed]).toEqual([sort, places.map((place) => wanted[place])]);
    }
    expect((await request(app).get(`/v1/jobs?sort=name&cursor=${UNKNOWN}`)).status).toBe(404);
  });

  it('filters by state', async () => {
    const [first] = [await submit(), await submit()];
    await takeJob(database);
    const running = (await request(app).get('/v1/jobs?state=running')).body as Page;
    expect(running.jobs.map((job) => job.id)).toEqual([first]);
    expect(((await request(app).get('/v1/jobs?state=failed')).body as Page).jobs).toEqual([]);
  });

  it.each([
    'state=done',
    'limit=0',
    'limit=1000',
    'limit=x',
    'cursor=abc',
    'sweep=1',
    'stat=queued',
    'state=failed&state=queued',
  ])('refuses the query %s', async (query) => {
    const response = await request(app).get(`/v1/jobs?${query}`);
    expect(response.body).toMatchObject({ status: 400, title: 'Bad request' });
    expect((response.body as { detail: string }).detail).toContain(query.split('=')[0]);
  });
});

interface Page {
  readonly jobs: readonly { id: string; name: string; priority: number }[];
  readonly nextCursor: string | null;
}

describe('GET /v1/jobs/:id', () => {
  it('shows plan, progress, arms and the age of the heartbeat while a worker has it', async () => {
    const id = await submit();
    const fence = await takeJob(database);
    await setPlan(database, fence, { microBatchSize: 4 });
    const progress = {
      arms: { control: { step: 1340, from: 1330, to: 1430, lossNats: 2, tokensPerSecond: 9, phase: 'training' } },
      secondsLeft: 60,
    };
    await beat(database, fence, 60_000, progress);
    const { body } = await request(app).get(`/v1/jobs/${id}`);
    expect(body).toMatchObject({
      state: 'running',
      attempt: 1,
      plan: { microBatchSize: 4 },
      progress,
      arms: [
        { arm: 'control', state: 'queued', fromStep: 1330, toStep: 1430, step: 1330 },
        { arm: 'intervention', state: 'queued', fromStep: 1330, toStep: 1430, step: 1330 },
      ],
    });
    expect((body as { heartbeatAgeMs: number }).heartbeatAgeMs).toBeGreaterThanOrEqual(0);
    await settle(database, fence, 'failed', { reason: 'out-of-memory', message: 'words' });
    const after = (await request(app).get(`/v1/jobs/${id}`)).body as object;
    expect(after).toMatchObject({ state: 'failed', reason: 'out-of-memory', message: 'words', heartbeatAgeMs: null });
  });

  it.each(['', '/events', '/metrics', '/scores', '/items', '/edits', '/checkpoints', '/manifest'])(
    'answers 404 for an unknown job%s',
    async (part) => {
      for (const id of [UNKNOWN, 'no-uuid', '%27--']) {
        const response = await request(app).get(`/v1/jobs/${id}${part}`);
        expect(response.status).toBe(404);
        expect(response.type).toBe('application/problem+json');
      }
    },
  );
});

describe('POST /v1/jobs/:id/retry', () => {
  it('queues a failed job again, with its plan, its attempts and its runs', async () => {
    const id = await submit();
    const fence = await takeJob(database);
    await setPlan(database, fence, { from: 1330 });
    await settle(database, fence, 'failed', { reason: 'storage', message: 'the disk is full' });
    const response = await request(app).post(`/v1/jobs/${id}/retry`);
    expect(response.status).toBe(202);
    const queued = { id, state: 'queued', reason: null, message: null, finishedAt: null, attempt: 1 };
    expect(response.body).toMatchObject({ ...queued, plan: { from: 1330 } });
    expect((response.body as { arms: { state: string }[] }).arms.map(({ state }) => state)).toEqual([
      'queued',
      'queued',
    ]);
    expect(await takeJob(database)).toMatchObject({ jobId: id, attempt: 2 });
  });

  it('refuses a job that has not failed, and one that would fail the same way', async () => {
    const id = await submit();
    const early = await request(app).post(`/v1/jobs/${id}/retry`);
    expect(early.body).toMatchObject({ status: 409, detail: `job ${id} is queued: only a failed job is retried` });
    await settle(database, await takeJob(database), 'failed', { reason: 'no-edits', message: 'none' });
    const late = await request(app).post(`/v1/jobs/${id}/retry`);
    expect(late.body).toMatchObject({ status: 409, detail: expect.stringContaining('changed no pronoun') as string });
    expect((await request(app).post(`/v1/jobs/${UNKNOWN}/retry`)).status).toBe(404);
  });
});

describe('POST /v1/jobs/:id/cancel', () => {
  it('cancels a queued job at once', async () => {
    const id = await submit();
    const response = await request(app).post(`/v1/jobs/${id}/cancel`);
    expect(response.status).toBe(202);
    expect(response.body).toMatchObject({ id, state: 'cancelled' });
  });

  it('asks the worker of a running job, and says again what it said when asked twice', async () => {
    const id = await submit();
    const fence = await takeJob(database);
    for (let time = 0; time < 2; time++) {
      const response = await request(app).post(`/v1/jobs/${id}/cancel`);
      expect(response.status).toBe(202);
      expect(response.body).toMatchObject({ state: 'cancelling' });
    }
    await settle(database, fence, 'cancelled');
    const late = await request(app).post(`/v1/jobs/${id}/cancel`);
    expect(late.body).toMatchObject({ status: 409, detail: `job ${id} is over: it was cancelled` });
  });

  it('answers 404 for an unknown job', async () => {
    expect((await request(app).post(`/v1/jobs/${UNKNOWN}/cancel`)).status).toBe(404);
  });
});
