// Scores of one published checkpoint that jobs with other benchmarks have in common: each is made once. Real rows; trainers do what the test says.
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { aggregateItems } from '../../src/store/aggregates.ts';
import { listScoredSteps, readItemHistory } from '../../src/store/items.ts';
import { createJob } from '../../src/store/jobs.ts';
import { claim, release, settle } from '../../src/store/leases.ts';
import { claimScores } from '../../src/store/published-scores.ts';
import { listEvaluations, readItems, readProofs } from '../../src/store/results.ts';
import { ensureRun } from '../../src/store/runs.ts';
import { endScoring, isWaiting, openAttempts, trainerOf, type Running } from '../support/attempts.ts';
import { testDatabase } from '../support/database.ts';
import { sayScores, trainers, type FakeTrainer } from '../support/fake-trainer.ts';
import { someSpec, until } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.mock('../../jobs/executor/local-process.ts', async () => (await import('../support/fake-trainer.ts')).executor);
vi.setConfig({ testTimeout: 120_000 }); // a machine that does other things

const database = await testDatabase();
const home = mkdtempSync(join(tmpdir(), 'tiresias-published-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));
beforeEach(async () => {
  trainers.length = 0;
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

const { begin, start, runOf, finish } = openAttempts(database, home);
type Benchmarks = NonNullable<JobSpecInput['evaluation']>['benchmarks'];
const [PAIRS, WINO] = ['nano-crows-pairs', 'nano-winobias'];
const FP16 = { benchmark: PAIRS, protocol: 'fp16-emulated' } as const;

/** A job that only scores the published checkpoint. */
const scoring = (benchmarks: Benchmarks, changes: Partial<JobSpecInput> = {}): Partial<JobSpecInput> => ({
  ...{ arms: ['published'], window: { to: 1430 }, evaluation: { benchmarks } },
  ...changes,
});

/** What a trainer was told to score. */
function askedOf({ task }: FakeTrainer): string[] {
  const asked = task.scorings.map(({ benchmark, protocol }) => `${benchmark.name} ${protocol}`);
  return task.heldBack === null ? asked : [...asked, 'held-back'];
}

async function scoreAll(running: Running, nth = 1): Promise<string[]> {
  const fake = await trainerOf(running, 'published', nth);
  endScoring(fake);
  return askedOf(fake);
}

const takenBy = async (running: Running) => (await runOf(running, 'published'))?.takenScores ?? [];
const placesOf = async ({ job }: Running) =>
  (await listEvaluations(database, job.id)).map(({ benchmark, protocol }) => `${benchmark} ${protocol}`);

describe('scores of a published checkpoint', () => {
  it('that are there are taken, and the job scores the rest alone', async () => {
    const first = await start('first', scoring([PAIRS]));
    expect(await scoreAll(first)).toEqual([`${PAIRS} likelihood`, 'held-back']);
    await finish(first);
    const second = await start('second', scoring([WINO, PAIRS]));
    expect(await scoreAll(second)).toEqual([`${WINO} likelihood`]);
    await finish(second);
    const third = await start('third', scoring([WINO, PAIRS]));
    await finish(third); // which has nothing to do
    expect(trainers).toHaveLength(2);

    const [a, b] = [
      { job: first.job.id, name: 'first' },
      { job: second.job.id, name: 'second' },
    ];
    const [pairs, held, wino] = [PAIRS, 'held-back', WINO].map((benchmark) => {
      return { benchmark, protocol: 'likelihood', settings: {} };
    });
    expect([await takenBy(first), await takenBy(second)]).toEqual([
      [],
      [
        { ...held, ...a },
        { ...pairs, ...a },
      ],
    ]);
    expect(await takenBy(third)).toEqual([
      { ...held, ...a },
      { ...pairs, ...a },
      { ...wino, ...b },
    ]);
    expect(await database.prisma.evaluation.count()).toBe(3);
    const proof = (await readProofs(database, third.job.id)).find(({ arm }) => arm === 'published');
    expect(proof).toMatchObject({ state: 'succeeded', takenFrom: null, takenScores: await takenBy(third) });
  });

  it('are shown by every reader as if the job had made them', async () => {
    const first = await start('first', scoring([PAIRS, WINO]));
    await scoreAll(first);
    await finish(first);
    const second = await start('second', scoring([FP16, WINO, PAIRS]));
    expect(await scoreAll(second)).toEqual([`${PAIRS} fp16-emulated`]);
    await finish(second);
    const [theirs, ours] = [first.job.id, second.job.id];
    expect(await placesOf(second)).toEqual([
      'held-back likelihood',
      `${PAIRS} fp16-emulated`,
      `${PAIRS} likelihood`,
      `${WINO} likelihood`,
    ]);
    const shared = <T extends { protocol: string }>(rows: readonly T[]) =>
      rows.filter(({ protocol }) => protocol === 'likelihood');
    expect(shared(await listEvaluations(database, ours))).toEqual(await listEvaluations(database, theirs));
    expect(shared(await aggregateItems(database, ours))).toEqual(await aggregateItems(database, theirs));
    const place = { benchmark: PAIRS, protocol: 'likelihood', settings: {} };
    const key = { ...place, arm: 'published', step: 1430 } as const;
    for (const read of [
      (id: string) => readItems(database, id, key),
      (id: string) => readItems(database, id, { ...key, settings: undefined }),
      (id: string) => listScoredSteps(database, id, place),
      (id: string) => readItemHistory(database, id, place, 1),
    ]) {
      expect(await read(ours)).toEqual(await read(theirs));
      expect(await read(ours)).toBeTruthy();
    }
    expect(await listScoredSteps(database, ours, place)).toHaveLength(1);
  });

  it('on which another job is at work come last, and are waited for', async () => {
    const first = await start('first', scoring([PAIRS]));
    await trainerOf(first, 'published');
    const second = await start('second', scoring([PAIRS, WINO]));
    expect(await scoreAll(second)).toEqual([`${WINO} likelihood`]);
    await until(() => isWaiting(second, 'published', 'first'));
    expect(await placesOf(second)).toEqual([`${WINO} likelihood`]);
    await scoreAll(first);
    await finish(first);
    await finish(second);
    expect(trainers).toHaveLength(2);
    expect((await takenBy(second)).map(({ name }) => name)).toEqual(['first', 'first']);
  });

  it('are made by the one that waits when the other job ends without them, which keeps what it has made', async () => {
    const first = await start('first', scoring([PAIRS, WINO]));
    const fake = await trainerOf(first, 'published');
    const second = await start('second', scoring([PAIRS, WINO]));
    await until(() => isWaiting(second, 'published', 'first'));
    sayScores({ ...fake, task: { ...fake.task, scorings: fake.task.scorings.slice(0, 1), heldBack: null } });
    await until(async () => (await placesOf(first)).length === 1);
    first.attempt.stop('cancelled');
    await first.end;
    await settle(database, first.job.fence, 'cancelled');
    expect(await scoreAll(second)).toEqual([`${WINO} likelihood`, 'held-back']);
    await finish(second);
    expect((await takenBy(second)).map(({ benchmark }) => benchmark)).toEqual([PAIRS]);
  });

  it('are not made again by the next attempt', async () => {
    const first = await start('first', scoring([PAIRS, WINO]));
    const fake = await trainerOf(first, 'published');
    sayScores({ ...fake, task: { ...fake.task, scorings: fake.task.scorings.slice(0, 1), heldBack: null } });
    first.attempt.stop('preempted');
    await first.end;
    await release(database, first.job.fence);
    const again = await begin();
    expect(await scoreAll(again, 2)).toEqual([`${WINO} likelihood`, 'held-back']);
    await finish(again);
    expect(await placesOf(again)).toHaveLength(3);
  });

  it('are all made by a job that is an independent repetition, which leaves none to others', async () => {
    const training = { shareArms: false };
    for (const name of ['first', 'second']) {
      const running = await start(name, scoring([PAIRS], { training }));
      expect(await scoreAll(running)).toEqual([`${PAIRS} likelihood`, 'held-back']);
      await finish(running);
      expect(await takenBy(running)).toEqual([]);
    }
    expect(await database.prisma.sharedRun.count()).toBe(0);
  });

  it('keep their job from being deleted as long as another shows them', async () => {
    const first = await start('first', scoring([PAIRS]));
    await scoreAll(first);
    await finish(first);
    const second = await start('second', scoring([PAIRS]));
    await finish(second);
    const remove = ({ job }: Running) => database.prisma.job.delete({ where: { id: job.id } });
    await expect(remove(first)).rejects.toThrow();
    await remove(second);
    await remove(first);
    expect(await database.prisma.takenScore.count()).toBe(0);
  });

  it('that a trainer ends without are a fault of the program, not asked for again and again', async () => {
    const first = await start('first', scoring([PAIRS]));
    (await trainerOf(first, 'published')).finish();
    expect(await first.end).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/^bug: .*not recorded/),
    });
  });
});

describe('claims of scores', () => {
  it('by jobs that ask at once go to one of them each, whatever else each wants', async () => {
    const all = Array.from({ length: 6 }, (_, i) => {
      return { key: `key ${(5 * i) % 6}`, benchmark: `b${i}`, protocol: 'likelihood', settings: {} };
    });
    const wants = Array.from({ length: 8 }, (_, n) => all.filter((_one, i) => (n * 7 + i * 3) % 4 !== 0));
    const fences = [];
    for (const n of wants.keys()) await createJob(database, { spec: someSpec(), name: `job ${n}` });
    for (const n of wants.keys()) {
      const job = await claim(database, { owner: `owner ${n}`, host: 'host', pid: 1 }, 60_000);
      await ensureRun(database, job!.fence, 'published', { fromStep: 0, toStep: 9 }); // as many jobs as claims
      fences.push(job!.fence);
    }
    for (let round = 0; round < 5; round++) {
      await database.pool.query('DELETE FROM shared_run');
      const claims = await Promise.all(
        fences.map((fence, n) => claimScores(database, fence, 9, round % 2 === 0 ? wants[n]! : wants[n]!.toReversed())),
      );
      const ours = claims.flatMap((one) => one.ours.map(({ key }) => key));
      expect(ours.toSorted()).toEqual([...new Set(wants.flat().map(({ key }) => key))].sort());
      claims.forEach(({ ours, heldBy }, n) => expect(heldBy !== undefined).toBe(ours.length < wants[n]!.length));
    }
  });
});
