import { beforeEach, describe, expect, it } from 'vitest';
import { ConflictError, NotFoundError } from '../../src/errors.ts';
import { createJob, getJob, insertJobs, listAttempts, listJobs } from '../../src/store/jobs.ts';
import { eventsAfter } from '../../src/store/events.ts';
import { beat, claim, MAX_FAILURES, MAX_LOST, release } from '../../src/store/leases.ts';
import { requestCancel } from '../../src/store/orders.ts';
import { retryLater, setManifest, setPlan, settle, sweepLostJobs } from '../../src/store/leases.ts';
import type { ClaimedJob } from '../../src/store/leases.ts';
import { recordCheckpoint } from '../../src/store/records.ts';
import { ensureRun } from '../../src/store/runs.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';

const database = await testDatabase();
const worker = (name: string) => ({ owner: name, host: 'host', pid: 1 });
const LEASE = 60_000;

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

async function mustClaim(name: string): Promise<ClaimedJob> {
  const job = await claim(database, worker(name), LEASE);
  if (!job) throw new Error('nothing to claim');
  return job;
}

// As if the worker had been silent for longer than its lease.
async function expire(jobId: string): Promise<void> {
  await database.pool.query(`UPDATE job SET lease_until = clock_timestamp() - interval '1 second' WHERE id = $1`, [
    jobId,
  ]);
}

async function stateEvents(jobId: string): Promise<unknown[]> {
  const events = await eventsAfter(database, jobId, 0n, 1000);
  return events.filter((event) => event.type === 'state').map((event) => (event.data as { state: string }).state);
}

describe('claim', () => {
  it('hands out each of 200 jobs exactly once to 4 concurrent claimers', async () => {
    const jobs = Array.from({ length: 200 }, () => ({ spec: someSpec() }));
    await database.transaction((transaction) => insertJobs(transaction, jobs));
    const claimed: { id: string; owner: string }[] = [];
    const work = async (name: string) => {
      for (
        let job = await claim(database, worker(name), LEASE);
        job;
        job = await claim(database, worker(name), LEASE)
      ) {
        claimed.push({ id: job.id, owner: name });
        await settle(database, job.fence, 'succeeded');
      }
    };
    await Promise.all(['a', 'b', 'c', 'd'].map(work));
    expect(claimed).toHaveLength(200);
    expect(new Set(claimed.map((entry) => entry.id)).size).toBe(200);
    expect(new Set(claimed.map((entry) => entry.owner)).size).toBe(4);
    const { rows } = await database.pool.query('SELECT state, max(attempt) AS attempt FROM job GROUP BY state');
    expect(rows).toEqual([{ state: 'succeeded', attempt: 1 }]);
  }, 60_000);

  it('takes the higher priority first, and of equals the one submitted first', async () => {
    const specs = [
      someSpec({ name: 'first' }),
      someSpec({ name: 'second' }),
      someSpec({ name: 'urgent', priority: 5 }),
    ];
    for (const spec of specs) await createJob(database, { spec });
    const names = [await mustClaim('a'), await mustClaim('a'), await mustClaim('a')].map((job) => job.name);
    expect(names).toEqual(['urgent', 'first', 'second']);
    expect(await claim(database, worker('a'), LEASE)).toBeUndefined();
  });

  it('takes a job over as attempt 2 when its lease is over, and not before', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const first = await mustClaim('dies');
    expect(await claim(database, worker('next'), LEASE)).toBeUndefined();
    await expire(id);
    const second = await mustClaim('next');
    expect(second).toMatchObject({ id, attempt: 2 });
    expect((await getJob(database, id)).state).toBe('recovering');
    expect(await listAttempts(database, id)).toMatchObject([
      { number: 1, owner: 'dies', outcome: 'lost' },
      { number: 2, owner: 'next', outcome: null },
    ]);
    expect(await beat(database, first.fence, LEASE)).toEqual({
      held: false,
      cancelRequested: false,
      pauseRequested: false,
    });
  });
});

describe('a frozen owner whose job was taken over', () => {
  it('changes nothing with any of its writes', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const frozen = await mustClaim('frozen');
    await ensureRun(database, frozen.fence, 'control', { fromStep: 1330, toStep: 1430 });
    await expire(id);
    const owner = await mustClaim('owner');
    await setPlan(database, owner.fence, { microBatchSize: 4 });
    const before = await database.pool.query('SELECT * FROM job');
    const numEvents = (await eventsAfter(database, id, 0n, 1000)).length;
    const { fence } = frozen;
    const checkpoint = { step: 1340, path: 'p', manifestSha256: 'f', sizeBytes: 1 };
    const writes = [
      () => settle(database, fence, 'failed', { reason: 'program', message: 'late' }),
      () => release(database, fence),
      () => retryLater(database, fence, { reason: 'program', message: 'late' }, 0),
      () => setPlan(database, fence, { microBatchSize: 8 }),
      () => setManifest(database, fence, {}),
      () => recordCheckpoint(database, fence, 'control', checkpoint),
    ];
    for (const write of writes) {
      await expect(write()).rejects.toThrow(ConflictError);
      await expect(write()).rejects.toThrow(/^lost lease: attempt 1 of job/);
    }
    expect((await database.pool.query('SELECT * FROM job')).rows).toEqual(before.rows);
    expect(await eventsAfter(database, id, 0n, 1000)).toHaveLength(numEvents);
    expect((await database.pool.query('SELECT * FROM checkpoint')).rows).toEqual([]);
  });

  it('is refused after the job has ended, too', async () => {
    await createJob(database, { spec: someSpec() });
    const { fence } = await mustClaim('a');
    await settle(database, fence, 'succeeded');
    await expect(settle(database, fence, 'failed')).rejects.toThrow('lost lease');
    expect((await beat(database, fence, LEASE)).held).toBe(false);
  });
});

describe('the end of an attempt', () => {
  it('settles with reason and words, and ends the runs that were at work', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const { fence } = await mustClaim('a');
    await ensureRun(database, fence, 'control', { fromStep: 1, toStep: 2 });
    await settle(database, fence, 'failed', { reason: 'no-edits', message: 'no pronoun was changed' });
    const job = await getJob(database, id);
    expect(job).toMatchObject({ state: 'failed', reason: 'no-edits', message: 'no pronoun was changed', owner: null });
    expect(job.finishedAt).not.toBeNull();
    expect(job.runs).toMatchObject([{ arm: 'control', state: 'failed' }]);
    expect(await stateEvents(id)).toEqual(['queued', 'running', 'failed']);
  });

  it('gives a preempted job back without spending anything', async () => {
    const { id } = await createJob(database, { spec: someSpec(), maxAttempts: 1 });
    for (let time = 0; time < 8; time++) await release(database, (await mustClaim('a')).fence);
    const { fence, attempt } = await mustClaim('a');
    expect(attempt).toBe(9);
    await settle(database, fence, 'succeeded');
    expect(await getJob(database, id)).toMatchObject({ numPreempted: 8, numFailed: 0, numLost: 0 });
  });

  it(`fails for good with its own reason at failure ${MAX_FAILURES}`, async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const ending = { reason: 'program', message: 'the disk was full' } as const;
    const ends = [];
    for (let time = 0; time < MAX_FAILURES; time++) {
      ends.push(await retryLater(database, (await mustClaim('a')).fence, ending, 0));
    }
    expect(ends).toEqual(['queued', 'queued', 'failed']);
    expect(await getJob(database, id)).toMatchObject({ state: 'failed', ...ending });
  });

  it('waits with a retry until its time has come', async () => {
    await createJob(database, { spec: someSpec() });
    await retryLater(database, (await mustClaim('a')).fence, { reason: 'program', message: 'later' }, 60_000);
    expect(await claim(database, worker('a'), LEASE)).toBeUndefined();
    await database.pool.query('UPDATE job SET run_at = clock_timestamp()');
    expect((await mustClaim('a')).attempt).toBe(2);
  });
});

describe('lost workers', () => {
  it(`make a job poison at ${MAX_LOST} in a row, not counted as its own failures`, async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    for (let time = 1; time <= MAX_LOST; time++) {
      expect((await mustClaim(`w${time}`)).attempt).toBe(time);
      await expire(id);
      const swept = await sweepLostJobs(database);
      expect(swept).toEqual(time < MAX_LOST ? [] : [{ id, state: 'failed' }]);
    }
    expect(await getJob(database, id)).toMatchObject({ state: 'failed', reason: 'poison', numFailed: 0 });
    expect(await claim(database, worker('a'), LEASE)).toBeUndefined();
    const outcomes = (await listAttempts(database, id)).map((attempt) => attempt.outcome);
    expect(outcomes).toEqual(Array(MAX_LOST).fill('lost'));
  });

  it('are counted anew after a checkpoint', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    for (let time = 1; time <= 2 * MAX_LOST; time++) {
      const { fence } = await mustClaim('a');
      await ensureRun(database, fence, 'control', { fromStep: 0, toStep: 100 });
      const checkpoint = { step: time, path: 'p', manifestSha256: 'f', sizeBytes: 1 };
      await recordCheckpoint(database, fence, 'control', checkpoint);
      await expire(id);
      expect(await sweepLostJobs(database)).toEqual([]);
    }
  });

  it('fail the job as worker-lost when its attempts are used up', async () => {
    const { id } = await createJob(database, { spec: someSpec(), maxAttempts: 2 });
    await mustClaim('a');
    await expire(id);
    await mustClaim('b');
    await expire(id);
    expect(await claim(database, worker('c'), LEASE)).toBeUndefined();
    expect(await sweepLostJobs(database)).toEqual([{ id, state: 'failed' }]);
    expect(await getJob(database, id)).toMatchObject({ state: 'failed', reason: 'worker-lost' });
    expect(await sweepLostJobs(database)).toEqual([]);
  });

  it('end a job as cancelled when its cancelling had been asked for', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    await mustClaim('a');
    await requestCancel(database, id);
    await expire(id);
    expect(await claim(database, worker('b'), LEASE)).toBeUndefined();
    expect(await sweepLostJobs(database)).toEqual([{ id, state: 'cancelled' }]);
  });
});

describe('cancelling', () => {
  it('ends a queued job at once', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    expect((await requestCancel(database, id)).state).toBe('cancelled');
    expect(await claim(database, worker('a'), LEASE)).toBeUndefined();
  });

  it('reaches the worker with its next heartbeat, which still holds', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const { fence } = await mustClaim('a');
    expect((await requestCancel(database, id)).state).toBe('cancelling');
    expect((await requestCancel(database, id)).state).toBe('cancelling');
    expect(await beat(database, fence, LEASE, { arms: {} })).toEqual({
      held: true,
      cancelRequested: true,
      pauseRequested: false,
    });
    await settle(database, fence, 'cancelled');
    expect(await stateEvents(id)).toEqual(['queued', 'running', 'cancelling', 'cancelled']);
  });

  it('wins over preemption and retry', async () => {
    for (const end of [release, (...args: Parameters<typeof release>) => retry(...args)]) {
      const { id } = await createJob(database, { spec: someSpec() });
      const { fence } = await mustClaim('a');
      await requestCancel(database, id);
      await end(database, fence);
      expect((await getJob(database, id)).state).toBe('cancelled');
    }
  });

  it('refuses a job that is over, and one that does not exist', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    await settle(database, (await mustClaim('a')).fence, 'succeeded');
    await expect(requestCancel(database, id)).rejects.toThrow(ConflictError);
    await expect(requestCancel(database, '01234567-89ab-7def-8123-456789abcdef')).rejects.toThrow(NotFoundError);
    await expect(requestCancel(database, 'no-uuid')).rejects.toThrow(NotFoundError);
  });
});

const retry = (...[target, fence]: Parameters<typeof release>) =>
  retryLater(target, fence, { reason: 'program', message: 'later' }, 0);

describe('the rows of a job', () => {
  it('keep the first plan for every later attempt', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const first = await mustClaim('a');
    expect(await setPlan(database, first.fence, { microBatchSize: 4 })).toEqual({ microBatchSize: 4 });
    await release(database, first.fence);
    const second = await mustClaim('b');
    expect(second.plan).toEqual({ microBatchSize: 4 });
    expect(await setPlan(database, second.fence, { microBatchSize: 8 })).toEqual({ microBatchSize: 4 });
    expect((await getJob(database, id)).plan).toEqual({ microBatchSize: 4 });
  });

  it('show the progress and the age of the last heartbeat while a worker holds the lease', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    expect((await getJob(database, id)).heartbeatAgeMs).toBeNull();
    const { fence } = await mustClaim('a');
    await beat(database, fence, LEASE, { secondsLeft: 12 });
    await database.pool.query(`UPDATE job SET beat_at = clock_timestamp() - interval '7 seconds'`);
    const job = await getJob(database, id);
    expect(job.progress).toEqual({ secondsLeft: 12 });
    expect(job.heartbeatAgeMs).toBeGreaterThanOrEqual(7000);
    expect(job.heartbeatAgeMs).toBeLessThan(60_000);
  });

  it('are listed newest first, page by page, without loss', async () => {
    const ids = [];
    for (let index = 0; index < 7; index++) ids.push((await createJob(database, { spec: someSpec() })).id);
    await requestCancel(database, ids[2] ?? '');
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await listJobs(database, { limit: 3, ...(cursor !== null && { cursor }) });
      seen.push(...page.jobs.map((job) => job.id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(ids.toReversed());
    const cancelled = await listJobs(database, { state: 'cancelled', limit: 10 });
    expect(cancelled.jobs.map((job) => job.id)).toEqual([ids[2]]);
  });
});
