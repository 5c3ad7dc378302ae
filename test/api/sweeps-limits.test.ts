// What bounds a sweep: jobs at work at once, whoever claims; a budget of updates or hours; and the orders for the whole.
import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import { claim, release, settle, type ClaimedJob } from '../../src/store/leases.ts';
import { recordSteps } from '../../src/store/records.ts';
import { ensureRun } from '../../src/store/runs.ts';
import { testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someStep, until } from '../support/jobs.ts';

const database = await testDatabase();
const app = testApp(database);
const base = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-corpus', intervention: { probability: 0.5 } };

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

interface Sweep {
  readonly id: string;
  readonly state: string;
  readonly heldBy: string | null;
  readonly used: { readonly steps: number; readonly hours: number };
  readonly jobsByState: Readonly<Record<string, number>>;
}

async function submit(numJobs: number, document: object = {}): Promise<string> {
  const grid = { 'intervention.seed': Array.from({ length: numJobs }, (_, i) => i) };
  const { status, body } = await request(app)
    .post('/v1/sweeps')
    .send({ base, grid, ...document });
  expect(status).toBe(201);
  return (body as { sweep: Sweep }).sweep.id;
}

const take = (owner = 'a') => claim(database, { owner, host: 'h', pid: 1 }, 60_000);

async function takeOrFail(): Promise<ClaimedJob> {
  const job = await take();
  if (job === undefined) throw new Error('nothing to claim');
  return job;
}

async function read(id: string): Promise<Sweep> {
  return ((await request(app).get(`/v1/sweeps/${id}`)).body as { sweep: Sweep }).sweep;
}

async function order(id: string, verb: string): Promise<{ status: number; detail: string; sweep: Sweep }> {
  const { status, body } = await request(app).post(`/v1/sweeps/${id}/${verb}`);
  return { status, detail: (body as { detail?: string }).detail ?? '', sweep: body as Sweep };
}

const messages = async () => {
  const jobs = await database.prisma.job.findMany({ orderBy: { id: 'asc' }, select: { state: true, message: true } });
  return jobs.map(({ state, message }) => `${state}${message === null ? '' : `: ${message}`}`);
};

describe('maxParallel', () => {
  it('is never exceeded by workers that claim at once, and is used to the full', { timeout: 60_000 }, async () => {
    const id = await submit(40, { maxParallel: 3 });
    // As many at once as the pool has connections: more would wait for one, not for each other.
    const claims = await Promise.all(Array.from({ length: 10 }, (_, i) => take(`worker ${i}`)));
    const taken = claims.filter((job) => job !== undefined);
    expect(new Set(taken.map((job) => job.id)).size).toBe(3);
    expect(await read(id)).toMatchObject({ heldBy: 'maxParallel', jobsByState: { running: 3, queued: 37 } });
    // Each that ends makes place for one, among workers that claim while others settle.
    let open = [...taken];
    for (let round = 0; round < 6; round++) {
      const settling = open.map((job) => settle(database, job.fence, 'succeeded'));
      const claiming = Array.from({ length: 7 }, (_, i) => take(`worker ${round} ${i}`));
      const more = (await Promise.all(claiming)).filter((job) => job !== undefined);
      await Promise.all(settling);
      for (let job = await take(); job !== undefined; job = await take()) more.push(job);
      expect(more.length).toBe(3);
      expect((await read(id)).jobsByState['running']).toBe(3);
      open = more;
    }
  });

  it('holds for one sweep alone: others and single jobs are taken past it', async () => {
    const first = await submit(3, { maxParallel: 1 });
    const second = await submit(2);
    const sweeps = [];
    for (let job = await take(); job !== undefined; job = await take()) {
      sweeps.push((await database.prisma.job.findUniqueOrThrow({ where: { id: job.id } })).sweepId);
    }
    expect(sweeps).toEqual([first, second, second]);
  });

  it('counts a job that was preempted again when it is taken again', async () => {
    await submit(3, { maxParallel: 1 });
    const first = await takeOrFail();
    await release(database, first.fence);
    const next = await takeOrFail();
    expect(next.id).toBe(first.id);
    expect(await take()).toBeUndefined();
  });

  it('can be changed', async () => {
    const id = await submit(3, { maxParallel: 1 });
    await takeOrFail();
    expect(await take()).toBeUndefined();
    expect((await request(app).patch(`/v1/sweeps/${id}`).send({ maxParallel: null })).status).toBe(200);
    expect(await take()).toBeDefined();
    expect(await take()).toBeDefined();
  });
});

describe('a budget', () => {
  it('of updates of trained arms begins nothing once it is spent, and lets what was begun go on', async () => {
    const id = await submit(4, { budget: { steps: 30 } });
    const [first, second] = [await takeOrFail(), await takeOrFail()];
    for (const arm of ['control', 'intervention'] as const) {
      await ensureRun(database, first.fence, arm, { fromStep: 1330, toStep: 1430 });
      await recordSteps(
        database,
        first.fence,
        arm,
        Array.from({ length: 14 }, (_, i) => someStep(1330 + i)),
      );
    }
    expect(await read(id)).toMatchObject({ used: { steps: 28 }, heldBy: null });
    await ensureRun(database, second.fence, 'control', { fromStep: 1330, toStep: 1430 });
    await recordSteps(database, second.fence, 'control', [someStep(1330), someStep(1331)]);
    expect(await read(id)).toMatchObject({ used: { steps: 30 }, heldBy: 'budget' });
    expect(await take()).toBeUndefined();
    await release(database, second.fence);
    expect((await take())?.id).toBe(second.id);
    expect(await take()).toBeUndefined();
    await request(app)
      .patch(`/v1/sweeps/${id}`)
      .send({ budget: { steps: 31 } });
    expect(await take()).toBeDefined();
  });

  it('of hours counts the wall time of every attempt, those under way included', async () => {
    const id = await submit(3, { budget: { hours: 2 } });
    const [first] = [await takeOrFail(), await takeOrFail()];
    await settle(database, first.fence, 'failed', { reason: 'program' });
    const spend = (job: string, interval: string, end: string) =>
      database.pool.query(
        `UPDATE attempt SET started_at = clock_timestamp() - $2::interval, finished_at = ${end} WHERE job_id = $1`,
        [job, interval],
      );
    await spend(first.id, '2.5 hours', "clock_timestamp() - interval '1.5 hours'"); // one hour
    expect((await read(id)).used.hours).toBeCloseTo(1, 2);
    await database.pool.query(
      "UPDATE attempt SET started_at = clock_timestamp() - interval '61 minutes' WHERE job_id <> $1",
      [first.id],
    );
    const { used, heldBy } = await read(id);
    expect(used.hours).toBeCloseTo(2 + 1 / 60, 2);
    expect(heldBy).toBe('budget');
    expect(await take()).toBeUndefined();
  });
});

describe('PATCH /v1/sweeps/:id', () => {
  it('changes what is given and leaves the rest; null takes a bound away', async () => {
    const id = await submit(2, { maxParallel: 2, budget: { steps: 10, hours: 3 } });
    const change = async (document: object) => {
      const { status, body } = await request(app).patch(`/v1/sweeps/${id}`).send(document);
      return [status, (body as { budget?: object }).budget, (body as { maxParallel?: number }).maxParallel];
    };
    expect(await change({ budget: { steps: 20 } })).toEqual([200, { steps: 20, hours: 3 }, 2]);
    expect(await change({ budget: { steps: null } })).toEqual([200, { steps: null, hours: 3 }, 2]);
    expect(await change({ budget: null, maxParallel: null })).toEqual([200, null, null]);
    expect((await change({ budget: { steps: 0 } }))[0]).toBe(422);
    expect((await change({ stop: null }))[0]).toBe(422);
  });
});

describe('orders for a sweep', () => {
  it('pause begins nothing and lets those at work go on; resume begins again', async () => {
    const id = await submit(3);
    const first = await takeOrFail();
    expect(await order(id, 'pause')).toMatchObject({ status: 202, sweep: { state: 'paused', heldBy: 'pause' } });
    expect(await take()).toBeUndefined();
    await release(database, first.fence);
    expect((await take())?.id).toBe(first.id); // begun before
    expect(await take()).toBeUndefined();
    expect(await order(id, 'resume')).toMatchObject({ status: 202, sweep: { state: 'active', heldBy: null } });
    expect(await take()).toBeDefined();
    const { status, detail } = await order(id, 'resume');
    expect([status, detail]).toEqual([409, `sweep ${id} is active: only a paused sweep is resumed`]);
  });

  it('stop lets those at work finish and cancels the rest, which say so', async () => {
    const id = await submit(3);
    const first = await takeOrFail();
    expect(await order(id, 'stop')).toMatchObject({ status: 202, sweep: { state: 'stopped' } });
    const rest = 'cancelled: the sweep was stopped before the job began';
    expect(await messages()).toEqual(['running', rest, rest]);
    expect(await order(id, 'pause')).toMatchObject({ status: 409 });
    await release(database, first.fence);
    expect((await take())?.id).toBe(first.id);
    await settle(database, { ...first.fence, attempt: 2 }, 'succeeded');
    expect(await order(id, 'stop')).toMatchObject({
      ...{ status: 409, detail: `sweep ${id} is over: all its jobs have ended` },
    });
  });

  it('cancel ends all: those that wait at once, those at work by their workers', async () => {
    const id = await submit(3, { maxParallel: 1 });
    await takeOrFail();
    await order(id, 'pause');
    expect(await order(id, 'cancel')).toMatchObject({ status: 202, sweep: { state: 'cancelled' } });
    const rest = 'cancelled: the sweep was cancelled before the job began';
    expect(await messages()).toEqual(['cancelling', rest, rest]);
    expect((await order(id, 'cancel')).status).toBe(202); // its worker has not answered yet
    expect(await order(id, 'stop')).toMatchObject({ status: 409, detail: `sweep ${id} is being cancelled` });
    expect((await request(app).patch(`/v1/sweeps/${id}`).send({ maxParallel: 2 })).status).toBe(409);
  });

  it('are refused for no sweep', async () => {
    for (const id of ['01900000-0000-7000-8000-000000000000', 'no-uuid']) {
      for (const verb of ['pause', 'resume', 'stop', 'cancel']) expect((await order(id, verb)).status).toBe(404);
      expect((await request(app).patch(`/v1/sweeps/${id}`).send({ name: 'x' })).status).toBe(404);
    }
  });

  it('are seen by a claim that chose its job before them', async () => {
    const id = await submit(2);
    const client = await database.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query("UPDATE sweep SET state = 'paused' WHERE id = $1", [id]); // as a pause does
      const claiming = take();
      await until(async () => {
        const { rows } = await database.pool.query(
          "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        return rows.length > 0;
      });
      await client.query('COMMIT');
      expect(await claiming).toBeUndefined();
    } finally {
      client.release();
    }
  });
});

describe('the limits of a document', () => {
  it.each([
    [{ maxParallel: 0 }, '/maxParallel'],
    [{ budget: {} }, '/budget'],
    [{ budget: { steps: 1.5 } }, '/budget/steps'],
    [{ budget: { hours: -1 } }, '/budget/hours'],
    [{ budget: { minutes: 3 } }, '/budget/minutes'],
  ])('are refused where they are faulty: %j', async (document, pointer) => {
    const grid = { 'intervention.seed': [1] };
    const { status, body } = await request(app)
      .post('/v1/sweeps')
      .send({ base, grid, ...document });
    expect(status).toBe(422);
    expect((body as { errors: { pointer: string }[] }).errors.map((fault) => fault.pointer)).toContain(pointer);
    expect(await database.prisma.sweep.count()).toBe(0);
  });
});
