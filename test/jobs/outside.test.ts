// Jobs that another engine trains, on a real database, with stand-ins for trainers: nothing is trained here, what is imported is scored as the job's runs, and the
// job waits in between without a worker.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runWorker } from '../../jobs/worker.ts';
import type { Arm, JobSpecInput } from '../../src/job-spec.ts';
import { packagePath } from '../../src/package-root.ts';
import { createJob, getJob, listAttempts } from '../../src/store/jobs.ts';
import { testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { trainer, trainers, type FakeTrainer } from '../support/fake-trainer.ts';
import { someSpec, until } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.mock('../../jobs/executor/local-process.ts', async () => (await import('../support/fake-trainer.ts')).executor);

const database = await testDatabase();
const app = testApp(database);
const home = mkdtempSync(join(tmpdir(), 'tiresias-outside-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));

let stop: () => Promise<void>;
beforeEach(async () => {
  trainers.length = 0;
  await database.pool.query('TRUNCATE job, sweep CASCADE');
  const abort = new AbortController();
  const ended = runWorker({ database, home, numCores: 2, leaseMs: 60_000, beatMs: 20 }, abort.signal);
  stop = async () => {
    abort.abort();
    await ended;
  };
});
afterEach(() => stop());

async function store(changes: Partial<JobSpecInput> = {}): Promise<string> {
  const small: Partial<JobSpecInput> = { window: { steps: 4 }, evaluation: { benchmarks: [] } };
  const arms: JobSpecInput['arms'] = ['control', 'intervention'];
  const engine = { training: { engine: 'gpt-neox' as const } };
  const spec = someSpec({ dataset: 'nano-stories', backend: 'wasm', arms, ...small, ...engine, ...changes });
  return (await createJob(database, { spec })).id;
}

const inState = (id: string, state: string) => until(async () => (await getJob(database, id)).state === state, 30_000);

/** Scores held-back text, which is all that such a job wants scored, and ends. */
function score(fake: FakeTrainer): void {
  const evaluation = { benchmark: 'held-back', protocol: 'likelihood', sha256: 'f'.repeat(64), numItems: 0 };
  fake.say({
    type: 'evaluation',
    step: fake.task.scoreAt ?? NaN,
    evaluation: { ...evaluation, scores: {}, items: [] },
  });
  fake.finish();
}

function checkpoint(arm: Arm, step: number, engine = 'gpt-neox') {
  const path = join(home, `${arm}-${step}`);
  const text = `the manifest of ${arm} at ${step}`;
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'manifest.json'), text);
  const manifestSha256 = createHash('sha256').update(text).digest('hex');
  const origin = {
    engine,
    folder: '/scratch/trained',
    files: { 'layer_00.pt': 'a'.repeat(64) },
    exportManifestSha256: null,
  };
  return { arm, step, path, manifestSha256, sizeBytes: 1, origin };
}

async function send(id: string, body: unknown) {
  const answer = await request(app)
    .post(`/v1/jobs/${id}/checkpoints`)
    .send(body as object);
  return { status: answer.status, ...(answer.body as { detail?: string; state?: string }) };
}

describe('a job that GPT-NeoX trains', () => {
  it('is scored as it comes back, waits in between at no cost, and ends when both arms have come', async () => {
    const id = await store();
    for (const n of [0, 1]) {
      const { task } = await trainer(n);
      expect(task).toMatchObject({ scoreAt: 1330, isOwnCheckpoint: false });
      expect(task.startFolder).toBe(packagePath('suite', 'nano', 'nano-1m-seed1', 'step1330'));
      score(await trainer(n));
    }
    await inState(id, 'paused');
    expect((await getJob(database, id)).message).toMatch(
      /^waits for GPT-NeoX to train control and intervention to step 1334/,
    );

    expect(await send(id, checkpoint('control', 1334))).toMatchObject({ status: 202, state: 'queued' });
    const third = await trainer(2);
    expect(third.task).toMatchObject({ arm: 'control', scoreAt: 1334, startFolder: join(home, 'control-1334') });
    // One that comes while a worker is at the job is not overlooked.
    expect(await send(id, checkpoint('control', 1332))).toMatchObject({ status: 202, state: 'running' });
    score(third);
    const fourth = await trainer(3);
    expect(fourth.task).toMatchObject({ arm: 'control', scoreAt: 1332 });
    score(fourth);
    await inState(id, 'paused');
    expect((await getJob(database, id)).message).toMatch(/^waits for GPT-NeoX to train intervention to step 1334/);

    await send(id, checkpoint('intervention', 1334));
    score(await trainer(4));
    await inState(id, 'succeeded');
    const job = await getJob(database, id);
    expect(job.message).toMatch(/^trained by GPT-NeoX outside/);
    expect(job.runs.map(({ arm, state, step }) => [arm, state, step])).toEqual(
      expect.arrayContaining([
        ['control', 'succeeded', 1334],
        ['intervention', 'succeeded', 1334],
      ]),
    );
    expect(job.numPreempted).toBe((await listAttempts(database, id)).length - 1); // none of them counts
    expect(trainers).toHaveLength(5);

    const { checkpoints } = (await request(app).get(`/v1/jobs/${id}/checkpoints`)).body as { checkpoints: unknown[] };
    expect(checkpoints).toHaveLength(3);
    const { origin } = checkpoint('control', 1332);
    expect(checkpoints[0]).toMatchObject({ arm: 'control', step: 1332, origin });
    expect((await request(app).get(`/v1/jobs/${id}/manifest`)).body).toMatchObject({
      arms: { intervention: { steps: { step: [] }, checkpoints: [{ step: 1334, origin }] } },
    });
    const { labels } = (await request(app).get(`/v1/jobs/${id}/scores`)).body as { labels: { label: string }[] };
    expect(new Set(labels.map(({ label }) => label))).toEqual(new Set(['trained by GPT-NeoX']));
    expect(await send(id, checkpoint('control', 1333))).toMatchObject({
      status: 409,
      detail: expect.stringContaining('succeeded') as string,
    });
  });

  it('takes in nothing that does not fit, and says why', async () => {
    const id = await store({ arms: ['control'], evaluation: { benchmarks: [], atStart: false } });
    await inState(id, 'paused');
    expect(trainers).toEqual([]);
    const refused = async (body: unknown, job = id) => {
      const { status, detail } = await send(job, body);
      return `${status} ${detail ?? ''}`;
    };
    expect(await refused(checkpoint('control', 1330))).toMatch(/^400 .*step 1330 is none of job .* ends at 1334/);
    expect(await refused(checkpoint('control', 1335))).toMatch(/^400 .*step 1335/);
    expect(await refused(checkpoint('intervention', 1334))).toMatch(
      /^400 .*trains control; it has no training of interv/,
    );
    expect(await refused(checkpoint('control', 1334, 'another'))).toMatch(/^422/);
    expect(await refused({ ...checkpoint('control', 1334), path: 'relative' })).toMatch(/^422/);
    expect(await refused(checkpoint('control', 1334), '01900000-0000-7000-8000-000000000000')).toMatch(/^404/);
    await inState(id, 'paused');

    await stop(); // nobody begins the next ones
    const waiting = await store({ arms: ['control'] });
    expect(await refused(checkpoint('control', 1334), waiting)).toMatch(/^409 .*no worker has begun/);
    const own = await store({ arms: ['control'], training: {} });
    expect(await refused(checkpoint('control', 1334), own)).toMatch(/^400 .*is trained here, not by gpt-neox/);
    expect(await send(id, checkpoint('control', 1334))).toMatchObject({ status: 202 });
    expect(await refused(checkpoint('control', 1334))).toMatch(/^409 .*has a checkpoint at step 1334 already/);
  });

  it('fails when an imported checkpoint was changed before it was scored', async () => {
    const id = await store({ arms: ['control'], evaluation: { benchmarks: [], atStart: false } });
    await inState(id, 'paused');
    const changed = { ...checkpoint('control', 1334), manifestSha256: 'b'.repeat(64) };
    expect(await send(id, changed)).toMatchObject({ status: 202 });
    await inState(id, 'failed');
    expect(await getJob(database, id)).toMatchObject({
      reason: 'bad-data',
      message: expect.stringMatching(/control-1334\/manifest\.json: expected the one that was imported/) as string,
    });
  });
});
