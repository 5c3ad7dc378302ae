import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import { recordCheckpoint } from '../../src/store/records.ts';
import { beat, settle } from '../../src/store/leases.ts';
import { takeJob, testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';

const database = await testDatabase();
const app = testApp(database);
const minimal = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-corpus' };
const UNKNOWN = '01900000-0000-7000-8000-000000000000';

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep, idempotency_key CASCADE');
});

interface JobAnswer {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly spec: Record<string, unknown>;
}

async function submit(changes: object = {}): Promise<string> {
  const { status, body } = await request(app)
    .post('/v1/jobs')
    .send({ ...minimal, ...changes });
  expect(status).toBe(201);
  return (body as { job: JobAnswer }).job.id;
}

async function list(query: string): Promise<string[]> {
  const { status, body } = await request(app).get(`/v1/jobs?${query}`);
  expect(status).toBe(200);
  return (body as { jobs: JobAnswer[] }).jobs.map(({ id }) => id);
}

const pointersOf = (body: unknown) => (body as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer);

describe('pause and resume over HTTP', () => {
  it('answer with the job, and with 409 where there is nothing to pause or resume', async () => {
    const id = await submit();
    const post = (action: string, job = id) => request(app).post(`/v1/jobs/${job}/${action}`);
    const paused = await post('pause');
    expect([paused.status, paused.body]).toMatchObject([202, { id, state: 'paused' }]);
    expect((await post('resume')).body).toMatchObject({ state: 'queued', message: null });
    expect((await post('resume')).body).toMatchObject({ status: 409, title: 'Conflict' });
    expect((await post('pause', UNKNOWN)).status).toBe(404);
  });
});

describe('PATCH /v1/jobs/:id', () => {
  it('changes what is given, and the next claim goes by the new priority', async () => {
    const [, second] = [await submit(), await submit({ tags: ['pilot'] })];
    const changes = { name: 'renamed', priority: 7, tags: ['pilot', 'für-später'] };
    const { status, body } = await request(app).patch(`/v1/jobs/${second}`).send(changes);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: second, ...changes, archivedAt: null, spec: { priority: 0, tags: ['pilot'] } });
    expect(await takeJob(database)).toMatchObject({ jobId: second });
  });

  it('archives a job that is over, and no other; and takes that back', async () => {
    const id = await submit();
    const archive = (archived: boolean) => request(app).patch(`/v1/jobs/${id}`).send({ archived });
    expect((await archive(true)).body).toMatchObject({
      status: 409,
      detail: expect.stringContaining('queued') as string,
    });
    await settle(database, await takeJob(database), 'succeeded');
    const first = (await archive(true)).body as { archivedAt: string };
    expect(first.archivedAt).toMatch(/^\d{4}-.*Z$/);
    expect((await archive(true)).body).toMatchObject({ archivedAt: first.archivedAt });
    expect([await list(''), await list('archived=only'), await list('archived=all')]).toEqual([[], [id], [id]]);
    expect((await archive(false)).body).toMatchObject({ archivedAt: null });
    expect(await list('')).toEqual([id]);
  });

  it('points at what cannot be changed', async () => {
    const id = await submit();
    const { status, body } = await request(app)
      .patch(`/v1/jobs/${id}`)
      .send({ state: 'failed', priority: 101, tags: ['a b', 'c'], spec: {} });
    expect(status).toBe(422);
    expect(pointersOf(body).sort()).toEqual(['/priority', '/spec', '/state', '/tags/0']);
    expect((await request(app).patch(`/v1/jobs/${UNKNOWN}`).send({})).status).toBe(404);
  });
});

describe('filters of GET /v1/jobs', () => {
  it('find by each property, together by all of them', async () => {
    const plain = await submit({ name: 'A plain one' });
    const tagged = await submit({ name: '100 % swapped_', tags: ['x', 'y'], intervention: { direction: 'swap' } });
    const neutral = await submit({ intervention: { policy: 'neutral-v1', direction: 'neutral' }, tags: ['x'] });
    expect(await list('tag=x')).toEqual([neutral, tagged]);
    expect(await list('tag=x&direction=swap')).toEqual([tagged]);
    expect(await list('policy=neutral-v1')).toEqual([neutral]);
    expect(await list('model=nano-1m')).toEqual([neutral, tagged, plain]);
    expect(await list('dataset=other')).toEqual([]);
    expect(await list('name=PLAIN')).toEqual([plain]);
    // % and _ are themselves, not wild cards.
    expect(await list('name=%25')).toEqual([tagged]);
    expect(await list('name=_')).toEqual([tagged]);
    expect(await list('name=%5C')).toEqual([]);
    const moment = encodeURIComponent(new Date(Date.now() - 3_600_000).toISOString());
    expect([(await list(`createdAfter=${moment}`)).length, await list(`createdBefore=${moment}`)]).toEqual([3, []]);
    await settle(database, await takeJob(database), 'failed', { reason: 'storage' });
    expect(await list('reason=storage')).toEqual([plain]);
  });

  it('hold over pages', async () => {
    const ids = [];
    for (let n = 0; n < 5; n++) ids.unshift(await submit({ tags: [n % 2 === 0 ? 'even' : 'odd'] }));
    const found: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const after: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body } = await request(app).get(`/v1/jobs?tag=even&limit=1${after}`);
      const page = body as { jobs: JobAnswer[]; nextCursor: string | null };
      found.push(...page.jobs.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(found).toEqual([ids[0], ids[2], ids[4]]);
  });
});

describe('an Idempotency-Key', () => {
  const send = (path: string, key: string, body: object) =>
    request(app).post(path).set('idempotency-key', key).send(body);

  it('makes one job of the same request sent again, in whatever order its fields come', async () => {
    const first = await send('/v1/jobs', 'k-1', minimal);
    const again = await send('/v1/jobs', 'k-1', Object.fromEntries(Object.entries(minimal).reverse()));
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect(again.headers['location']).toBe(first.headers['location']);
    expect([first.headers['idempotency-replayed'], again.headers['idempotency-replayed']]).toEqual([undefined, 'true']);
    expect(await database.prisma.job.count()).toBe(1);
  });

  it('makes one job of ten requests at once', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => send('/v1/jobs', 'k-2', minimal)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => (body as { job: JobAnswer }).job.id)).size).toBe(1);
    expect(await database.prisma.job.count()).toBe(1);
  });

  it('refuses another request, and is free again after one that was refused', async () => {
    expect((await send('/v1/jobs', 'k-3', { ...minimal, model: 'none' })).status).toBe(422);
    expect((await send('/v1/jobs', 'k-3', minimal)).status).toBe(201);
    const other = await send('/v1/jobs', 'k-3', { ...minimal, name: 'other' });
    expect(other.body).toMatchObject({ status: 409, detail: expect.stringContaining('another request') as string });
    const sweep = { base: minimal, grid: { 'intervention.seed': [1, 2] } };
    expect((await send('/v1/sweeps', 'k-3', sweep)).status).toBe(409);
    expect((await send('/v1/jobs', 'has blanks', minimal)).status).toBe(400);
    expect((await request(app).post('/v1/jobs').send(minimal)).status).toBe(201); // without one, each is new
  });

  it('makes one sweep of two', async () => {
    const sweep = { base: minimal, grid: { 'intervention.probability': [0.25, 0.5] } };
    const [first, again] = [await send('/v1/sweeps', 's-1', sweep), await send('/v1/sweeps', 's-1', sweep)];
    expect(again.body).toEqual(first.body);
    expect(await database.prisma.job.count()).toBe(2);
  });
});

describe('an ETag', () => {
  it('saves an answer that has not changed, and only that', async () => {
    const id = await submit();
    for (const path of [`/v1/jobs/${id}`, '/v1/jobs', `/v1/jobs/${id}/scores`, '/v1/models', '/v1/openapi.json']) {
      const first = await request(app).get(path);
      const etag = first.headers['etag'] as string;
      expect(etag).toMatch(/^W\/"/);
      const again = await request(app).get(path).set('if-none-match', etag);
      expect([again.status, again.text]).toEqual([304, '']);
    }
    const { etag } = (await request(app).get(`/v1/jobs/${id}`)).headers as { etag: string };
    await request(app).patch(`/v1/jobs/${id}`).send({ name: 'other' });
    expect((await request(app).get(`/v1/jobs/${id}`).set('if-none-match', etag)).status).toBe(200);
  });
});

describe('POST /v1/jobs/:id/fork', () => {
  const hash = 'f'.repeat(64);
  async function jobWithCheckpoints(): Promise<string> {
    const id = await submit({ name: 'parent', window: { steps: 50 }, intervention: { direction: 'swap' } });
    const fence = await takeJob(database);
    for (const step of [1340, 1350]) {
      const checkpoint = { step, path: `/home/jobs/${id}/step-${step}`, manifestSha256: hash, sizeBytes: 1 };
      await recordCheckpoint(database, fence, 'intervention', checkpoint);
    }
    await settle(database, fence, 'succeeded');
    await database.pool.query(`UPDATE job SET plan = '{"to": 1380}'`);
    return id;
  }
  const fork = (id: string, body: object) => request(app).post(`/v1/jobs/${id}/fork`).send(body);

  it("makes a job with the parent's spec but for the changes, from the newest checkpoint, which is kept", async () => {
    const id = await jobWithCheckpoints();
    const changes = { arms: ['control'], intervention: { probability: 0.5 }, training: { keepCheckpoints: 5 } };
    const { status, body } = await fork(id, { arm: 'intervention', changes });
    expect(status).toBe(201);
    const { job } = body as { job: JobAnswer };
    expect(job).toMatchObject({
      name: 'parent, from intervention at step 1350',
      state: 'queued',
      start: { job: id, arm: 'intervention', step: 1350, path: `/home/jobs/${id}/step-1350`, manifestSha256: hash },
      spec: { checkpoint: 'step1350', window: { to: 1380 }, arms: ['control'] },
    });
    expect(job.spec['intervention']).toMatchObject({ direction: 'swap', probability: 0.5 });
    expect(await list(`forkedFrom=${id}`)).toEqual([job.id]);
    const pinned = await database.prisma.checkpoint.findMany({ where: { isPinned: true }, select: { step: true } });
    expect(pinned).toEqual([{ step: 1350 }]);
  });

  it('points at a checkpoint that is not there and at impossible changes, and keeps nothing then', async () => {
    const id = await jobWithCheckpoints();
    const nowhere = await fork(id, { arm: 'intervention', step: 1345 });
    expect([nowhere.status, pointersOf(nowhere.body)]).toEqual([422, ['/step']]);
    expect(JSON.stringify(nowhere.body)).toContain('there is: step 1350, step 1340');
    const cases: [object, string][] = [
      [{ model: 'other' }, '/changes/model'],
      [{ checkpoint: 'step1' }, '/changes/checkpoint'],
      [{ window: { to: 1340 } }, '/changes/window/to'],
      [{ window: { to: 9999 } }, '/changes/window/to'],
      [{ nonsense: 1 }, '/changes/nonsense'],
    ];
    for (const [changes, pointer] of cases) {
      const { status, body } = await fork(id, { arm: 'intervention', changes });
      expect([status, pointersOf(body)]).toEqual([422, [pointer]]);
    }
    expect((await fork(id, { arm: 'published' })).status).toBe(422);
    expect((await fork(UNKNOWN, { arm: 'control' })).status).toBe(404);
    expect(await database.prisma.checkpoint.count({ where: { isPinned: true } })).toBe(0);
  });
});

describe('If-Match on PATCH /v1/jobs/:id', () => {
  const etagOf = ({ headers }: request.Response) => headers['etag'] as string;
  const change = (id: string, match: string, changes: object) =>
    request(app).patch(`/v1/jobs/${id}`).set('if-match', match).send(changes);

  it('lets the first of two writers change the job, and the other only after it has read that', async () => {
    const id = await submit({ name: 'first' });
    const [mine, theirs] = [await request(app).get(`/v1/jobs/${id}`), await request(app).get(`/v1/jobs/${id}`)];
    const outcomes = await Promise.all([
      change(id, etagOf(mine), { name: 'mine', priority: 1 }),
      change(id, etagOf(theirs), { name: 'theirs', priority: 2 }),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual([200, 412]);
    const [won, lost] = outcomes[0].status === 200 ? outcomes : [outcomes[1], outcomes[0]];
    expect(lost.body).toMatchObject({ title: 'Precondition failed', status: 412 });
    const now = await request(app).get(`/v1/jobs/${id}`);
    expect(now.body).toMatchObject({ name: (won.body as JobAnswer).name });
    expect((await change(id, etagOf(won), { tags: ['x'] })).status).toBe(200); // the answer of a change has the new one
    expect((await change(id, etagOf(now), { tags: ['y'] })).status).toBe(412);
  });

  it('goes by what can be changed, not by the progress of a job at work', async () => {
    const id = await submit();
    const before = await request(app).get(`/v1/jobs/${id}`);
    const fence = await takeJob(database);
    await beat(database, fence, 60_000, { secondsLeft: 7 });
    const after = await request(app).get(`/v1/jobs/${id}`).set('if-none-match', etagOf(before));
    expect(after.status).toBe(200); // for a cache it is another
    expect((await change(id, etagOf(before), { priority: 3 })).status).toBe(200);
  });

  it('takes a list and *, says of anything else what it wants, and is not needed', async () => {
    const id = await submit();
    const etag = etagOf(await request(app).get(`/v1/jobs/${id}`));
    expect((await change(id, `"other", ${etag}`, { name: 'a' })).status).toBe(200);
    expect((await change(id, '*', { name: 'b' })).status).toBe(200);
    expect((await change(id, 'W/"other"', { name: 'c' })).status).toBe(412);
    const faulty = await change(id, 'other', { name: 'c' });
    expect(faulty.body).toMatchObject({ status: 400, detail: expect.stringContaining('If-Match') as string });
    expect((await request(app).patch(`/v1/jobs/${id}`).send({ name: 'd' })).status).toBe(200);
    expect((await change(UNKNOWN, '*', { name: 'e' })).status).toBe(404);
  });
});
