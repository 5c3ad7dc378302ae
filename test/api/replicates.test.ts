// Effects over replicates of stored jobs: what counts as one, and what the summary of a sweep says.
import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Arm, JobSpecInput } from '../../src/job-spec.ts';
import { claim, setManifest, setPlan, type Fence } from '../../src/store/leases.ts';
import { recordEvaluation } from '../../src/store/records.ts';
import { ensureRun } from '../../src/store/runs.ts';
import { getSweep, insertSweep } from '../../src/store/sweeps.ts';
import { openReplicatePower } from '../../src/api/replicate-power.ts';
import type { ReplicateGroup } from '../../src/replicates.ts';
import { evaluationOf } from '../../src/eval/evaluation.ts';
import { testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';

const database = await testDatabase();
const app = testApp(database);

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

interface Trial {
  readonly modelSeed: number | null;
  /** SHA-256 of the start's weights; default: not hashed. */
  readonly weights?: string;
  readonly changes?: Partial<JobSpecInput>;
  /** Of ten items, those that the stereotype wins. */
  readonly control: number;
  readonly intervention: number;
}

const modelOf = (seed: number | null) => (seed === null || seed === 1 ? 'nano-1m' : `nano-1m-seed${seed}`);
const dataOf = (seed: number | null) => modelOf(seed).replace('nano-1m', 'nano-stories');

function specOf({ modelSeed, changes }: Trial) {
  return someSpec({ model: modelOf(modelSeed), dataset: dataOf(modelSeed), ...changes });
}

/** Gives the jobs, in the order in which they are claimed, their models and scores at the end. */
async function finish(trials: readonly Trial[]): Promise<string[]> {
  const ids: string[] = [];
  for (const { modelSeed, weights = null, control, intervention } of trials) {
    const fence = (await claim(database, { owner: 'a', host: 'h', pid: 1 }, 60_000))!.fence; // a job was stored
    ids.push(fence.jobId);
    const model = {
      name: modelOf(modelSeed),
      family: 'nano-1m',
      seed: modelSeed,
      trainedOn: dataOf(modelSeed),
      start: [{ sha256: weights }],
    };
    await setPlan(database, fence, {});
    await setManifest(database, fence, { model });
    await score(fence, 'control', control);
    await score(fence, 'intervention', intervention);
  }
  return ids;
}

async function score(fence: Fence, arm: Arm, numWon: number): Promise<void> {
  await ensureRun(database, fence, arm, { fromStep: 1330, toStep: 1430 });
  const items = Array.from({ length: 10 }, (_, index) => ({
    ...{ index, biasType: 'age', logLikelihood: index < numWon ? [-1, -2] : [-2, -1], numTokens: [3, 3] },
  }));
  await recordEvaluation(database, fence, arm, 1430, evaluationOf('some-pairs', 'a'.repeat(64), items));
}

async function makeSweep(sweep: Parameters<typeof insertSweep>[1]) {
  return getSweep(database, await database.transaction((transaction) => insertSweep(transaction, sweep)));
}

async function groupsOf(trials: readonly Trial[]): Promise<{ groups: ReplicateGroup[]; ids: string[] }> {
  const points = trials.map((trial, i) => ({ spec: specOf(trial), name: `job ${i}`, point: pointOf(trial) }));
  const sweep = await makeSweep({ name: 'some', spec: {}, axes: [], points });
  const ids = await finish(trials);
  const { body } = await request(app).get(`/v1/sweeps/${sweep.id}`);
  return { groups: (body as { replicates: ReplicateGroup[] }).replicates, ids };
}

function pointOf({ modelSeed, changes }: Trial): Record<string, unknown> {
  return { 'window.steps': changes?.window?.steps ?? 100, model: modelOf(modelSeed), dataset: dataOf(modelSeed) };
}

const rateOf = (group: ReplicateGroup | undefined) => group?.effects.find(({ metric }) => metric === 'pctStereotype');

describe('replicates of a sweep', () => {
  it('are models of several seeds, each with its own data: mean, standard error and interval over seeds', async () => {
    const { groups } = await groupsOf([
      { modelSeed: 1, control: 8, intervention: 7 },
      { modelSeed: 2, control: 8, intervention: 6 },
      { modelSeed: 3, control: 9, intervention: 6 },
    ]);
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject({
      ...{ family: 'nano-1m', over: 'model seeds', numSeeds: 3, refused: [], point: { 'window.steps': 100 } },
      scope: 'over 3 model seeds of nano-1m',
    });
    // Effects −0.1, −0.2, −0.3: mean −0.2, s.e. 0.1/√3, t(0.975, 2) = 4.302653.
    expect(rateOf(groups[0])).toMatchObject({
      ...{ benchmark: 'some-pairs', protocol: 'likelihood', settings: {}, step: 1430, numReplicates: 3 },
      value: expect.closeTo(-0.2, 12) as number,
      standardError: expect.closeTo(0.1 / Math.sqrt(3), 12) as number,
      interval: [expect.closeTo(-0.2 - 0.2484138, 6), expect.closeTo(-0.2 + 0.2484138, 6)],
      replicates: [1, 2, 3].map((seed) => ({ seed, value: expect.closeTo(-seed / 10, 12) as number })),
    });
  });

  it('of one model say that they speak of these two trained models alone', async () => {
    const { groups } = await groupsOf([{ modelSeed: 1, control: 8, intervention: 7 }]);
    expect(groups[0]).toMatchObject({ over: 'nothing', numSeeds: 1 });
    expect(groups[0]?.scope).toMatch(/^for these two trained models: a claim about training needs more model seeds$/);
    expect(rateOf(groups[0])).toMatchObject({ interval: null, standardError: null, numReplicates: 1 });
  });

  it('count seeds of the intervention only where it draws, and below the model seeds', async () => {
    const drawn = (seed: number) => ({ intervention: { probability: 0.5, seed } });
    const { groups } = await groupsOf([
      { modelSeed: 1, changes: drawn(1), control: 8, intervention: 7 },
      { modelSeed: 1, changes: drawn(2), control: 8, intervention: 5 },
      { modelSeed: 2, changes: drawn(1), control: 8, intervention: 8 },
    ]);
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject({ over: 'model seeds', numSeeds: 2 });
    // The draws of seed 1 are averaged first: −0.2 and 0.
    expect(rateOf(groups[0])).toMatchObject({ numReplicates: 2, value: expect.closeTo(-0.1, 12) as number });
  });

  it('of one model over draws say that training is not in them', async () => {
    const drawn = (seed: number) => ({ intervention: { probability: 0.5, seed } });
    const { groups } = await groupsOf(
      [1, 2].map((seed) => ({ modelSeed: 1, changes: drawn(seed), control: 8, intervention: 7 - seed })),
    );
    expect(groups[0]).toMatchObject({ over: 'draws of the rewriting', numSeeds: 1 });
    expect(groups[0]?.scope).toBe('over 2 draws of the rewriting of one trained model');
    expect(rateOf(groups[0])?.interval).not.toBeNull();
  });

  it('are apart where more than seeds differ', async () => {
    const { groups } = await groupsOf([
      { modelSeed: 1, changes: { window: { steps: 100 } }, control: 8, intervention: 7 },
      { modelSeed: 2, changes: { window: { steps: 50 } }, control: 8, intervention: 7 },
    ]);
    expect(groups.map(({ numSeeds }) => numSeeds)).toEqual([1, 1]);
  });

  it('do not count a training twice', async () => {
    // Such a sweep is refused when it is submitted; jobs on their own may repeat each other.
    const trial = { modelSeed: 1, control: 8, intervention: 7 };
    const { groups, ids } = await groupsOf([
      trial,
      { ...trial, changes: { tags: ['again'] } },
      { ...trial, changes: { training: { shareArms: false } } },
      { ...trial, changes: { training: { slots: 2 } } },
      { modelSeed: 1, changes: { intervention: { seed: 9 } }, control: 8, intervention: 2 },
    ]);
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject({ numSeeds: 1, over: 'nothing' });
    expect(groups[0]?.refused).toEqual(
      ids.slice(1).map((id) => ({ id, detail: expect.stringContaining('the same training again') as string })),
    );
    expect(rateOf(groups[0])?.value).toBeCloseTo(-0.1, 12);
  });

  it('are not those with the same weights under several seeds', async () => {
    const weights = 'b'.repeat(64);
    const { groups, ids } = await groupsOf([
      { modelSeed: 1, weights, control: 8, intervention: 7 },
      { modelSeed: 2, weights, control: 8, intervention: 7 },
    ]);
    expect(groups[0]).toMatchObject({ numSeeds: 1, over: 'nothing' });
    expect(groups[0]?.refused).toEqual([{ id: ids[1], detail: expect.stringContaining('the same weights') as string }]);
  });

  it('count when they are at their end: none before', async () => {
    const trials = [1, 2].map((modelSeed) => ({ modelSeed, control: 8, intervention: 7 }));
    const points = trials.map((trial, i) => ({ spec: specOf(trial), name: `job ${i}`, point: {} }));
    const { id } = await makeSweep({ name: 's', spec: {}, axes: [], points });
    const read = async () => {
      const { body } = await request(app).get(`/v1/sweeps/${id}`);
      return (body as { replicates: ReplicateGroup[] }).replicates;
    };
    expect(await read()).toEqual([]); // no worker has said what their models are
    await finish(trials.slice(0, 1));
    expect(await read()).toMatchObject([{ numSeeds: 1, over: 'nothing' }]);
    const { fence } = (await claim(database, { owner: 'a', host: 'h', pid: 1 }, 60_000))!; // the second
    await setManifest(database, fence, { model: { family: 'nano-1m', seed: 2, trainedOn: dataOf(2) } });
    expect(await read()).toMatchObject([{ numSeeds: 1, over: 'nothing', jobs: [{ modelSeed: 1 }, { modelSeed: 2 }] }]);
    await score(fence, 'control', 8);
    await score(fence, 'intervention', 6);
    expect(await read()).toMatchObject([{ numSeeds: 2, over: 'model seeds' }]);
  });
});

describe('what so many replicates could find', () => {
  const place = { benchmark: 'some-pairs', protocol: 'likelihood', settings: {} };
  const trials: Trial[] = [
    { modelSeed: 1, control: 8, intervention: 7 },
    { modelSeed: 2, control: 8, intervention: 6 },
    { modelSeed: 3, control: 9, intervention: 6 },
  ];
  const power = async (numReplicates: number, wanted = someSpec(), where = place, family = 'nano-1m') =>
    (await openReplicatePower(database, wanted, family, numReplicates))(where);
  const settleAll = () => database.pool.query(`UPDATE job SET state = 'succeeded'`);

  it('follows from the spread of the effect over the seeds that were trained', async () => {
    await groupsOf(trials);
    expect((await power(5)).effects).toEqual([]); // none has succeeded
    await settleAll();
    const { effects, basis, numReplicates } = await power(5);
    // Effects −0.1, −0.2, −0.3: a standard deviation of 0.1; five replicates detect 1.681997 of them (scipy, as in test/eval/replicates.test.ts).
    const rate = { metric: 'pctStereotype', numSeeds: 3, standardDeviation: expect.closeTo(0.1, 12) as number };
    expect(effects.find(({ metric }) => metric === 'pctStereotype')).toEqual({
      ...{ ...rate, detectable: expect.closeTo(0.1681997, 6) as number },
    });
    expect(effects.every(({ metric }) => !metric.includes('.'))).toBe(true); // no part of the benchmark
    expect({ basis, numReplicates }).toMatchObject({
      ...{ basis: expect.stringMatching(/^the spread of the same intervention over 3 seeds of nano-1m/) as string },
      numReplicates: 5,
    });
  });

  it('says whether the seeds had another intervention, and that one replicate shows nothing', async () => {
    await groupsOf(trials);
    await settleAll();
    const other = someSpec({ intervention: { probability: 0.5 } });
    expect((await power(2, other)).basis).toContain('another intervention');
    const one = await power(1);
    expect(one.basis).toContain('one replicate cannot show');
    expect(one.effects.map(({ detectable }) => detectable)).toEqual(one.effects.map(() => null));
  });

  it('is unknown, and says so, without two seeds of the family that were scored on the benchmark', async () => {
    const { ids } = await groupsOf(trials.slice(0, 1));
    await settleAll();
    expect(ids).toHaveLength(1);
    for (const answer of [await power(5), await power(5, someSpec(), { ...place, benchmark: 'other' })]) {
      expect(answer).toEqual({
        numReplicates: 5,
        basis: expect.stringContaining('unknown: no two seeds') as string,
        effects: [],
      });
    }
  });
});
