// What the estimate says is here of a job, under way or left, against what the job then trains: through real workers and trainers.
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { JobSpecInput } from '../../src/job-spec.ts';
import type { Estimate } from '../../src/web/planning.ts';
import { nanoSpec, startTestService, type TestService } from '../support/service.ts';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 }); // trainers start from sources on a machine that does other things

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(async () => {
  await service.stop();
});

const ROWS = 4;
const TOKENS_OF_A_STEP = ROWS * 128;
const shared = {
  arms: ['control', 'intervention'],
  training: { rowsPerStep: ROWS, checkpointEvery: 2, resume: 'burn-in', burnInSteps: 2 },
  evaluation: { benchmarks: ['nano-crows-pairs'], every: 2 },
} satisfies Partial<JobSpecInput>;
const specOf = (name: string, changes: Partial<JobSpecInput> = {}) => nanoSpec({ ...shared, name, ...changes });
const otherWay = { intervention: { direction: 'feminine-to-masculine' } } as const;

async function sharingOf(spec: JobSpecInput): Promise<NonNullable<Estimate['sharing']>> {
  const { status, body } = await service.post('/estimate', { job: spec });
  expect(status).toBe(200);
  return (body as Estimate).sharing!; // this server tells
}

const statesOf = ({ parts }: Awaited<ReturnType<typeof sharingOf>>) => parts.map(({ part, state }) => [part, state]);

/** Steps that the job's own runs have recorded. */
async function stepsTrained(id: string): Promise<Record<string, number>> {
  const { rows } = await service.database.pool.query<{ arm: string; count: number }>(
    `SELECT arm, count(*)::int FROM step JOIN run ON run.id = run_id WHERE job_id = $1 GROUP BY arm`,
    [id],
  );
  return Object.fromEntries(rows.map(({ arm, count }) => [arm, count]));
}

describe('the estimate of a job', () => {
  it('that is the first of its kind leaves all of it to do', async () => {
    const { numTrainings, left, ...told } = await sharingOf(specOf('first'));
    expect(statesOf({ numTrainings, left, ...told })).toEqual([
      ['control', 'not here'],
      ['burn-in', 'not here'],
    ]);
    expect(numTrainings).toBe(2);
    expect(left).toMatchObject({ numTrainings: 2, numTokens: (2 * 4 + 2) * TOKENS_OF_A_STEP, trainingSeconds: null });
  });

  it('says that another is at work on its control, and then that it is here, and the job trains what was left', async () => {
    service.startWorker();
    const first = await service.submit(specOf('first'));
    await service.until(first, ({ arms }) => arms.some(({ arm, state }) => arm === 'control' && state === 'running'));
    const during = await sharingOf(specOf('second', otherWay));
    expect(during.parts).toEqual([
      { part: 'control', scoring: null, state: 'under way', by: { job: first, name: 'first' } },
      { part: 'burn-in', scoring: null, state: 'here', by: { job: first, name: 'first' } },
    ]);
    expect((await service.untilOver(first)).state).toBe('succeeded');
    expect(await stepsTrained(first)).toEqual({ control: 4, intervention: 4 });

    const { left, ...after } = await sharingOf(specOf('second', otherWay));
    expect(statesOf({ left, ...after })).toEqual([
      ['control', 'here'],
      ['burn-in', 'here'],
    ]);
    expect(left).toMatchObject({ numTrainings: 1, numTokens: 4 * TOKENS_OF_A_STEP });
    expect(left.trainingSeconds).toBeGreaterThan(0);
    const second = await service.submit(specOf('second', otherWay));
    const job = await service.untilOver(second);
    expect(job.state).toBe('succeeded');
    expect(await stepsTrained(second)).toEqual({ intervention: 4 });
    expect(job.arms.find(({ arm }) => arm === 'control')?.takenFrom?.job).toBe(first);
  });

  it('that is to be an independent repetition, or differs in what counts, leaves all of it to do', async () => {
    const alone = await sharingOf(specOf('alone', { training: { ...shared.training, shareArms: false } }));
    expect([statesOf(alone), alone.left.numTrainings]).toEqual([
      [
        ['control', 'not here'],
        ['burn-in', 'not here'],
      ],
      2,
    ]);
    expect(alone.basis).toContain('training.shareArms is false');
    const differing = await sharingOf(specOf('differing', { evaluation: { benchmarks: [], every: 2 } }));
    expect(statesOf(differing)).toEqual([
      ['control', 'not here'],
      ['burn-in', 'here'],
    ]);
    expect(differing.left).toMatchObject({ numTrainings: 2, numTokens: 2 * 4 * TOKENS_OF_A_STEP });
  });

  it('whose burn-in was cleaned away has its control all the same, as the job has', async () => {
    const { rows } = await service.database.pool.query<{ path: string }>(
      `SELECT burn_in ->> 'path' AS path FROM shared_run WHERE part = 'burn-in'`,
    );
    for (const { path } of rows) rmSync(path, { recursive: true });
    const spec = specOf('third', { intervention: { direction: 'swap' } });
    const told = await sharingOf(spec);
    expect(statesOf(told)).toEqual([
      ['control', 'here'],
      ['burn-in', 'not here'],
    ]);
    expect(told.left.numTokens).toBe((4 + 2) * TOKENS_OF_A_STEP);
    const third = await service.submit(spec);
    expect((await service.untilOver(third)).state).toBe('succeeded');
    expect(await stepsTrained(third)).toEqual({ intervention: 4 });
  });

  it('tells of each way of scoring the published checkpoint whether it is here', async () => {
    const scoring = (benchmarks: string[]) =>
      nanoSpec({ arms: ['published'], window: { to: 1430 }, evaluation: { benchmarks } });
    const standing = async (benchmarks: string[]) =>
      (await sharingOf(scoring(benchmarks))).parts.map(({ scoring, state, by }) => [
        scoring?.benchmark,
        state,
        by?.job,
      ]);
    const [pairs, wino] = ['nano-crows-pairs', 'nano-winobias'];
    expect(await standing([pairs])).toEqual([
      [pairs, 'not here', undefined],
      ['held-back', 'not here', undefined],
    ]);
    const id = await service.submit(scoring([pairs]));
    expect((await service.untilOver(id)).state).toBe('succeeded');
    expect(await standing([wino, pairs])).toEqual([
      [wino, 'not here', undefined],
      [pairs, 'here', id],
      ['held-back', 'here', id],
    ]);
  });
});
