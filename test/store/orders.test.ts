import { beforeEach, describe, expect, it } from 'vitest';
import { ConflictError, NotFoundError } from '../../src/errors.ts';
import { eventsAfter } from '../../src/store/events.ts';
import { createJob, getJob, listAttempts } from '../../src/store/jobs.ts';
import { claim, settle, sweepLostJobs } from '../../src/store/leases.ts';
import { requestCancel, requestPause, requestResume } from '../../src/store/orders.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';

const database = await testDatabase();
const worker = { owner: 'worker', host: 'host', pid: 1 };
const take = () => claim(database, worker, 60_000);
const submit = async () => (await createJob(database, { spec: someSpec() })).id;
const stateOf = async (id: string) => (await getJob(database, id)).state;

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

describe('a pause', () => {
  it('keeps a queued job from every worker until it is resumed', async () => {
    const id = await submit();
    expect(await requestPause(database, id)).toMatchObject({ state: 'paused', message: 'paused until it is resumed' });
    expect(await take()).toBeUndefined();
    expect(await requestResume(database, id)).toMatchObject({ state: 'queued', message: null });
    expect(await take()).toMatchObject({ id, attempt: 1 });
    const events = await eventsAfter(database, id, 0n, 100);
    const states = events.filter(({ type }) => type === 'state').map(({ data }) => (data as { state: string }).state);
    expect(states).toEqual(['queued', 'paused', 'queued', 'running']);
  });

  it('is the same when asked for twice', async () => {
    const id = await submit();
    await take();
    expect((await requestPause(database, id)).state).toBe('pausing');
    expect((await requestPause(database, id)).state).toBe('pausing');
  });

  it('ends in paused when the worker is lost on the way, and counts as no failure', async () => {
    const id = await submit();
    await take();
    await requestPause(database, id);
    await database.pool.query(`UPDATE job SET lease_until = clock_timestamp() - interval '1 second'`);
    expect(await take()).toBeUndefined(); // nobody takes over what is to pause
    expect(await sweepLostJobs(database)).toEqual([{ id, state: 'paused' }]);
    expect(await getJob(database, id)).toMatchObject({ state: 'paused', owner: null, numFailed: 0, finishedAt: null });
    expect(await listAttempts(database, id)).toMatchObject([{ outcome: 'lost' }]);
    await requestResume(database, id);
    expect(await take()).toMatchObject({ id, attempt: 2 });
  });

  it('gives way to cancelling', async () => {
    const [waiting, working] = [await submit(), await submit()];
    await take();
    await requestPause(database, waiting);
    expect((await requestCancel(database, waiting)).state).toBe('cancelling');
    await requestPause(database, working);
    expect(await requestCancel(database, working)).toMatchObject({ state: 'cancelled' });
    await expect(requestPause(database, waiting)).rejects.toThrow(ConflictError);
  });

  it('is refused for a job that is over or unknown; and so is going on with one that is not paused', async () => {
    const id = await submit();
    await expect(requestResume(database, id)).rejects.toThrow('is queued: only a paused job is resumed');
    await settle(database, (await take())!.fence, 'succeeded');
    await expect(requestPause(database, id)).rejects.toThrow('is over: it succeeded');
    await expect(requestResume(database, id)).rejects.toThrow(ConflictError);
    for (const ask of [requestPause, requestResume])
      await expect(ask(database, 'no-uuid')).rejects.toThrow(NotFoundError);
    expect(await stateOf(id)).toBe('succeeded');
  });
});
