import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openSlots } from '../../jobs/slots.ts';
import { runWorker, type WorkerOptions } from '../../jobs/worker.ts';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { createJob, getJob, listAttempts } from '../../src/store/jobs.ts';
import { requestCancel, requestPause, requestResume } from '../../src/store/orders.ts';
import { testDatabase } from '../support/database.ts';
import { step, trainer, trainers } from '../support/fake-trainer.ts';
import { someSpec, until } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.mock('../../jobs/executor/local-process.ts', async () => (await import('../support/fake-trainer.ts')).executor);

const database = await testDatabase();
const home = mkdtempSync(join(tmpdir(), 'tiresias-worker-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));

const workers: { readonly stop: () => void; readonly ended: Promise<void> }[] = [];
beforeEach(async () => {
  trainers.length = 0;
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});
afterEach(async () => {
  for (const { stop, ended } of workers.splice(0)) {
    stop();
    await ended;
  }
});

/** A worker in this process, with stand-ins for its trainers; it beats often and its lease is long unless told otherwise. */
function startWorker(changes: Partial<WorkerOptions> = {}) {
  const abort = new AbortController();
  const options = { database, home, numCores: 2, leaseMs: 60_000, beatMs: 20, ...changes };
  const worker = { stop: () => abort.abort(), ended: runWorker(options, abort.signal) };
  workers.push(worker);
  return worker;
}

async function store(changes: Partial<JobSpecInput> = {}): Promise<string> {
  const small: Partial<JobSpecInput> = { window: { steps: 4 }, arms: ['intervention'], evaluation: { benchmarks: [] } };
  const spec = someSpec({ dataset: 'nano-stories', backend: 'wasm', ...small, ...changes });
  return (await createJob(database, { spec })).id;
}

const stateOf = async (id: string) => (await getJob(database, id)).state;
const isOver = (id: string) => until(async () => (await getJob(database, id)).finishedAt !== null, 30_000);

describe('a worker', () => {
  it('takes jobs one after the other, and each ends in exactly one state', async () => {
    const [first, second] = [await store(), await store()];
    startWorker();
    const one = await trainer(0);
    expect([await stateOf(first), await stateOf(second)]).toEqual(['running', 'queued']);
    one.say(step(1330));
    one.finish();
    const two = await trainer(1);
    two.say({ type: 'failed', reason: 'out-of-memory', message: 'wanted more than there is' });
    two.die('exit code 0');
    await isOver(second);
    expect(await getJob(database, first)).toMatchObject({ state: 'succeeded', reason: null, owner: null });
    expect(await getJob(database, second)).toMatchObject({
      ...{ state: 'failed', reason: 'out-of-memory', message: 'intervention: wanted more than there is' },
    });
    expect((await getJob(database, second)).runs.map(({ state }) => state)).toEqual(['failed']);
    for (const id of [first, second]) expect(await listAttempts(database, id)).toHaveLength(1);
  });

  it('fails a job whose names are gone, with words, and goes on to the next', async () => {
    const gone = await store({ model: 'gone' });
    const good = await store();
    startWorker();
    await trainer(0);
    expect(await getJob(database, gone)).toMatchObject({ state: 'failed', reason: 'bad-spec' });
    expect((await getJob(database, gone)).message).toMatch(/no model "gone" is registered/);
    expect(await stateOf(good)).toBe('running');
  });

  it('renews its lease and stores the progress with every heartbeat', async () => {
    const id = await store();
    startWorker({ leaseMs: 5_000 });
    const fake = await trainer(0);
    const leaseOf = async () => (await database.prisma.job.findUniqueOrThrow({ where: { id } })).leaseUntil?.getTime();
    const lease = await leaseOf();
    fake.say({ type: 'phase', phase: 'training' });
    fake.say(step(1330));
    const progress = { arms: { intervention: { step: 1331, from: 1330, to: 1334, phase: 'training' } } };
    await until(async () => {
      const job = await getJob(database, id);
      return (job.progress as typeof progress | null)?.arms.intervention?.step === 1331;
    });
    expect((await getJob(database, id)).progress).toMatchObject(progress);
    expect(await leaseOf()).toBeGreaterThan(lease ?? Infinity);
  });

  it('holds another job than its neighbour', async () => {
    const ids = [await store(), await store()];
    startWorker();
    startWorker();
    await trainer(1);
    expect(await Promise.all(ids.map(stateOf))).toEqual(['running', 'running']);
    const owners = await Promise.all(ids.map(async (id) => (await getJob(database, id)).owner));
    expect(new Set(owners).size).toBe(2);
  });
});

describe('a worker that is told to stop', () => {
  it('gives its job back to the queue at no cost', async () => {
    const id = await store();
    const { stop, ended } = startWorker();
    const fake = await trainer(0);
    stop();
    await ended;
    expect(fake.asked).toEqual(['stop']);
    expect(await getJob(database, id)).toMatchObject({
      ...{ state: 'queued', owner: null, numPreempted: 1, numFailed: 0, numLost: 0, finishedAt: null },
    });
    expect((await listAttempts(database, id)).map(({ outcome }) => outcome)).toEqual(['preempted']);
  });

  it('takes as many jobs at once as have room in its slots, each on cards of its own', async () => {
    const ids = [];
    for (const slots of [2, 2, 1]) ids.push(await store({ training: { slots } }));
    const slots = openSlots({ worker: randomUUID(), numSlots: 3, cards: ['4', '6', '7'], holdMs: 600_000 });
    for (let i = 0; i < 3; i++) startWorker({ slots });
    await trainer(1);
    const [first, small] = [ids[0], ids[2]].map((id) => trainers.find(({ place }) => place.jobId === id)!);
    expect([first!.place.cards, small!.place.cards]).toEqual([['4', '6'], ['7']]);
    expect(await stateOf(ids[1]!)).toBe('queued');
    first!.say(step(1330));
    first!.finish();
    expect((await trainer(2)).place).toMatchObject({ jobId: ids[1], cards: ['4', '6'] });
    expect(trainers).toHaveLength(3);
  });

  it('stops at once while all its slots are taken', async () => {
    await store({ training: { slots: 2 } });
    const slots = openSlots({ worker: randomUUID(), numSlots: 2, cards: [], holdMs: 600_000 });
    const both = [startWorker({ slots }), startWorker({ slots })];
    await trainer(0);
    await until(() => !slots.hasFree());
    for (const { stop } of both) stop();
    await Promise.all(both.map(({ ended }) => ended));
  });

  it('ends at once when it has none, and takes none when told before it began', async () => {
    const { stop, ended } = startWorker();
    stop();
    await ended;
    const id = await store();
    const abort = new AbortController();
    abort.abort();
    await runWorker({ database, home, numCores: 2, leaseMs: 60_000, beatMs: 20 }, abort.signal);
    expect(await stateOf(id)).toBe('queued');
  });
});

describe('cancelling', () => {
  it('reaches the worker at once, long before its heartbeat', async () => {
    const id = await store();
    startWorker({ beatMs: 50_000 });
    const fake = await trainer(0);
    await requestCancel(database, id);
    await isOver(id);
    expect(await getJob(database, id)).toMatchObject({ state: 'cancelled', reason: null });
    expect(fake.asked).toEqual(['stop']);
  });

  it('reaches it with the heartbeat when the notification was lost', async () => {
    const id = await store();
    startWorker();
    await trainer(0);
    await database.pool.query(`UPDATE job SET state = 'cancelling', cancel_requested = true`);
    await isOver(id);
    expect(await stateOf(id)).toBe('cancelled');
  });

  it('wins over being preempted', async () => {
    const id = await store();
    const { stop, ended } = startWorker({ beatMs: 50_000 });
    await trainer(0);
    await database.pool.query(`UPDATE job SET state = 'cancelling', cancel_requested = true`); // not yet heard of
    stop();
    await ended;
    expect(await stateOf(id)).toBe('cancelled');
  });
});

describe('pausing', () => {
  it('reaches the worker at once, and the job goes on from where it was saved when it is resumed', async () => {
    const id = await store();
    startWorker({ beatMs: 50_000 });
    const fake = await trainer(0);
    fake.say(step(1330));
    expect((await requestPause(database, id)).state).toBe('pausing');
    await until(async () => (await stateOf(id)) === 'paused');
    expect(fake.asked).toEqual(['stop']);
    const paused = {
      message: 'paused until it is resumed',
      owner: null,
      numPreempted: 1,
      numLost: 0,
      finishedAt: null,
    };
    expect(await getJob(database, id)).toMatchObject(paused);
    expect(trainers).toHaveLength(1);
    expect((await requestResume(database, id)).message).toBeNull();
    const again = await trainer(1);
    again.say(step(1330));
    again.finish();
    await isOver(id);
    expect(await getJob(database, id)).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect((await listAttempts(database, id)).map(({ outcome }) => outcome)).toEqual(['paused', 'succeeded']);
  });

  it('reaches it with the heartbeat when the notification was lost', async () => {
    const id = await store();
    startWorker();
    await trainer(0);
    await database.pool.query(`UPDATE job SET state = 'pausing', pause_requested = true`);
    await until(async () => (await stateOf(id)) === 'paused');
  });

  it('that is taken back before the worker has let go brings the job back to the queue', async () => {
    const id = await store();
    const { stop, ended } = startWorker({ beatMs: 50_000 });
    await trainer(0);
    await database.pool.query(`UPDATE job SET state = 'pausing', pause_requested = true`); // not yet heard of
    expect((await requestResume(database, id)).state).toBe('running');
    stop();
    await ended;
    expect(await stateOf(id)).toBe('queued');
  });
});

describe('a worker that has lost its lease', () => {
  it('kills its trainers, changes nothing, and goes on with other jobs', async () => {
    const id = await store();
    startWorker();
    const fake = await trainer(0);
    await database.pool.query(`UPDATE job SET owner = 'another', attempt = attempt + 1`);
    await until(() => fake.asked.includes('kill'));
    const next = await store();
    await trainer(1);
    expect(await stateOf(next)).toBe('running');
    expect(await getJob(database, id)).toMatchObject({ state: 'running', owner: 'another', attempt: 2 });
  });
});

describe('a worker that operators order', () => {
  it('takes no job while it is held, and the next at once when it is released', async () => {
    let order: 'hold' | null = 'hold';
    startWorker({ order: () => order });
    const id = await store();
    await new Promise((resolve) => setTimeout(resolve, 1_200)); // more than a poll; notifications have come, too
    expect(await stateOf(id)).toBe('queued');
    order = null;
    (await trainer(0)).finish();
    await isOver(id);
  });

  it('ends its job when it is drained, takes no other, and ends', async () => {
    let order: 'drain' | null = null;
    const { ended } = startWorker({ order: () => order });
    const [first, second] = [await store(), await store()];
    const one = await trainer(0);
    order = 'drain';
    one.finish();
    await ended;
    expect((await getJob(database, first)).finishedAt).not.toBeNull();
    expect(await stateOf(second)).toBe('queued');
    expect(trainers).toHaveLength(1);
  });

  it('ends when it is drained while it has nothing to do, or is stopped while it is held', async () => {
    let order: 'drain' | null = null;
    const idle = startWorker({ order: () => order });
    order = 'drain';
    await idle.ended;
    const held = startWorker({ order: () => 'hold' });
    held.stop();
    await held.ended;
  });
});
