// The slots of worker processes: never more taken than there are, and which graphics cards trainers see.
import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { randomUUID } from 'node:crypto';
import { startTrainer } from '../../jobs/executor/local-process.ts';
import type { Task } from '../../jobs/executor/executor.ts';
import { openSlots } from '../../jobs/slots.ts';
import { childEnvironment } from '../../src/settings.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { insertJobs } from '../../src/store/jobs.ts';
import { claim, settle } from '../../src/store/leases.ts';
import { beatWorker } from '../../src/store/workers.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';

const fork = vi.hoisted(() => vi.fn());
vi.mock('node:child_process', async (original) => ({ ...(await original<object>()), fork }));

const database = await testDatabase();
beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep, worker CASCADE');
});

/** A worker process on a connection of its own: as many loops as slots, which claim at once and end their jobs soon; stops when no job is left. */
async function work(own: Database, numSlots: number, see: (cards: readonly string[], isTaken: boolean) => void) {
  const worker = randomUUID();
  const cards = Array.from({ length: numSlots }, (_, card) => `${worker} ${card}`);
  await beatWorker(own, { id: worker, host: 'host', pid: 1, owners: [worker], numSlots });
  const slots = openSlots({ worker, numSlots, cards, holdMs: 0 });
  const most = { taken: 0 };
  const loop = async () => {
    for (;;) {
      if (!slots.hasFree()) await slots.freed(new AbortController().signal);
      const taken = await slots.claim((room) => claim(own, { owner: worker, host: 'host', pid: 1 }, 60_000, room));
      if (taken === undefined) {
        const { rows } = await own.pool.query(`SELECT 1 FROM job WHERE state <> 'succeeded' LIMIT 1`);
        if (rows.length === 0) return;
        continue;
      }
      expect(taken.cards).toHaveLength(taken.job.numSlots);
      see(taken.cards, true);
      const { rows } = await own.pool.query<{ taken: number }>(
        `SELECT sum(num_slots)::int AS taken FROM job WHERE owner = $1`,
        [worker],
      );
      most.taken = Math.max(most.taken, rows[0]!.taken); // an aggregate has one row
      see(taken.cards, false);
      await settle(own, taken.job.fence, 'succeeded');
      taken.free();
    }
  };
  await Promise.all(Array.from({ length: numSlots }, loop));
  return most.taken;
}

describe('slots', () => {
  it('are never exceeded by many claims at once of several workers, and no card has two jobs', async () => {
    const sizes = [1, 2, 3, 4, 1, 1, 2, 4];
    const jobs = Array.from({ length: 96 }, (_, i) => ({ spec: someSpec({ training: { slots: sizes[i % 8]! } }) }));
    await database.transaction((transaction) => insertJobs(transaction, jobs));
    const busy = new Set<string>();
    const see = (cards: readonly string[], isTaken: boolean) => {
      for (const card of cards) {
        expect(busy.has(card)).toBe(!isTaken);
        if (isTaken) busy.add(card);
        else busy.delete(card);
      }
    };
    const own = await Promise.all([4, 3, 1].map(() => openDatabase(database.url)));
    try {
      const most = await Promise.all([4, 3, 1].map((numSlots, i) => work(own[i]!, numSlots, see)));
      expect(most).toEqual([4, 3, 1]);
    } finally {
      for (const one of own) await one.close();
    }
    const { rows } = await database.pool.query(
      'SELECT state, max(attempt) AS attempt, count(*)::int FROM job GROUP BY 1',
    );
    expect(rows).toEqual([{ state: 'succeeded', attempt: 1, count: 96 }]);
  });

  it('are free again when a claim fails, and share cards where there are more than those', async () => {
    const slots = openSlots({ worker: randomUUID(), numSlots: 3, cards: ['0', '1'], holdMs: 0 });
    await expect(slots.claim(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
    await database.transaction((transaction) =>
      insertJobs(transaction, [{ spec: someSpec() }, { spec: someSpec({ training: { slots: 2 } }) }]),
    );
    const take = () => slots.claim((room) => claim(database, { owner: 'a', host: 'h', pid: 1 }, 60_000, room));
    expect((await take())?.cards).toEqual(['0']);
    expect((await take())?.cards).toEqual(['1', '0']);
    expect(slots.hasFree()).toBe(false);
    expect(await take()).toBeUndefined();
  });
});

describe('a trainer', () => {
  it('sees the cards of its job alone where its back end uses any, else what its worker sees', () => {
    vi.stubEnv('CUDA_VISIBLE_DEVICES', '4,5,6,7');
    for (const [backend, cards, expected] of [
      ['cuda', ['5', '7'], '5,7'],
      ['tensorflow', ['GPU-5c2f'], 'GPU-5c2f'],
      ['cuda', [], '4,5,6,7'],
      ['native', ['5'], '4,5,6,7'],
      ['wasm', ['5'], '4,5,6,7'],
    ] as const) {
      fork.mockReturnValueOnce(Object.assign(new EventEmitter(), { stdout: null, stderr: null, send: () => true }));
      const place = { jobId: 'a', attempt: 1, arm: 'control', cards } as const;
      startTrainer({ backend } as Task, () => undefined, place, childEnvironment);
      const [, , options] = fork.mock.lastCall as [string, string[], { env?: Record<string, string> }];
      expect(options.env ?? process.env).toMatchObject({ CUDA_VISIBLE_DEVICES: expected, PATH: process.env['PATH'] });
    }
    vi.unstubAllEnvs();
  });
});
