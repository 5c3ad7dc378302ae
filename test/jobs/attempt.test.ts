import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Attempt } from '../../jobs/attempt.ts';
import { describeDeath } from '../../jobs/out-of-memory.ts';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { createJob } from '../../src/store/jobs.ts';
import { claim, release, settle, type ClaimedJob } from '../../src/store/leases.ts';
import { packagePath } from '../../src/package-root.ts';
import { endScoring } from '../support/attempts.ts';
import { testDatabase } from '../support/database.ts';
import { finishBurnIn, saveAndSay, step, trainer, trainers, trainersOfBoth } from '../support/fake-trainer.ts';
import { someStep, someSpec, until } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.mock('../../jobs/executor/local-process.ts', async () => (await import('../support/fake-trainer.ts')).executor);

const database = await testDatabase();
const home = mkdtempSync(join(tmpdir(), 'tiresias-attempt-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));
beforeEach(async () => {
  trainers.length = 0;
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

/** Stores a job of the intervention alone over four steps, unless told otherwise. */
async function store(changes: Partial<JobSpecInput> = {}): Promise<string> {
  const small: Partial<JobSpecInput> = { window: { steps: 4 }, arms: ['intervention'], evaluation: { benchmarks: [] } };
  const spec = someSpec({ dataset: 'nano-stories', backend: 'wasm', ...small, ...changes });
  return (await createJob(database, { spec })).id;
}

/** The next attempt of the one job that is stored. */
async function begin(numCores = 2) {
  const job = await claim(database, { owner: `owner ${Math.random()}`, host: 'host', pid: 1 }, 60_000);
  if (job === undefined) throw new Error('nothing to claim');
  const attempt = new Attempt(job, { database, home, numCores });
  return { job, attempt, end: attempt.run() };
}

async function start(changes: Partial<JobSpecInput> = {}, numCores = 2) {
  await store(changes);
  return begin(numCores);
}

async function stepsOf({ id }: ClaimedJob): Promise<number[]> {
  const rows = await database.prisma.step.findMany({ where: { run: { jobId: id } }, orderBy: { step: 'asc' } });
  return rows.map((row) => row.step);
}

describe('an attempt', () => {
  it('trains the arms side by side and scores the published one when a core is free', async () => {
    const { job, end } = await start({ arms: ['published', 'control', 'intervention'], window: { to: 1430 } });
    const { control, intervention } = await trainersOfBoth();
    expect(trainers).toHaveLength(2);
    for (const { task } of [control, intervention]) {
      expect(task.startFolder).toBe(packagePath('suite', 'nano', 'nano-1m-seed1', 'step1330'));
      expect(task).toMatchObject({ isOwnCheckpoint: false, heldBack: { from: 1430 * 16, to: 1430 * 16 + 64 } });
      expect(task.checkpointFolder).toBe(join(home, 'jobs', job.id, 'attempt-1', task.arm));
    }
    intervention.say(step(1330));
    intervention.finish();
    const published = await trainer(2);
    expect(published.task).toMatchObject({ arm: 'published' });
    expect(published.task.startFolder).toBe(packagePath('suite', 'nano', 'nano-1m-seed1', 'step1430'));
    endScoring(published);
    control.finish();
    expect(await end).toEqual({ outcome: 'succeeded' });
    const runs = await database.prisma.run.findMany({ where: { jobId: job.id } });
    expect(runs.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  });

  it('trains one arm after the other on one core', async () => {
    const { job, end } = await start({ arms: ['control', 'intervention'] }, 1);
    const first = await trainer(0);
    first.say(step(1330, 0));
    await until(async () => (await stepsOf(job)).length === 1);
    expect(trainers.map(({ task }) => task.arm)).toEqual(['control']);
    first.finish();
    const second = await trainer(1);
    expect(second.task.arm).toBe('intervention');
    second.say(step(1330));
    second.finish();
    expect(await end).toEqual({ outcome: 'succeeded' });
  });

  it('stores the plan once and a manifest before anything is trained', async () => {
    const { job, attempt, end } = await start();
    await trainer(0);
    const stored = await database.prisma.job.findUniqueOrThrow({ where: { id: job.id } });
    expect(stored.plan).toMatchObject({ from: 1330, to: 1334, backend: { name: 'wasm' } });
    expect(stored.manifest).toMatchObject({ format: 'tiresias-manifest-1', plan: stored.plan });
    attempt.stop('preempted');
    await end;
    await release(database, job.fence);
    await database.prisma.job.update({
      where: { id: job.id },
      data: { plan: { ...(stored.plan as object), to: 1332 } },
    });
    const again = await begin();
    expect((await trainer(1)).task.plan.to).toBe(1332); // the stored plan, whatever would be resolved now
    again.attempt.stop('preempted');
    await again.end;
  });

  it('fails without a pronoun edit, and succeeds with a note where that was expected', async () => {
    for (const expectNoEdits of [false, true]) {
      const { job, end } = await start({ intervention: { expectNoEdits }, arms: ['published', 'intervention'] });
      const fake = await trainer(trainers.length);
      fake.say(step(1330, 0));
      fake.finish();
      const ending = await end;
      if (expectNoEdits) {
        const message =
          'no pronoun was changed; the suite has no checkpoint at step 1334 here, so there is no published arm';
        expect(ending).toEqual({ outcome: 'succeeded', message });
      } else {
        expect(ending).toMatchObject({ outcome: 'failed', reason: 'no-edits' });
        expect(ending.message).toMatch(/steps 1330 to 1334/);
      }
      await settle(database, job.fence, 'cancelled');
    }
  });
});

describe('a burn-in', () => {
  const burnIn = { training: { resume: 'burn-in', burnInSteps: 3 } } as const;

  it('comes before the arms and is where both start; the published arm has nothing to do with it', async () => {
    const arms = ['published', 'control', 'intervention'] as const;
    const { attempt, job, end } = await start({ ...burnIn, arms: [...arms], window: { to: 1430 } });
    const first = await trainer(0);
    expect(first.task).toMatchObject({ arm: 'burn-in', plan: { resume: 'burn-in', burnInSteps: 3 } });
    expect(first.task.startFolder).toBe(packagePath('suite', 'nano', 'nano-1m-seed1', 'step1330'));
    expect(attempt.progress.burnIn).toEqual({ numDone: 0, numSteps: 3, lossNats: null });
    first.say({ type: 'burn-in', step: 1327, lossNats: 1.5 });
    expect(attempt.progress.burnIn).toEqual({ numDone: 1, numSteps: 3, lossNats: 1.5 });
    for (const step of [1328, 1329]) first.say({ type: 'burn-in', step, lossNats: 1.5 });
    expect(attempt.progress.burnIn).toBeNull();
    expect(trainers).toHaveLength(1);
    const path = finishBurnIn(first, 1330);
    expect(path).toBe(join(home, 'jobs', job.id, 'attempt-1', 'burn-in', 'step-1330'));
    for (const fake of [await trainer(1), await trainer(2)]) {
      expect(fake.task).toMatchObject({ startFolder: path, isOwnCheckpoint: false });
      fake.say(step(1330));
      fake.finish();
    }
    const published = await trainer(3);
    expect(published.task.startFolder).toBe(packagePath('suite', 'nano', 'nano-1m-seed1', 'step1430'));
    endScoring(published);
    expect(await end).toEqual({ outcome: 'succeeded' });
    const { manifest } = await database.prisma.job.findUniqueOrThrow({ where: { id: job.id } });
    const sha256 = createHash('sha256')
      .update(readFileSync(join(path, 'manifest.json')))
      .digest('hex');
    expect(manifest).toMatchObject({ burnIn: { from: 1327, to: 1330, manifestSha256: sha256 } });
  });

  it('is done again when its trainer dies, and once for all attempts', async () => {
    const { attempt, job, end } = await start(burnIn);
    (await trainer(0)).die();
    const path = finishBurnIn(await trainer(1), 1330);
    expect((await trainer(2)).task).toMatchObject({ arm: 'intervention', startFolder: path });
    attempt.stop('preempted');
    await end;
    await release(database, job.fence);
    const again = await begin();
    expect((await trainer(3)).task).toMatchObject({ arm: 'intervention', startFolder: path, isOwnCheckpoint: false });
    again.attempt.stop('preempted');
    await again.end;
    await release(database, again.job.fence);
    writeFileSync(join(path, 'model.safetensors'), 'damaged');
    const third = await begin();
    expect((await trainer(4)).task.arm).toBe('burn-in');
    third.attempt.stop('preempted');
    expect(await third.end).toEqual({ outcome: 'preempted' });
    expect(trainers).toHaveLength(5);
  });

  it('fails the job with its own words, or as poison after five deaths', async () => {
    const numerical = await start(burnIn);
    (await trainer(0)).say({ type: 'failed', reason: 'numerical', message: 'step 1328: loss NaN' });
    trainers[0]!.die('exit code 0');
    const message = 'burn-in: step 1328: loss NaN';
    expect(await numerical.end).toEqual({ outcome: 'failed', reason: 'numerical', message });
    await settle(database, numerical.job.fence, 'cancelled');
    const poison = await start(burnIn);
    for (let n = 1; n <= 5; n++) (await trainer(n)).die();
    expect(await poison.end).toMatchObject({ outcome: 'failed', reason: 'poison' });
    expect(trainers).toHaveLength(6);
  });
});

describe('a trainer that dies', () => {
  it('is started again from the newest checkpoint, and what it says again is recorded once', async () => {
    const { job, end } = await start();
    const first = await trainer(0);
    first.say(step(1330));
    const { path } = saveAndSay(first, 1331);
    first.say(step(1331));
    first.die();
    const second = await trainer(1);
    expect(second.task).toMatchObject({ startFolder: path, isOwnCheckpoint: true });
    for (const at of [1331, 1332, 1333]) second.say(step(at));
    second.finish();
    expect(await end).toEqual({ outcome: 'succeeded' });
    expect(await stepsOf(job)).toEqual([1330, 1331, 1332, 1333]);
  });

  it('fails the job for want of memory, with a proposal, when the system killed it five times', async () => {
    const { end } = await start();
    for (let n = 0; n < 5; n++) (await trainer(n)).die(describeDeath(null, 'SIGKILL', false));
    const ending = await end;
    expect(ending).toMatchObject({ outcome: 'failed', reason: 'out-of-memory' });
    expect(ending.message).toMatch(
      /died 5 times.*probably the machine ran out of memory.*microBatchSize 8 \(8 × 128 tokens\) would need/,
    );
  });

  it('makes the job poison after five deaths without a new checkpoint, which one in between forgives', async () => {
    const { end } = await start();
    for (let n = 0; n < 4; n++) (await trainer(n)).die();
    const fifth = await trainer(4);
    saveAndSay(fifth, 1331);
    fifth.die(); // the first since that checkpoint
    for (let n = 5; n < 9; n++) (await trainer(n)).die('exit code 134');
    expect(await end).toEqual({
      outcome: 'failed',
      reason: 'poison',
      message: 'the trainer of intervention died 5 times with no new checkpoint (exit code 134)',
    });
    expect(trainers).toHaveLength(9);
  });

  it('goes on when somebody else told it to save and stop, however often', async () => {
    const { job, end } = await start();
    for (let n = 0; n < 6; n++) {
      const fake = await trainer(n);
      if (n === 0) saveAndSay(fake, 1331);
      fake.say({ type: 'stopped' });
      fake.die();
    }
    const last = await trainer(6);
    for (const at of [1331, 1332, 1333]) last.say(step(at));
    last.finish();
    expect(await end).toEqual({ outcome: 'succeeded' });
    expect(await stepsOf(job)).toEqual([1331, 1332, 1333]);
  });

  it('fails the job with its own words when it had some, and stops the other arm', async () => {
    const { end } = await start({ arms: ['control', 'intervention'] });
    const { control, intervention } = await trainersOfBoth();
    control.say({ type: 'failed', reason: 'numerical', message: 'step 1330: loss NaN' });
    control.die('exit code 0');
    expect(await end).toEqual({ outcome: 'failed', reason: 'numerical', message: 'control: step 1330: loss NaN' });
    expect(intervention.asked).toEqual(['stop']);
    expect(trainers).toHaveLength(2);
  });

  it('fails the job when a step was recorded with another batch before', async () => {
    const { end } = await start();
    const fake = await trainer(0);
    fake.say(step(1330));
    fake.say({ type: 'step', record: someStep(1330, { sha256After: 'c'.repeat(64) }) });
    const ending = await end;
    expect(ending).toMatchObject({ outcome: 'failed', reason: 'bad-data' });
    expect(ending.message).toMatch(/step 1330: attempt 1 read batch .* the data or the rules changed/);
    expect(fake.asked).toContain('kill');
  });
});

describe('an attempt that is stopped', () => {
  it.each(['preempted', 'cancelled'] as const)('lets its trainers save and ends as %s', async (reason) => {
    const { job, attempt, end } = await start({ arms: ['control', 'intervention'] });
    await trainer(1);
    attempt.stop(reason);
    attempt.stop(reason); // told again by the next heartbeat
    expect(await end).toEqual({ outcome: reason });
    expect(trainers.map(({ asked }) => asked)).toEqual([['stop'], ['stop']]);
    const runs = await database.prisma.run.findMany({ where: { jobId: job.id } });
    expect(runs.map(({ state }) => state)).toEqual(['running', 'running']);
  });

  it('kills its trainers and records nothing more when another worker has the job', async () => {
    const { job, end } = await start();
    const fake = await trainer(0);
    fake.say(step(1330));
    await until(async () => (await stepsOf(job)).length === 1);
    await database.pool.query(`UPDATE job SET lease_until = now() - interval '1 s'`);
    const other = await claim(database, { owner: 'other', host: 'host', pid: 2 }, 60_000);
    expect(other?.attempt).toBe(2);
    fake.say(step(1331));
    fake.say(step(1332));
    expect(await end).toEqual({ outcome: 'lost' });
    expect(fake.asked).toContain('kill');
    expect(await stepsOf(job)).toEqual([1330]);
  });

  it('does not start what it has not started', async () => {
    await store();
    const job = await claim(database, { owner: 'owner', host: 'host', pid: 1 }, 60_000);
    const attempt = new Attempt(job!, { database, home, numCores: 2 }); // it was just stored
    attempt.stop('cancelled');
    expect(await attempt.run()).toEqual({ outcome: 'cancelled' });
    expect(trainers).toEqual([]);
  });
});
