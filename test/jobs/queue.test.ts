import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openQueue } from '../../jobs/queue.ts';
import type { Queue } from '../../jobs/queue.ts';
import { createJob, getJob } from '../../src/store/jobs.ts';
import { settle } from '../../src/store/leases.ts';
import { requestCancel, requestPause } from '../../src/store/orders.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec, until } from '../support/jobs.ts';

const database = await testDatabase();
const queues: Queue[] = [];

function open(owner: string, leaseMs = 60_000, pollMs = 60_000): Queue {
  const queue = openQueue(database, { owner, host: 'host', pid: 1, leaseMs, pollMs });
  queues.push(queue);
  return queue;
}

// Listening begins a moment after the opening; until then a waiting worker is woken once more.
async function settled(queue: Queue): Promise<void> {
  await queue.next();
  await queue.waitForJob(AbortSignal.timeout(5_000));
  await queue.next();
}

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});
afterEach(async () => {
  for (const queue of queues.splice(0)) await queue.close();
});

describe('a waiting worker', () => {
  it('is woken by a new job long before its poll', async () => {
    const queue = open('a');
    await settled(queue);
    const waiting = queue.waitForJob().then(() => queue.next());
    const { id } = await createJob(database, { spec: someSpec() });
    const start = performance.now();
    expect(await waiting).toMatchObject({ id, attempt: 1 });
    expect(performance.now() - start).toBeLessThan(5_000); // against a poll of 60 s
  });

  it('finds a job by polling when no notification comes', async () => {
    const queue = open('a', 60_000, 50);
    await settled(queue);
    const spec = JSON.stringify(someSpec());
    const waiting = queue.waitForJob().then(() => queue.next());
    await database.pool.query(
      `INSERT INTO job (id, name, spec) VALUES ('01900000-0000-7000-8000-000000000001', 'silent', '${spec}')`,
    );
    let job = await waiting;
    while (!job) {
      await queue.waitForJob();
      job = await queue.next();
    }
    expect(job.name).toBe('silent');
  });

  it('does not sleep over a job that came between its last look and its waiting', async () => {
    const queue = open('a');
    await settled(queue);
    await createJob(database, { spec: someSpec() });
    await until(async () => {
      await queue.waitForJob(AbortSignal.timeout(200));
      return (await queue.next()) !== undefined;
    });
  });

  it('stops waiting when it is asked to stop', async () => {
    const queue = open('a');
    await settled(queue);
    const stop = new AbortController();
    const waiting = queue.waitForJob(stop.signal);
    stop.abort();
    await waiting;
  });
});

describe('a worker at work', () => {
  it.each([
    ['cancelling', requestCancel, 'cancel'],
    ['pausing', requestPause, 'pause'],
  ] as const)('hears of the %s of its own job only', async (_, ask, order) => {
    const queue = open('a');
    await settled(queue);
    const jobs = [];
    for (let index = 0; index < 2; index++) jobs.push((await createJob(database, { spec: someSpec() })).id);
    const [first, second] = [await queue.next(), await queue.next()];
    const heard: string[] = [];
    const forget = queue.onOrder(first!.id, (heardOf) => heard.push(`first: ${heardOf}`));
    queue.onOrder(second!.id, (heardOf) => heard.push(`second: ${heardOf}`));
    await ask(database, jobs[1]!);
    await until(() => heard.length > 0);
    expect(heard).toEqual([`second: ${order}`]);
    forget();
  });

  it('loses its job to another after the lease, and the job ends once', async () => {
    const [frozen, other] = [open('frozen', 300), open('other')];
    const { id } = await createJob(database, { spec: someSpec() });
    const first = await frozen.next();
    let second = await other.next();
    expect(second).toBeUndefined();
    await until(async () => (second = await other.next()) !== undefined);
    expect(second).toMatchObject({ id, attempt: 2 });
    await settle(database, second!.fence, 'succeeded');
    await expect(settle(database, first!.fence, 'failed')).rejects.toThrow('lost lease');
    expect((await getJob(database, id)).state).toBe('succeeded');
  });
});
