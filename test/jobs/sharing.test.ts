// A control that one job trains for another: what the other shows of it, and what becomes of it when either ends. Real rows; trainers do what the test says.
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { aggregateItems } from '../../src/store/aggregates.ts';
import { sumEdits } from '../../src/store/edits.ts';
import { listExperiments } from '../../src/store/experiments.ts';
import { findStart, pinStart } from '../../src/store/forks.ts';
import { getJob } from '../../src/store/jobs.ts';
import { release, settle } from '../../src/store/leases.ts';
import { requestPause, requestResume } from '../../src/store/orders.ts';
import {
  listEvaluations,
  listJobCheckpoints,
  readItems,
  readMetricTexts,
  readProofs,
} from '../../src/store/results.ts';
import { readVitals } from '../../src/store/vitals.ts';
import { complete, isWaiting, openAttempts, scoresOf, trained, trainerOf, type Running } from '../support/attempts.ts';
import { testDatabase } from '../support/database.ts';
import { saveAndSay, step, trainer, trainers } from '../support/fake-trainer.ts';
import { someStep, until } from '../support/jobs.ts';
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

const { begin, start, runOf, finish } = openAttempts(database, home);

async function controlSteps(jobId: string): Promise<unknown> {
  const { step } = JSON.parse((await readMetricTexts(database, jobId)).get('control') ?? '{}') as { step?: unknown };
  return step;
}

const other = { intervention: { direction: 'feminine-to-masculine' } } as const;

describe('a control that another job has trained', () => {
  it('is taken over with its steps, scores, items and checkpoints, and trained by no one', async () => {
    const first = await start('first');
    complete(await trainerOf(first, 'control'));
    complete(await trainerOf(first, 'intervention'));
    await finish(first);
    const second = await start('second', other);
    complete(await trainerOf(second, 'intervention'));
    await finish(second);
    expect(trained()).toEqual(['control', 'intervention', 'intervention']);

    const [a, b] = [first.job.id, second.job.id];
    const theirs = await runOf(first);
    const takenFrom = { run: theirs?.id, job: a, name: 'first' };
    expect(theirs).toMatchObject({ takenFrom: null, state: 'succeeded', step: 1334 });
    expect(await runOf(second)).toMatchObject({ takenFrom, state: 'succeeded', step: 1334 });
    expect(second.attempt.progress.arms.control).toMatchObject({ phase: 'done', step: 1334 });
    const control = async <T extends { arm: string }>(rows: Promise<readonly T[]>) =>
      (await rows).filter(({ arm }) => arm === 'control');
    expect((await readMetricTexts(database, b)).get('control')).toBe(
      (await readMetricTexts(database, a)).get('control'),
    );
    expect(await controlSteps(b)).toEqual([1330, 1331, 1332, 1333]);
    const [proof] = await control(readProofs(database, b));
    expect(proof).toEqual({
      ...(await control(readProofs(database, a)))[0],
      takenFrom: { job: a, name: 'first', run: theirs?.id },
    });
    for (const read of [listEvaluations, listJobCheckpoints, aggregateItems]) {
      const rows = await control<{ arm: string }>(read(database, b));
      expect(rows).not.toEqual([]);
      expect(rows).toEqual(await control<{ arm: string }>(read(database, a)));
    }
    const key = { arm: 'control', step: 1334, benchmark: 'some-pairs', protocol: 'likelihood' } as const;
    expect(await readItems(database, b, key)).toEqual(scoresOf('control').items);
    expect(await sumEdits(database, b, 'control')).toMatchObject({ numRows: 64, numEdits: 0 });
    const [experiment] = await listExperiments(database, [b]);
    expect(experiment?.evaluations.map(({ arm }) => arm).sort()).toEqual(['control', 'intervention']);
    expect((await readVitals(database)).numSteps).toBe(12); // each counted once
    const { rows } = await database.pool.query(`SELECT type, data FROM event WHERE type = 'taken-over'`);
    expect(rows).toEqual([{ type: 'taken-over', data: { arm: 'control', job: a, name: 'first' } }]);

    const place = await findStart(database, b, 'control', undefined);
    expect(place).toMatchObject({ job: b, arm: 'control', step: 1334 });
    await database.transaction((transaction) => pinStart(transaction, place));
    expect(
      (await database.prisma.checkpoint.findMany({ where: { isPinned: true } })).map(({ runId }) => runId),
    ).toEqual([theirs?.id]);
  });

  it('keeps its job from being deleted as long as another shows it', async () => {
    const first = await start('first', { arms: ['control'] });
    complete(await trainerOf(first, 'control'));
    await finish(first);
    const second = await start('second', { arms: ['control'] });
    await finish(second);
    await expect(database.prisma.job.delete({ where: { id: first.job.id } })).rejects.toThrow(/taken_from_id_fkey/);
    await database.prisma.job.delete({ where: { id: second.job.id } });
    await database.prisma.job.delete({ where: { id: first.job.id } });
    expect(await database.prisma.sharedRun.count()).toBe(0);
  });

  it('is trained anew by a job that is an independent repetition, and by one whose numbers may differ', async () => {
    const first = await start('first', { arms: ['control'] });
    complete(await trainerOf(first, 'control'));
    await finish(first);
    for (const changes of [
      { training: { shareArms: false } },
      { training: { gelu: 'erf' } },
      { window: { steps: 3 } },
    ] as const) {
      const again = await start('again', { arms: ['control'], ...changes });
      (await trainerOf(again, 'control')).finish();
      await finish(again);
      expect(await runOf(again)).toMatchObject({ takenFrom: null });
    }
    // The repetition has offered nothing to others.
    expect(await database.prisma.sharedRun.count()).toBe(3);
  });
});

describe('a control on which another job is at work', () => {
  it('comes last, is waited for, and is taken over when it is done', async () => {
    const first = await start('first');
    await trainerOf(first, 'control');
    const second = await start('second', other, 1);
    expect((await trainerOf(second, 'intervention')).task.arm).toBe('intervention');
    expect(second.attempt.progress.arms.control?.phase).toBe('waiting for the control of job first');
    complete(await trainerOf(second, 'intervention'));
    await until(async () => (await runOf(second, 'intervention'))?.state === 'succeeded');
    complete(await trainerOf(first, 'control'));
    await finish(second); // while the first is at its intervention
    complete(await trainerOf(first, 'intervention'));
    await finish(first);
    expect(trained()).toEqual(['control', 'intervention', 'intervention']);
    expect(await runOf(second)).toMatchObject({ takenFrom: { name: 'first' } });
  });

  it.each(['cancelled', 'preempted', 'lost'] as const)('lets a job that waits end at once as %s', async (reason) => {
    await start('first', { arms: ['control'] });
    await trainer(0);
    const second = await start('second', { arms: ['control'] });
    await until(() => isWaiting(second, 'control', 'first'));
    const asked = performance.now();
    second.attempt.stop(reason);
    expect(await second.end).toEqual({ outcome: reason });
    expect(performance.now() - asked).toBeLessThan(1_500); // less than it waits between two looks
    expect(trainers).toHaveLength(1);
  });

  it.each([
    ['is queued again without a worker', (first: Running) => release(database, first.job.fence)],
    [
      'is paused',
      async (first: Running) => {
        await requestPause(database, first.job.id);
        await release(database, first.job.fence);
      },
    ],
    ['is cancelled', (first: Running) => settle(database, first.job.fence, 'cancelled')],
    [
      'loses its worker',
      () => database.pool.query(`UPDATE job SET lease_until = now() - interval '1 s' WHERE name = 'first'`),
    ],
  ] as const)('is gone on with by the one that waits when its job %s', async (_, letGo) => {
    const first = await start('first', { arms: ['control'] });
    const begun = await trainerOf(first, 'control');
    begun.say(step(1330, 0));
    begun.say(step(1331, 0));
    const { path } = saveAndSay(begun, 1332);
    const second = await start('second', { arms: ['control'] });
    await until(() => isWaiting(second, 'control', 'first'));
    await until(async () => (await database.prisma.checkpoint.count()) === 1);
    first.attempt.stop('preempted');
    await first.end;
    await letGo(first);
    const heir = await trainerOf(second, 'control');
    expect(heir.task).toMatchObject({ startFolder: path, isOwnCheckpoint: true });
    complete(heir, 1332);
    await finish(second);
    const run = await runOf(second);
    expect(run).toMatchObject({ takenFrom: null, state: 'succeeded', step: 1334 });
    const metrics = [first, second].map(({ job }) => controlSteps(job.id));
    for (const steps of await Promise.all(metrics)) expect(steps).toEqual([1330, 1331, 1332, 1333]);
    expect(await runOf(first)).toMatchObject({ takenFrom: { run: run?.id } });
    expect(await database.prisma.step.count()).toBe(4);

    // The first takes it over in turn, if it goes on at all.
    const { state } = await getJob(database, first.job.id);
    if (state === 'cancelled') return;
    if (state === 'paused') await requestResume(database, first.job.id);
    const again = await begin();
    expect(again.job.id).toBe(first.job.id);
    await finish(again);
    expect(trained()).toEqual(['control', 'control']);
  });

  it('is begun anew when its job failed, which keeps what it has recorded', async () => {
    const first = await start('first', { arms: ['control'] });
    (await trainerOf(first, 'control')).say(step(1330, 0));
    await until(async () => (await database.prisma.step.count()) === 1);
    const second = await start('second', { arms: ['control'] });
    await until(() => isWaiting(second, 'control', 'first'));
    (await trainerOf(first, 'control')).say({ type: 'failed', reason: 'program', message: 'a bug' });
    (await trainerOf(first, 'control')).die();
    await first.end;
    await settle(database, first.job.fence, 'failed', { reason: 'program' });
    const heir = await trainerOf(second, 'control');
    expect(heir.task).toMatchObject({ isOwnCheckpoint: false });
    complete(heir);
    await finish(second);
    expect(await runOf(first)).toMatchObject({ takenFrom: null, state: 'failed', step: 1331 });
    expect(await database.prisma.step.count()).toBe(5);
  });

  it('takes no late word of a worker that was believed dead', async () => {
    const first = await start('first', { arms: ['control'] });
    const stale = await trainerOf(first, 'control');
    stale.say(step(1330, 0));
    saveAndSay(stale, 1331);
    await until(async () => (await database.prisma.checkpoint.count()) === 1);
    await database.pool.query(`UPDATE job SET lease_until = now() - interval '1 s'`);
    const second = await start('second', { arms: ['control'], priority: 1 }); // claimed before the first is again
    const heir = await trainerOf(second, 'control');
    stale.say({ type: 'step', record: someStep(1331, { lossNats: 99 }) });
    expect(await first.end).toEqual({ outcome: 'lost' });
    expect(stale.asked).toContain('kill');
    complete(heir, 1331);
    await finish(second);
    const steps = await database.prisma.step.findMany({ orderBy: { step: 'asc' } });
    expect(steps.map((one) => [one.step, one.lossNats])).toEqual(
      [1330, 1331, 1332, 1333].map((at) => [at, someStep(at).lossNats]),
    );
  });
});
