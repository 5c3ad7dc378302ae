import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import { createJob } from '../../src/store/jobs.ts';
import { createToken } from '../../src/store/tokens.ts';
import { beatWorker, forgetWorker } from '../../src/store/workers.ts';
import { smallCatalog, somePage, takeJob, testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';

const database = await testDatabase();
const app = testApp(database);
const A = { id: '01900000-0000-4000-8000-00000000000a', host: 'a', pid: 7, owners: ['a:7:x', 'a:7:y'], numSlots: 2 };
const B = { id: '01900000-0000-4000-8000-00000000000b', host: 'b', pid: 8, owners: ['b:8:x'], numSlots: 1 };

beforeEach(async () => {
  await database.pool.query('TRUNCATE worker, job CASCADE');
});

describe('the workers', () => {
  it('are listed with what they hold and how long they have been silent', async () => {
    await beatWorker(database, A);
    await beatWorker(database, B);
    await createJob(database, { spec: someSpec({ name: 'theirs' }) });
    const { jobId } = await takeJob(database, ['control'], 'a:7:y');
    await database.pool.query(`UPDATE worker SET beat_at = beat_at - interval '2 minutes' WHERE host = 'b'`);
    const { workers } = (await request(app).get('/v1/workers')).body as { workers: { beatAgeMs: number }[] };
    expect(workers).toEqual([
      expect.objectContaining({
        ...{ id: A.id, host: 'a', pid: 7, numSlots: 2, order: null },
        jobs: [{ id: jobId, name: 'theirs', attempt: 1, state: 'running' }],
      }),
      expect.objectContaining({ id: B.id, jobs: [] }),
    ]);
    expect(workers[0]!.beatAgeMs).toBeLessThan(60_000);
    expect(workers[1]!.beatAgeMs).toBeGreaterThan(119_000);
  });

  it('hear their orders at the next beat, until they are released', async () => {
    await beatWorker(database, A);
    for (const [name, order] of [
      ['hold', 'hold'],
      ['drain', 'drain'],
      ['release', null],
    ] as const) {
      const { status, body } = await request(app).post(`/v1/workers/${A.id}/${name}`);
      expect([status, body]).toMatchObject([202, { id: A.id, order }]);
      expect(await beatWorker(database, A)).toBe(order);
    }
    for (const id of [B.id, 'none']) expect((await request(app).post(`/v1/workers/${id}/drain`)).status).toBe(404);
  });

  it('go when they end, and those that were killed with the next', async () => {
    await beatWorker(database, A);
    await beatWorker(database, B);
    await database.pool.query(`UPDATE worker SET beat_at = beat_at - interval '2 hours' WHERE host = 'b'`);
    await forgetWorker(database, A.id);
    expect((await request(app).get('/v1/workers')).body).toEqual({ workers: [] });
  });

  it('are seen by who may read, and ordered by admins alone', async () => {
    await beatWorker(database, A);
    const guarded = createApp({ database, catalog: smallCatalog, webFolder: somePage(), access: 'tokens' });
    const { token } = await createToken(database, { name: 'lab', scope: 'submit' });
    const bearer = { authorization: `Bearer ${token}` };
    expect((await request(guarded).get('/v1/workers').set(bearer)).status).toBe(200);
    const refused = await request(guarded).post(`/v1/workers/${A.id}/drain`).set(bearer);
    expect(refused.body).toMatchObject({
      status: 403,
      detail: expect.stringContaining('needs the scope admin') as string,
    });
  });
});
