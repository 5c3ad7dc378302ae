// Many jobs that have a control, a published checkpoint or a burn-in in common, at work at once. Real rows; trainers do what the test says.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { localExecutor } from '../../jobs/executor/local.ts';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { release, settle } from '../../src/store/leases.ts';
import { readManifest } from '../../src/store/results.ts';
import { endScoring, openAttempts, trained, trainerOf } from '../support/attempts.ts';
import { testDatabase } from '../support/database.ts';
import { finishBurnIn, sayScores, step, trainer, trainers, type FakeTrainer } from '../support/fake-trainer.ts';
import { until } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.mock('../../jobs/executor/local-process.ts', async () => (await import('../support/fake-trainer.ts')).executor);
vi.setConfig({ testTimeout: 120_000 }); // a machine that does other things

const database = await testDatabase();
const home = mkdtempSync(join(tmpdir(), 'tiresias-sharing-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));
beforeEach(async () => {
  trainers.length = 0;
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

const { store, begin, start } = openAttempts(database, home);
const other = { intervention: { direction: 'feminine-to-masculine' } } as const;

const three: Partial<JobSpecInput> = { arms: ['published', 'control', 'intervention'], window: { to: 1430 } };

describe('many jobs at once', () => {
  it('train one control, score one published checkpoint, and all come to their end', async () => {
    const numJobs = 6;
    for (let n = 0; n < numJobs; n++)
      await store(`job ${n}`, {
        ...three,
        intervention: { seed: n },
      });
    const all = await Promise.all(Array.from({ length: numJobs }, (_, n) => begin(1 + (n % 3))));
    const obeyed = new Set<FakeTrainer>();
    let isOver = false;
    const obey = (async () => {
      while (!isOver) {
        for (const fake of trainers.filter((one) => !obeyed.has(one))) {
          obeyed.add(fake);
          if (fake.task.arm === 'intervention') fake.say(step(1330));
          if (fake.task.arm === 'published') sayScores(fake);
          fake.finish();
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    for (const { end } of all) expect(await end).toEqual({ outcome: 'succeeded' });
    isOver = true;
    await obey;
    expect(trained()).toEqual(['control', ...Array.from({ length: numJobs }, () => 'intervention'), 'published']);
    const runs = await database.prisma.run.findMany({ where: { arm: { not: 'intervention' } } });
    expect(runs.filter(({ takenFromId }) => takenFromId !== null)).toHaveLength(numJobs - 1);
    expect(await database.prisma.takenScore.count()).toBe(numJobs - 1);
    expect(await database.prisma.evaluation.count()).toBe(1);
    expect(new Set(runs.map(({ state }) => state))).toEqual(new Set(['succeeded']));
  });

  it('do not wait for each other when each holds what the other needs', async () => {
    // Both were cut off: the first in its control, the second while it scored the published checkpoint.
    const first = await start('first', three, 1);
    await trainerOf(first, 'control');
    const second = await start('second', { ...three, ...other }, 1);
    const intervention = await trainerOf(second, 'intervention');
    intervention.say(step(1330));
    intervention.finish();
    await trainerOf(second, 'published');
    for (const { attempt, end, job } of [first, second]) {
      attempt.stop('preempted');
      await end;
      await release(database, job.fence);
    }
    const again = [await begin(1), await begin(1)] as const;
    (await trainerOf(again[0], 'control', 2)).finish();
    const late = await trainerOf(again[0], 'intervention');
    const published = await trainerOf(again[1], 'published', 2);
    endScoring(published);
    expect(await again[1].end).toEqual({ outcome: 'succeeded' });
    late.say(step(1330));
    late.finish();
    expect(await again[0].end).toEqual({ outcome: 'succeeded' });
    expect(trained()).toEqual(['control', 'control', 'intervention', 'intervention', 'published', 'published']);
  });
});

describe('a shared burn-in', () => {
  const burnIn = { training: { resume: 'burn-in', burnInSteps: 3 } } as const;

  it('is waited for and is where both jobs start; the manifest says whose it is', async () => {
    const first = await start('first', { ...burnIn, arms: ['intervention'] });
    const fake = await trainerOf(first, 'burn-in');
    const arms: JobSpecInput['arms'] = ['published', 'intervention'];
    const second = await start('second', { ...burnIn, ...other, arms, window: { to: 1430 } });
    const published = await trainerOf(second, 'published'); // which needs no moments
    endScoring(published);
    const progress = { numDone: 0, numSteps: 3, lossNats: null, waitsFor: 'first' };
    expect(second.attempt.progress.burnIn).toEqual(progress);
    const path = finishBurnIn(fake, 1330);
    for (const running of [first, second]) {
      const { task } = await trainerOf(running, 'intervention');
      expect(task).toMatchObject({ startFolder: path, isOwnCheckpoint: false });
    }
    expect(second.attempt.progress.burnIn).toBeNull();
    expect(trained()).toEqual(['burn-in', 'intervention', 'intervention', 'published']);
    const manifest = await readManifest(database, second.job.id);
    const takenFrom = { job: first.job.id, name: 'first' };
    expect(manifest).toMatchObject({ burnIn: { from: 1327, to: 1330, takenFrom } });
    for (const { attempt, end } of [first, second]) {
      attempt.stop('preempted');
      await end;
    }
  });

  it('is done by the one that waits when the first job ends, and anew when its files were damaged', async () => {
    const first = await start('first', { ...burnIn, arms: ['intervention'] });
    await trainerOf(first, 'burn-in');
    const second = await start('second', { ...burnIn, arms: ['intervention'] });
    await until(() => second.attempt.progress.burnIn?.waitsFor === 'first');
    first.attempt.stop('cancelled');
    await first.end;
    await settle(database, first.job.fence, 'cancelled');
    const path = finishBurnIn(await trainerOf(second, 'burn-in'), 1330);
    await trainerOf(second, 'intervention');
    writeFileSync(join(path, 'model.safetensors'), 'damaged');
    const third = await start('third', { ...burnIn, arms: ['intervention'] });
    const anew = finishBurnIn(await trainerOf(third, 'burn-in'), 1330);
    expect((await trainerOf(third, 'intervention')).task.startFolder).toBe(anew);
    for (const { attempt, end } of [second, third]) {
      attempt.stop('preempted');
      await end;
    }
  });
});

describe('a job whose trainers compute elsewhere', () => {
  it('shares nothing: the manifest does not name the machine', async () => {
    await store('first', { arms: ['control'] });
    const { end } = await begin(1, { ...localExecutor(1, 60_000), isHere: false });
    (await trainer(0)).finish();
    expect(await end).toEqual({ outcome: 'succeeded' });
    expect(await database.prisma.sharedRun.count()).toBe(0);
  });
});
