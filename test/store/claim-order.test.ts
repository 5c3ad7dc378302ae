// Whose turn it is: among jobs of one priority, sweeps and the jobs of no sweep are claimed by turns.
import { beforeEach, describe, expect, it } from 'vitest';
import { createJob, insertJobs } from '../../src/store/jobs.ts';
import { claim, settle } from '../../src/store/leases.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';

const database = await testDatabase();
beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

async function storeSweep(name: string, numJobs: number, priority = 0): Promise<void> {
  const { id: sweepId } = await database.prisma.sweep.create({ data: { name, spec: {} } });
  const jobs = Array.from({ length: numJobs }, (_, i) => ({
    spec: someSpec({ priority }),
    name: `${name} ${i + 1}`,
    sweepId,
  }));
  await database.transaction((transaction) => insertJobs(transaction, jobs));
}

const store = (name: string, priority = 0) => createJob(database, { spec: someSpec({ priority }), name });

/** The names of the next jobs, as workers take them; each is over before the next is taken unless told otherwise. */
async function take(count: number, isSettled = true): Promise<string[]> {
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const job = await claim(database, { owner: `owner ${i}`, host: 'host', pid: 1 }, 60_000);
    if (job === undefined) break;
    names.push(job.name);
    if (isSettled) await settle(database, job.fence, 'succeeded');
  }
  return names;
}

describe('the order of claims', () => {
  it('lets a single job begin as the next but one behind a sweep of 500', async () => {
    await storeSweep('sweep', 500);
    expect(await take(3)).toEqual(['sweep 1', 'sweep 2', 'sweep 3']);
    await store('single');
    const next = await take(2);
    expect(next).toContain('single');
    expect(await take(2)).toEqual(next.includes('sweep 4') ? ['sweep 5', 'sweep 6'] : ['sweep 4', 'sweep 5']);
  });

  it('shares the workers between two sweeps of unequal length, and goes on with what is left', async () => {
    await storeSweep('long', 6);
    await storeSweep('short', 2);
    for (const isSettled of [false, true]) {
      const names = await take(4, isSettled);
      if (!isSettled) expect(names).toEqual(['long 1', 'short 1', 'long 2', 'short 2']);
      else expect(names).toEqual(['long 3', 'long 4', 'long 5', 'long 6']);
    }
  });

  it('keeps to priority first, and within one sweep and among single jobs to the order of their coming', async () => {
    await storeSweep('sweep', 2);
    await store('first');
    await store('second');
    await store('urgent', 5);
    expect((await take(1))[0]).toBe('urgent');
    expect(await take(4)).toEqual(['sweep 1', 'first', 'sweep 2', 'second']);
  });

  it('hands 60 jobs of two sweeps to 12 workers that claim at once, each once', async () => {
    await storeSweep('one', 40);
    await storeSweep('two', 20);
    const taken = await Promise.all(Array.from({ length: 12 }, () => take(60)));
    const names = taken.flat();
    expect(names).toHaveLength(60);
    expect(new Set(names).size).toBe(60);
  });
});
