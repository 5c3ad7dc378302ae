// Answers made of a job's rows are made once for many viewers, and anew when the job has gone on.
import request from 'supertest';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type * as Computations from '../../src/api/computations.ts';
import { keep } from '../../src/api/kept-answers.ts';
import { evaluationOf } from '../../src/eval/evaluation.ts';
import type { Arm } from '../../src/job-spec.ts';
import { createJob, getJob } from '../../src/store/jobs.ts';
import type { Fence } from '../../src/store/leases.ts';
import { recordEvaluation, recordSteps } from '../../src/store/records.ts';
import { takeJob, testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec, someStep } from '../support/jobs.ts';

// How many effects were computed by the thread.
const computed = vi.hoisted(() => ({ effects: 0 }));
vi.mock('../../src/api/computations.ts', async (original) => {
  const real = await original<typeof Computations>();
  const compute: typeof real.compute = (name, input) => {
    if (name === 'effects') computed.effects += 1;
    return real.compute(name, input);
  };
  return { ...real, compute };
});

const database = await testDatabase();
const app = testApp(database);

let fence: Fence;
beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
  await createJob(database, { spec: someSpec() });
  fence = await takeJob(database, ['control', 'intervention']);
  computed.effects = 0;
});

async function score(arm: Arm, step: number): Promise<void> {
  const items = [1, -1, 2].map((difference, index) => ({
    ...{ index, biasType: 'gender', logLikelihood: [-20 + difference, -20], numTokens: [7, 7] },
  }));
  await recordEvaluation(database, fence, arm, step, evaluationOf('nano-crows-pairs', 'c'.repeat(64), items));
}

const ask = (what: string, etag?: string) => {
  const asked = request(app).get(`/v1/jobs/${fence.jobId}/${what}`);
  return etag === undefined ? asked : asked.set('if-none-match', etag);
};

describe('the scores of a job', () => {
  it('are computed once for viewers that ask at the same time, and for a comparison', async () => {
    await score('control', 1430);
    await score('intervention', 1430);
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask('scores')));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect((answers[0]!.body as { effects: unknown[] }).effects.length).toBeGreaterThan(0);
    expect((await request(app).get(`/v1/compare?jobs=${fence.jobId}`)).status).toBe(200);
    expect(computed.effects).toBe(1);
  });

  it('are new with each evaluation, whose effects alone are computed', async () => {
    await score('control', 1430);
    const before = await ask('scores');
    await score('intervention', 1430);
    const after = await ask('scores');
    expect((before.body as { effects: unknown[] }).effects).toEqual([]);
    expect((after.body as { effects: unknown[] }).effects.length).toBeGreaterThan(0);
    await score('control', 1440);
    await score('intervention', 1440);
    await ask('scores');
    expect(computed.effects).toBe(2);
  });
});

describe.each(['scores', 'metrics'])('the %s of a job', (what) => {
  it('are not sent again to a client that has them, until the job has gone on', async () => {
    await recordSteps(database, fence, 'control', [someStep(1330)]);
    const first = await ask(what);
    const etag = first.headers['etag'] as string;
    expect(etag).toMatch(/^W\/"/);
    const again = await ask(what, etag);
    expect([again.status, again.text]).toEqual([304, '']);
    await recordSteps(database, fence, 'control', [someStep(1331)]);
    const later = await ask(what, etag);
    expect(later.status).toBe(200);
    expect(later.headers['etag']).not.toBe(etag);
  });
});

describe('keep', () => {
  it('makes an answer anew after a failure', async () => {
    const job = await getJob(database, fence.jobId);
    await expect(keep(job, 'test', () => Promise.reject(new Error('once')))).rejects.toThrow('once');
    expect(await keep(job, 'test', () => Promise.resolve(7))).toBe(7);
  });

  it('keeps names and jobs apart', async () => {
    const job = await getJob(database, fence.jobId);
    const other = await createJob(database, { spec: someSpec() });
    const made = async (of: typeof job, name: string, value: number) => keep(of, name, () => Promise.resolve(value));
    expect(await made(job, 'one', 1)).toBe(1);
    expect(await made(job, 'two', 2)).toBe(2);
    expect(await made(other, 'one', 3)).toBe(3);
    expect(await made(job, 'one', 4)).toBe(1);
  });
});
