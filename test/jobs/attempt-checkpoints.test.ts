// Checkpoints of a run over attempts: which are kept, which are passed over, and where the next attempt starts.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { release } from '../../src/store/leases.ts';
import type { ClaimedJob } from '../../src/store/leases.ts';
import { listCheckpoints } from '../../src/store/records.ts';
import { openAttempts } from '../support/attempts.ts';
import { testDatabase } from '../support/database.ts';
import { saveAndSay, step, trainer, trainers, trainersOfBoth } from '../support/fake-trainer.ts';
import { until } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.mock('../../jobs/executor/local-process.ts', async () => (await import('../support/fake-trainer.ts')).executor);

const database = await testDatabase();
const home = mkdtempSync(join(tmpdir(), 'tiresias-attempt-checkpoints-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));
beforeEach(async () => {
  trainers.length = 0;
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

const { store, begin, start } = openAttempts(database, home);
const arms = ['intervention'] as const;

async function checkpointsOf({ id }: ClaimedJob): Promise<number[]> {
  return (await listCheckpoints(database, id, 'intervention')).map((row) => row.step);
}

describe('the checkpoints of a run', () => {
  it('are kept as many as the plan says, the newest, and every evaluated one', async () => {
    const evaluation = { benchmarks: [], every: 4 }; // at 1332 and at the end
    const { job, end } = await start('kept', { arms: [...arms], training: { keepCheckpoints: 2 }, evaluation });
    const fake = await trainer(0);
    fake.say(step(1330));
    const saved = [1331, 1332, 1333, 1334].map((at) => saveAndSay(fake, at));
    fake.finish();
    await end;
    expect(await checkpointsOf(job)).toEqual([1334, 1333, 1332]);
    expect(saved.map(({ path }) => existsSync(path))).toEqual([false, true, true, true]);
  });

  it('are passed over when damaged or gone, and may be recorded anew', async () => {
    const { job, end } = await start('damaged', { arms: [...arms], training: { keepCheckpoints: 10 } });
    const first = await trainer(0);
    const saved = [1331, 1332, 1333, 1334].map((at) => saveAndSay(first, at));
    await until(async () => (await checkpointsOf(job)).length === 4);
    writeFileSync(join(saved[1]!.path, 'model.safetensors'), 'the weights after step 9999'); // four were saved
    rmSync(join(saved[2]!.path, 'manifest.json'));
    rmSync(saved[3]!.path, { recursive: true });
    first.die();
    const second = await trainer(1);
    expect(second.task).toMatchObject({ startFolder: saved[0]!.path, isOwnCheckpoint: true });
    expect(await checkpointsOf(job)).toEqual([1331]);
    second.say(step(1331));
    const again = saveAndSay(second, 1332);
    second.die();
    expect((await trainer(2)).task.startFolder).toBe(again.path);
    (await trainer(2)).finish();
    const damaged = 'intervention: the checkpoint of step 1333 was damaged and passed over';
    expect((await end).message).toContain(damaged);
    const events = await database.prisma.event.findMany({ where: { type: 'checkpoint-damaged' } });
    expect(events.map(({ data }) => (data as { step: number }).step)).toEqual([1334, 1333, 1332]);
    expect(await checkpointsOf(job)).toEqual([1332, 1331]);
  });

  it('serve the next attempt, which leaves an arm that is done as it is', async () => {
    await store('both');
    const { job, attempt, end } = await begin();
    const { control, intervention } = await trainersOfBoth();
    control.finish();
    intervention.say(step(1330));
    const { path } = saveAndSay(intervention, 1331);
    await until(async () => (await checkpointsOf(job)).length === 1);
    const done = { jobId: job.id, state: 'succeeded' };
    await until(async () => (await database.prisma.run.count({ where: done })) === 1);
    attempt.stop('preempted');
    await end;
    await release(database, job.fence);
    const second = await begin();
    const fake = await trainer(2);
    expect(fake.task).toMatchObject({ arm: 'intervention', startFolder: path, isOwnCheckpoint: true });
    expect(fake.task.checkpointFolder).toBe(join(home, 'jobs', job.id, 'attempt-2', 'intervention'));
    fake.finish();
    expect(await second.end).toEqual({ outcome: 'succeeded' });
    expect(trainers).toHaveLength(3);
  });

  it('leave nothing half-written behind when a trainer died while saving', async () => {
    const { job, end } = await start('half-written', { arms: [...arms] });
    const first = await trainer(0);
    saveAndSay(first, 1331);
    mkdirSync(join(first.task.checkpointFolder, 'step-1332.writing-4711'));
    first.die();
    const second = await trainer(1);
    second.say(step(1331));
    second.finish();
    await end;
    expect(readdirSync(join(home, 'jobs', job.id, 'attempt-1', 'intervention'))).toEqual(['step-1331']);
  });
});
