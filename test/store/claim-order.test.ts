// Whose turn it is: among jobs of one priority senders are claimed by turns, and of one sender sweeps and the jobs of no sweep.
import { beforeEach, describe, expect, it } from 'vitest';
import { randomUUID } from 'node:crypto';
import { createJob, insertJobs, type Sender } from '../../src/store/jobs.ts';
import { claim, settle } from '../../src/store/leases.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';

const database = await testDatabase();
beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

async function storeSweep(name: string, numJobs: number, sender: Sender | null = null): Promise<void> {
  const { id: sweepId } = await database.prisma.sweep.create({ data: { name, spec: {} } });
  const jobs = Array.from({ length: numJobs }, (_, i) => ({
    spec: someSpec(),
    name: `${name} ${i + 1}`,
    sweepId,
    sender,
  }));
  await database.transaction((transaction) => insertJobs(transaction, jobs));
}

const store = (name: string, priority = 0, sender: Sender | null = null) =>
  createJob(database, { spec: someSpec({ priority }), name, sender });

const holderOf = (name: string): Sender => ({ name, tokenId: randomUUID() });

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

  it("lets one sender's job begin as the next but one behind another's 500 single jobs", async () => {
    const [anna, ben] = [holderOf('anna'), holderOf('ben')];
    const jobs = Array.from({ length: 500 }, (_, i) => ({ spec: someSpec(), name: `anna ${i + 1}`, sender: anna }));
    await database.transaction((transaction) => insertJobs(transaction, jobs));
    expect(await take(3)).toEqual(['anna 1', 'anna 2', 'anna 3']);
    await store('ben', 0, ben);
    expect(await take(3)).toEqual(['ben', 'anna 4', 'anna 5']);
  });

  it('shares the workers evenly between senders, however many sweeps each has, and then between those', async () => {
    const [anna, ben] = [holderOf('anna'), holderOf('ben')];
    for (const name of ['anna a', 'anna b', 'anna c']) await storeSweep(name, 4, anna);
    await storeSweep('ben', 4, ben);
    expect(await take(8, false)).toEqual([
      'anna a 1',
      'ben 1',
      'anna b 1',
      'ben 2',
      'anna c 1',
      'ben 3',
      'anna a 2',
      'ben 4',
    ]);
    expect(await take(3)).toEqual(['anna b 2', 'anna c 2', 'anna a 3']);
  });

  it('takes all that came without a token for one sender, and several tokens of one name, too', async () => {
    await storeSweep('nobody a', 2);
    await storeSweep('nobody b', 2);
    await store('old token', 0, holderOf('anna'));
    await store('new token', 0, holderOf('anna'));
    await store('ben', 0, holderOf('ben'));
    expect(await take(7)).toEqual([
      'nobody a 1',
      'old token',
      'ben',
      'nobody b 1',
      'new token',
      'nobody a 2',
      'nobody b 2',
    ]);
  });

  it('keeps priority above the turns of senders', async () => {
    const anna = holderOf('anna');
    for (const name of ['urgent 1', 'urgent 2', 'urgent 3']) await store(name, 1, anna);
    await store('ben', 0, holderOf('ben'));
    expect(await take(4)).toEqual(['urgent 1', 'urgent 2', 'urgent 3', 'ben']);
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
