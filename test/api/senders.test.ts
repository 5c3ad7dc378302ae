// Whose token a job or a sweep was sent with: kept with it, told, and searched for.
import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import { takeJob, testApp, smallCatalog, somePage } from '../support/api.ts';
import { recordCheckpoint } from '../../src/store/records.ts';
import { createToken, revokeToken } from '../../src/store/tokens.ts';
import { testDatabase } from '../support/database.ts';

const database = await testDatabase();
const app = createApp({ database, catalog: smallCatalog, webFolder: somePage(), access: 'tokens' });
const minimal = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-corpus' };
const grid = { 'intervention.probability': [0.5, 1] };

interface Answer {
  readonly id: string;
  readonly submittedBy: { readonly name: string; readonly token: string } | null;
}

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep, token CASCADE');
});

async function holder(name: string) {
  const { token, row } = await createToken(database, { name, scope: 'submit' });
  const authorization = `Bearer ${token}`;
  return {
    id: row.id,
    post: async (path: string, body: object) => {
      const answer = await request(app).post(`/v1/${path}`).set({ authorization }).send(body).expect(201);
      return answer.body as { job: Answer; sweep: Answer; jobs: Answer[] };
    },
    get: async <T>(path: string) =>
      (await request(app).get(`/v1/${path}`).set({ authorization }).expect(200)).body as T,
  };
}

describe('a job', () => {
  it('says whose token it was sent with, in every answer, and is found by it', async () => {
    const [anna, ben] = [await holder('anna'), await holder('ben')];
    const { job } = await anna.post('jobs', minimal);
    await ben.post('jobs', minimal);
    expect(job.submittedBy).toEqual({ name: 'anna', token: anna.id });
    expect((await ben.get<Answer>(`jobs/${job.id}`)).submittedBy).toEqual({ name: 'anna', token: anna.id });
    const found = await ben.get<{ jobs: Answer[] }>('jobs?submittedBy=anna');
    expect(found.jobs.map(({ id }) => id)).toEqual([job.id]);
    expect((await ben.get<{ jobs: Answer[] }>('jobs?submittedBy=carla')).jobs).toEqual([]);
  });

  it('that is forked is the one of whoever forked it', async () => {
    const [anna, ben] = [await holder('anna'), await holder('ben')];
    const { job } = await anna.post('jobs', minimal);
    const fence = await takeJob(database);
    const checkpoint = { step: 1400, path: '/there', manifestSha256: 'a', sizeBytes: 1 };
    await recordCheckpoint(database, fence, 'control', checkpoint);
    const fork = await ben.post(`jobs/${job.id}/fork`, { arm: 'control' });
    expect(fork.job.submittedBy?.name).toBe('ben');
  });

  it('keeps the name when the token is revoked, and when its row is gone', async () => {
    const [anna, ben] = [await holder('anna'), await holder('ben')];
    const { job } = await anna.post('jobs', minimal);
    const { sweep } = await anna.post('sweeps', { base: minimal, grid });
    const told = { name: 'anna', token: anna.id };
    for (const remove of [
      () => revokeToken(database, anna.id),
      () => database.pool.query('DELETE FROM token WHERE id = $1', [anna.id]),
    ]) {
      await remove();
      expect((await ben.get<Answer>(`jobs/${job.id}`)).submittedBy).toEqual(told);
      expect((await ben.get<{ sweep: Answer }>(`sweeps/${sweep.id}`)).sweep.submittedBy).toEqual(told);
    }
  });

  it('of a server that asks for no tokens was sent by nobody', async () => {
    const made = await request(testApp(database)).post('/v1/jobs').send(minimal).expect(201);
    expect((made.body as { job: Answer }).job.submittedBy).toBeNull();
  });
});

describe('a sweep', () => {
  it('says who sent it, as its jobs do, and points say who added them', async () => {
    const [anna, ben] = [await holder('anna'), await holder('ben')];
    const { sweep, jobs } = await anna.post('sweeps', { base: minimal, grid });
    expect([sweep, ...jobs].map(({ submittedBy }) => submittedBy?.name)).toEqual(['anna', 'anna', 'anna']);
    const added = await ben.post(`sweeps/${sweep.id}/points`, { grid: { 'intervention.probability': [0.1] } });
    expect(added.sweep.submittedBy?.name).toBe('anna');
    expect(added.jobs.map(({ submittedBy }) => submittedBy?.name)).toEqual(['anna', 'anna', 'ben']);
  });
});
