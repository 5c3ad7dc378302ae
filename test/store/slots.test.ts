// What fits a worker, and that a job which needs many slots is not starved by small ones.
import { beforeEach, describe, expect, it } from 'vitest';
import { randomUUID } from 'node:crypto';
import { createJob, getJob, insertJobs, type Sender } from '../../src/store/jobs.ts';
import { claim, settle, type ClaimedJob } from '../../src/store/leases.ts';
import { beatWorker, orderWorker } from '../../src/store/workers.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';

const database = await testDatabase();
const HOLD_MS = 600_000;

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep, worker CASCADE');
});

async function store(
  name: string,
  slots = 1,
  changes: { priority?: number; sweepId?: string; sender?: Sender } = {},
): Promise<string> {
  const { sweepId, sender = null, priority = 0 } = changes;
  const spec = someSpec({ name, priority, training: { slots } });
  if (sweepId === undefined) return (await createJob(database, { spec, sender })).id;
  return (await database.transaction((transaction) => insertJobs(transaction, [{ spec, sweepId }])))[0]!; // one in, one out
}

/** As if the job had been waiting for `minutes`. */
async function age(jobId: string, minutes: number): Promise<void> {
  await database.pool.query(
    `UPDATE job SET run_at = run_at - $2 * interval '1 minute', lease_until = lease_until - $2 * interval '1 minute' WHERE id = $1`,
    [jobId, minutes],
  );
}

/** A registered worker process that holds what it has claimed until it is told to end it. */
async function openWorker(numSlots: number) {
  const id = randomUUID();
  await beatWorker(database, { id, host: 'host', pid: 1, owners: [id], numSlots });
  const inHand: ClaimedJob[] = [];
  const numFree = () => numSlots - inHand.reduce((sum, job) => sum + job.numSlots, 0);
  return {
    ...{ id, numFree },
    names: () => inHand.map(({ name }) => name),
    /** Claims until nothing more fits; answers the names. */
    async fill(): Promise<string[]> {
      const names: string[] = [];
      while (numFree() > 0) {
        const room = { worker: id, numSlots, numFree: numFree(), holdMs: HOLD_MS };
        const job = await claim(database, { owner: id, host: 'host', pid: 1 }, 60_000, room);
        if (job === undefined) break;
        inHand.push(job);
        names.push(job.name);
      }
      return names;
    },
    /** Ends the job that it has had for the longest time. */
    async endOne(): Promise<void> {
      await settle(database, inHand.shift()!.fence, 'succeeded'); // the test knows that it has one
    },
  };
}

type Worker = Awaited<ReturnType<typeof openWorker>>;

/** Rounds in each of which every worker ends one job and takes what fits, while small jobs never run out; the round in which `name` began. */
async function roundOf(name: string, workers: readonly Worker[], most: number, sweepId?: string): Promise<number> {
  for (let round = 1; round <= most; round++) {
    for (const worker of workers) {
      await store('small');
      if (sweepId !== undefined) await store('small of a sweep', 1, { sweepId });
      if (worker.names().length > 0) await worker.endOne();
      await worker.fill();
      if (worker.names().includes(name)) return round;
    }
  }
  return Infinity;
}

describe('slots', () => {
  it('are not exceeded: of two jobs that do not fit together one waits, and a smaller one goes by', async () => {
    const worker = await openWorker(4);
    for (const [name, slots] of [['three', 3], ['two', 2], ['one', 1]] as const) await store(name, slots); // prettier-ignore
    expect(await worker.fill()).toEqual(['three', 'one']);
    await worker.endOne();
    expect(await worker.fill()).toEqual(['two']);
  });

  it('are those of the column, which jobs of earlier releases have, too', async () => {
    const id = await store('of old', 3);
    await database.pool.query(`UPDATE job SET spec = spec #- '{training,slots}', num_slots = DEFAULT WHERE id = $1`, [
      id,
    ]);
    expect(await (await openWorker(1)).fill()).toEqual(['of old']);
  });
});

describe('a job that needs many slots', () => {
  it('is passed by small ones at first', async () => {
    const worker = await openWorker(4);
    for (let i = 0; i < 4; i++) await store('small');
    await worker.fill();
    await age(await store('big', 4), 9);
    expect(await roundOf('big', [worker], 12)).toBe(Infinity);
  });

  it('begins once the slots of its worker have come free, when it has waited for long, though small ones never run out', async () => {
    const worker = await openWorker(4);
    for (let i = 0; i < 4; i++) await store('small');
    await worker.fill();
    await age(await store('big', 4), 11);
    expect(await roundOf('big', [worker], 50)).toBe(4);
    await worker.endOne();
    expect(await worker.fill()).toEqual(['small', 'small', 'small', 'small']);
  });

  it('is held for by one worker alone, whoever else begins jobs of its turn and of other turns', async () => {
    const [small, large, other] = [await openWorker(3), await openWorker(4), await openWorker(4)];
    const workers = [small, large, other];
    const { id: sweepId } = await database.prisma.sweep.create({ data: { name: 'endless', spec: {} } });
    for (let i = 0; i < 11; i++) await store('small', 1, i % 2 === 0 ? { sweepId } : {});
    for (const worker of workers) await worker.fill();
    await age(await store('big', 3), 11);
    await large.endOne();
    for (let i = 0; i < 6; i++) await store('small', 1, i % 2 === 0 ? { sweepId } : {});
    expect(await large.fill()).toEqual([]);
    for (const worker of [small, other]) {
      await worker.endOne();
      expect(await worker.fill()).toHaveLength(1);
    }
    expect(await roundOf('big', workers, 50, sweepId)).toBe(2);
    expect(large.names()).toContain('big');
  });

  it('is held for by the next worker when the largest is ordered to take none, or is silent', async () => {
    const [first, second] = [await openWorker(2), await openWorker(2)];
    for (let i = 0; i < 4; i++) await store('small');
    for (const worker of [first, second]) await worker.fill();
    await age(await store('big', 2), 11);
    for (const worker of [first, second]) await worker.endOne();
    for (let i = 0; i < 3; i++) await store('small');
    expect([await first.fill(), await second.fill()]).toEqual([[], ['small']]);
    await orderWorker(database, first.id, 'hold');
    await second.endOne();
    expect(await second.fill()).toEqual([]);
    await orderWorker(database, first.id, null);
    expect(await second.fill()).toEqual(['small']);
    await database.pool.query(`UPDATE worker SET beat_at = beat_at - interval '1 minute' WHERE id = $1`, [first.id]);
    await second.endOne();
    expect(await second.fill()).toEqual([]);
  });

  it('goes first wherever it fits, and holds up no job of a higher priority', async () => {
    const [largest, fitting] = [await openWorker(3), await openWorker(2)];
    for (let i = 0; i < 2; i++) await store('small');
    await largest.fill();
    await age(await store('big', 2), 11);
    await store('small', 1, {
      sweepId: (await database.prisma.sweep.create({ data: { name: 'its turn', spec: {} } })).id,
    });
    expect(await largest.fill()).toEqual([]);
    await store('urgent', 1, { priority: 1 });
    expect(await largest.fill()).toEqual(['urgent']);
    expect(await fitting.fill()).toEqual(['big']);
    await largest.endOne();
    expect(await largest.fill()).toEqual(['small']);
  });

  it('does not go before jobs that came earlier than it, however long it has waited', async () => {
    const worker = await openWorker(2);
    for (const name of ['first', 'second', 'third']) await store(name);
    expect(await worker.fill()).toEqual(['first', 'second']);
    await age(await store('big', 2), 11);
    await worker.endOne();
    expect(await worker.fill()).toEqual(['third']);
  });

  it("is held for though another sender's jobs came earlier", async () => {
    const worker = await openWorker(4);
    for (let i = 0; i < 8; i++) await store('small', 1, { sender: { name: 'anna', tokenId: randomUUID() } });
    await worker.fill();
    await age(await store('big', 4, { sender: { name: 'ben', tokenId: randomUUID() } }), 11);
    expect(await roundOf('big', [worker], 50)).toBe(4);
  });

  it('is held for when its worker was lost, too', async () => {
    const lost = await openWorker(2);
    const id = await store('big', 2);
    expect(await lost.fill()).toEqual(['big']);
    await database.pool.query('DELETE FROM worker');
    const worker = await openWorker(2);
    await store('small');
    await store('small');
    await worker.fill();
    await age(id, 12);
    expect(await roundOf('big', [worker], 50)).toBe(2);
  });

  it('says so when it fits no worker, and holds nobody up', async () => {
    const worker = await openWorker(2);
    const id = await store('too big', 3);
    await age(id, 1_000);
    await store('small');
    await store('two', 2);
    expect(await worker.fill()).toEqual(['small']);
    await worker.endOne();
    expect(await worker.fill()).toEqual(['two']);
    expect(await getJob(database, id)).toMatchObject({
      state: 'queued',
      heldBy: expect.stringMatching(/needs 3 slots of one worker, and the largest worker at work has 2:/) as string,
    });
    const large = await openWorker(3);
    expect((await getJob(database, id)).heldBy).toBeNull();
    await database.pool.query('DELETE FROM worker');
    expect((await getJob(database, id)).heldBy).toMatch(/no worker is at work/);
    expect(await large.fill()).toEqual(['too big']);
    expect((await getJob(database, id)).heldBy).toBeNull();
  });
});
