// Stop rules on fabricated scores: which points they settle, which jobs are then not needed, and that a look is made once whoever dies.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import { lookAtSweeps } from '../../jobs/sweep.ts';
import { runWorker } from '../../jobs/worker.ts';
import { createApp } from '../../src/api/app.ts';
import { TransientError } from '../../src/errors.ts';
import type { Database } from '../../src/store/database.ts';
import { claim, settle } from '../../src/store/leases.ts';
import { smallCatalog, somePage } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { until } from '../support/jobs.ts';
import { BENCHMARK, modelOf, score, takeNext } from '../support/sweeps.ts';

const database = await testDatabase();
const catalog = { ...smallCatalog, checkSpec: () => [] }; // models of several seeds
const app = createApp({ database, catalog, webFolder: somePage() });
const base = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' };
const replicates = [1, 2, 3].map((seed) => ({ model: modelOf(seed) }));

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

/** Log-odds of 24 occupations, and those whose mean lies `shift` below, each moved a little otherwise. */
const before = Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? 2 : -2) + ((i * 7) % 5) / 10);
const movedBy = (shift: number) => before.map((odds, i) => odds - shift - (((i * 5) % 24) - 11.5) / 500);

interface Job {
  readonly id: string;
  readonly state: string;
  readonly message: string | null;
}
interface Answer {
  readonly sweep: {
    readonly id: string;
    readonly state: string;
    readonly message: string | null;
    readonly heldBy: string | null;
    readonly settled: readonly { readonly point: object; readonly found: Found; readonly numCancelled: number }[];
  };
  readonly jobs: readonly Job[];
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}
interface Found {
  readonly value: number;
  readonly interval: readonly [number, number];
  readonly over: string;
  readonly numReplicates: number;
}

async function submit(document: object): Promise<string> {
  const { status, body } = await request(app).post('/v1/sweeps').send(document);
  expect(status, JSON.stringify(body)).toBe(201);
  return (body as Answer).sweep.id;
}

const read = async (id: string) => (await request(app).get(`/v1/sweeps/${id}`)).body as Answer;

/** Trains the next job: its effect on the log-odds is −shift. */
async function train(shift: number): Promise<void> {
  await score(database, await takeNext(database), { control: before, intervention: movedBy(shift) });
}

const take = () => claim(database, { owner: 'b', host: 'h', pid: 2 }, 60_000);

const rule = (bound: object) => ({ benchmark: BENCHMARK, metric: 'logOdds', ...bound });

describe('the rule intervalNarrowerThan', () => {
  it('settles a point by the interval over model seeds, and only that point', async () => {
    const grid = { 'intervention.probability': [0.5, 1] };
    const id = await submit({ base, grid, replicates, stop: [rule({ intervalNarrowerThan: 0.5 })] });
    await train(1.0);
    await lookAtSweeps(database);
    expect((await read(id)).sweep.settled).toEqual([]); // one seed has no interval over seeds
    await train(1.01);
    await lookAtSweeps(database);
    const { sweep, jobs } = await read(id);
    // Effects −1 and −1.01: half a width of t(0.975, 1) × 0.005 = 0.0635.
    expect(sweep.settled).toMatchObject([
      {
        point: { 'intervention.probability': 0.5 },
        numCancelled: 1,
        found: { value: expect.closeTo(-1.005, 9) as number, over: 'model seeds', numReplicates: 2 },
      },
    ]);
    expect(sweep.settled[0]!.found.interval[1]).toBeCloseTo(-1.005 + 12.7062 * 0.005, 4);
    expect(jobs.map(({ state }) => state)).toEqual([
      'succeeded',
      'succeeded',
      'cancelled',
      'queued',
      'queued',
      'queued',
    ]);
    expect(jobs[2]!.message).toBe(
      'not needed: at {"intervention.probability":0.5} the 95 % interval of the effect on nano-winobias logOdds over 2 model seeds is ' +
        '[-1.069, -0.9415], narrower than 0.5',
    );
    const { body: results } = await request(app).get(`/v1/sweeps/${id}/results`);
    expect((results as { labels: object[] }).labels).toMatchObject([
      {
        label: 'stopped by a rule',
        detail: expect.stringMatching(/^1 point met a rule, 1 job was not begun: .*less than 95 %/) as string,
      },
    ]);
    // The other point has wide intervals to its end.
    for (const shift of [1, 1.5, 2]) {
      await train(shift);
      await lookAtSweeps(database);
    }
    const after = await read(id);
    expect(after.sweep.settled).toHaveLength(1);
    expect(after.jobs.map(({ state }) => state).filter((state) => state === 'succeeded')).toHaveLength(5);
    expect(await take()).toBeUndefined();
  });

  it('waits for as many replicates as it asks for', async () => {
    const grid = { 'intervention.probability': [0.5] };
    const stop = [rule({ intervalNarrowerThan: 5, minReplicates: 3 })];
    const id = await submit({ base, grid, replicates: [...replicates, { model: modelOf(4) }], stop });
    for (const [shift, numCancelled] of [
      [1, 0],
      [1.01, 0],
      [1.02, 1],
    ] as const) {
      await train(shift);
      await lookAtSweeps(database);
      const { jobs } = await read(id);
      expect(jobs.filter(({ state }) => state === 'cancelled')).toHaveLength(numCancelled);
    }
  });

  it('settles a point of a single job by its own interval over items', async () => {
    const grid = { 'intervention.probability': [0.5, 1] };
    const id = await submit({ base, grid, stop: [rule({ intervalNarrowerThan: 0.1 })] });
    await train(1);
    await lookAtSweeps(database);
    const { sweep, jobs } = await read(id);
    expect(sweep.settled).toMatchObject([{ numCancelled: 0, found: { over: 'items', numReplicates: 1 } }]);
    const { interval } = sweep.settled[0]!.found;
    const { body } = await request(app).get(`/v1/jobs/${jobs[0]!.id}/scores`);
    const { effects } = body as { effects: { metric: string; interval: unknown }[] };
    expect(effects.find(({ metric }) => metric === 'logOdds')!.interval).toEqual([...interval]);
    expect(jobs[1]!.state).toBe('queued');
  });
});

describe('the rule clearlyZero', () => {
  it('is met where the whole interval lies about zero, and not where it is only narrow', async () => {
    const grid = { 'intervention.probability': [0.1, 0.5] };
    const id = await submit({ base, grid, replicates, stop: [rule({ clearlyZero: 0.2 })] });
    for (const shift of [0.001, -0.001]) {
      await train(shift);
      await lookAtSweeps(database);
    }
    const states = async () => (await read(id)).jobs.map(({ state }) => state);
    expect((await states())[2]).toBe('cancelled');
    for (const shift of [0.5, 0.501]) {
      await train(shift);
      await lookAtSweeps(database);
    }
    expect((await states())[5]).toBe('queued');
    expect((await read(id)).sweep.settled.map(({ point }) => point)).toEqual([{ 'intervention.probability': 0.1 }]);
  });
});

describe('a look', () => {
  const document = { base, replicates, stop: [rule({ intervalNarrowerThan: 0.5 })] };

  it('comes before any further job of the sweep is begun', async () => {
    const id = await submit(document);
    await train(1);
    await lookAtSweeps(database);
    await train(1.01);
    expect((await read(id)).sweep.heldBy).toBe('stop rules');
    expect(await take()).toBeUndefined();
    await lookAtSweeps(database);
    expect((await read(id)).jobs.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'cancelled']);
  });

  it('is made by a worker before it takes a job', async () => {
    const id = await submit(document);
    await train(1);
    await lookAtSweeps(database);
    await train(1.01);
    const ending = new AbortController();
    const home = mkdtempSync(join(tmpdir(), 'tiresias-sweep-'));
    const working = runWorker({ database, home, numCores: 1, leaseMs: 60_000, beatMs: 10_000 }, ending.signal);
    await until(async () => (await read(id)).jobs[2]?.state === 'cancelled');
    ending.abort();
    await working;
    rmSync(home, { recursive: true });
    const { rows } = await database.pool.query<{ n: number }>('SELECT count(*)::int AS n FROM attempt');
    expect(rows).toEqual([{ n: 2 }]); // it took none
  });

  it('that breaks off has written nothing and is made again', async () => {
    const id = await submit(document);
    for (const shift of [1, 1.01]) {
      await train(shift);
      const broken: Database = {
        ...database,
        transaction: (work) =>
          database.transaction(async (transaction) => {
            await work(transaction);
            throw new TransientError('the power failed');
          }),
      };
      await expect(lookAtSweeps(broken)).rejects.toThrow('the power failed');
      expect((await read(id)).jobs.some(({ state }) => state === 'cancelled')).toBe(false);
      expect(await take()).toBeUndefined(); // still to be looked at
      await lookAtSweeps(database);
    }
    expect((await read(id)).sweep.settled).toMatchObject([{ numCancelled: 1 }]);
  });

  it('by several workers at once settles a point once', async () => {
    const id = await submit(document);
    await train(1);
    await lookAtSweeps(database);
    await train(1.01);
    await Promise.all(Array.from({ length: 5 }, () => lookAtSweeps(database)));
    const { sweep, jobs } = await read(id);
    expect(sweep.settled).toMatchObject([{ numCancelled: 1 }]);
    const events = await database.prisma.event.findMany({ where: { jobId: jobs[2]!.id, type: 'state' } });
    expect(events.map(({ data }) => (data as { state: string }).state)).toEqual(['queued', 'cancelled']);
  });

  it('leaves a job that was begun to its end', async () => {
    const id = await submit(document);
    const fences = [await takeNext(database), await takeNext(database), await takeNext(database)];
    for (const [i, shift] of [1, 1.01].entries())
      await score(database, fences[i]!, { control: before, intervention: movedBy(shift) });
    await lookAtSweeps(database);
    expect((await read(id)).sweep.settled).toMatchObject([{ numCancelled: 0 }]);
    await settle(database, fences[2]!, 'succeeded');
  });

  it('that cannot be made pauses the sweep, which says why', async () => {
    const id = await submit({ base, grid: { 'intervention.probability': [0.5, 1] }, stop: document.stop });
    await train(1);
    await database.pool.query(
      "UPDATE evaluation SET items = '[]' FROM run WHERE run.id = run_id AND run.arm = 'control' AND evaluation.step = 1430",
    );
    await lookAtSweeps(database);
    const { sweep } = await read(id);
    expect(sweep.state).toBe('paused');
    expect(sweep.message).toMatch(/^its stop rules could not be looked at: evaluations of 24 and of 0 items/);
    expect(await take()).toBeUndefined();
  });
});

describe('faulty rules', () => {
  const fault = async (document: object) => {
    const { status, body } = await request(app)
      .post('/v1/sweeps')
      .send({ base, replicates, ...document });
    expect(status).toBe(422);
    return (body as Answer).errors!;
  };
  it.each([
    [{ stop: [] }, '/stop'],
    [{ stop: [rule({})] }, '/stop/0'],
    [{ stop: [rule({ intervalNarrowerThan: 1, clearlyZero: 1 })] }, '/stop/0'],
    [{ stop: [rule({ intervalNarrowerThan: 0 })] }, '/stop/0/intervalNarrowerThan'],
    [{ stop: [{ ...rule({ clearlyZero: 1 }), metric: 'perplexity' }] }, '/stop/0/metric'],
    [{ stop: [rule({ clearlyZero: 1, narrow: 2 })] }, '/stop/0/narrow'],
    [{ stop: [rule({ clearlyZero: 1 })], base: { ...base, arms: ['intervention'] } }, '/stop/0'],
    [
      { stop: [rule({ clearlyZero: 1 })], base: { ...base, evaluation: { benchmarks: ['nano-crows-pairs'] } } },
      '/stop/0/benchmark',
    ],
  ])('are refused: %j', async (document, pointer) => {
    expect((await fault(document)).map((one) => one.pointer)).toEqual([pointer]);
  });
});
