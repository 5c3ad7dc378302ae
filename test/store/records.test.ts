import { beforeEach, describe, expect, it } from 'vitest';
import { ConflictError, DataError } from '../../src/errors.ts';
import { eventsAfter } from '../../src/store/events.ts';
import { createJob, getJob } from '../../src/store/jobs.ts';
import { claim } from '../../src/store/leases.ts';
import type { Fence } from '../../src/store/leases.ts';
import { findStart, pinStart } from '../../src/store/forks.ts';
import { deleteCheckpoint, listCheckpoints, recordCheckpoint } from '../../src/store/records.ts';
import { recordEvaluation, recordSteps } from '../../src/store/records.ts';
import { ensureRun, setRunState } from '../../src/store/runs.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec, someStep, until } from '../support/jobs.ts';

const database = await testDatabase();

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

async function takeJob(owner: string): Promise<Fence> {
  const job = await claim(database, { owner, host: 'host', pid: 1 }, 60_000);
  if (!job) throw new Error('nothing to claim');
  return job.fence;
}

async function startJob(): Promise<Fence> {
  await createJob(database, { spec: someSpec() });
  const fence = await takeJob('a');
  for (const arm of ['control', 'intervention'] as const) {
    await ensureRun(database, fence, arm, { fromStep: 1330, toStep: 1430 });
  }
  return fence;
}

async function takeOver({ jobId }: Fence): Promise<Fence> {
  await database.pool.query(`UPDATE job SET lease_until = clock_timestamp() - interval '1 second'`);
  const fence = await takeJob('b');
  expect(fence).toMatchObject({ jobId, attempt: 2 });
  return fence;
}

async function count(table: 'step' | 'edit_sample' | 'event' | 'checkpoint' | 'evaluation'): Promise<number> {
  const { rows } = await database.pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`);
  return rows[0]?.n ?? -1;
}

const evaluation = {
  benchmark: 'nano-winobias',
  protocol: 'likelihood',
  sha256: 'c'.repeat(64),
  numItems: 1,
  scores: { accuracy: { value: 0.5, standardError: null, interval: null, numItems: 1 } },
  items: [{ index: 0, biasType: 'gender', logLikelihood: [-1, -2], numTokens: [3, 3] }],
};

describe('recordSteps', () => {
  it('writes the step, its edits, the place of the run and one event', async () => {
    const fence = await startJob();
    expect(await recordSteps(database, fence, 'intervention', [someStep(1330)])).toBe(1);
    const [step] = await database.prisma.step.findMany();
    expect(step).toMatchObject({ step: 1330, attempt: 1, numEdits: 2, editsByRule: { 'he>she': 1, 'his>her': 1 } });
    expect(await database.prisma.editSample.findMany()).toMatchObject([{ step: 1330, position: 0, after: 'she' }]);
    const runs = await database.prisma.run.findMany({ orderBy: { arm: 'asc' } });
    expect(runs.map((run) => [run.arm, run.step])).toEqual([
      ['control', 1330],
      ['intervention', 1331],
    ]);
    const events = await eventsAfter(database, fence.jobId, 0n, 100);
    expect(events.at(-1)).toMatchObject({
      type: 'step',
      data: {
        arm: 'intervention',
        step: 1330,
        lossNats: 1.67,
        learningRate: 1e-4,
        tokensPerSecond: 1000,
        numEdits: 2,
      },
    });
  });

  it('records no step twice when a resumed attempt repeats it', async () => {
    const first = await startJob();
    for (let step = 1330; step < 1340; step++) await recordSteps(database, first, 'control', [someStep(step)]);
    const second = await takeOver(first);
    const results = [];
    for (let step = 1335; step < 1345; step++) {
      const measured = { lossNats: 9, tokensPerSecond: 1 }; // measured anew, but the batch is the same
      results.push(await recordSteps(database, second, 'control', [someStep(step, measured)]));
    }
    expect(results).toEqual([...Array(5).fill(0), ...Array(5).fill(1)]);
    expect(await count('step')).toBe(15);
    expect(await count('edit_sample')).toBe(15);
    const events = await eventsAfter(database, first.jobId, 0n, 1000);
    const steps = events.filter((event) => event.type === 'step').map((event) => (event.data as { step: number }).step);
    expect(steps).toEqual(Array.from({ length: 15 }, (_, index) => 1330 + index));
    expect(await database.prisma.step.count({ where: { lossNats: 9 } })).toBe(5);
  });

  it('refuses a repeated step that reads another batch than before', async () => {
    const fence = await startJob();
    await recordSteps(database, fence, 'control', [someStep(1330)]);
    const other = someStep(1330, { sha256After: 'f'.repeat(64) });
    await expect(recordSteps(database, fence, 'control', [other])).rejects.toThrow(DataError);
    await expect(recordSteps(database, fence, 'control', [other])).rejects.toThrow(
      /step 1330: attempt 1 read batch a{60}/,
    );
  });

  it('writes nothing for an owner that lost its lease', async () => {
    const first = await startJob();
    await takeOver(first);
    const numEvents = await count('event');
    const writes = [
      () => recordSteps(database, first, 'control', [someStep(1330)]),
      () => recordEvaluation(database, first, 'control', 1330, evaluation),
      () => recordCheckpoint(database, first, 'control', { step: 1, path: 'p', manifestSha256: 'f', sizeBytes: 1 }),
      () => setRunState(database, first, 'control', 'succeeded'),
      () => ensureRun(database, first, 'published', { fromStep: 1, toStep: 2 }),
    ];
    for (const write of writes) await expect(write()).rejects.toThrow(ConflictError);
    for (const table of ['step', 'edit_sample', 'evaluation', 'checkpoint'] as const)
      expect(await count(table)).toBe(0);
    expect(await count('event')).toBe(numEvents);
    expect(await database.prisma.run.count()).toBe(2);
  });

  it('keeps edits whose context holds U+0000 or half a character', async () => {
    const fence = await startJob();
    const [sample] = someStep(1330).samples;
    const hostile = { ...sample!, contextBefore: '\ude00 he\0', contextAfter: '\ude00 she\0 \ud83d' };
    await recordSteps(database, fence, 'control', [someStep(1330, { samples: [hostile] })]);
    const [stored] = await database.prisma.editSample.findMany();
    expect(stored).toMatchObject({ contextBefore: '\uFFFD he\uFFFD', contextAfter: '\uFFFD she\uFFFD \uFFFD' });
  });

  it('leaves no half record when the database refuses a part of it', async () => {
    const fence = await startJob();
    const numEvents = await count('event');
    const tooLarge = { ...someStep(0).samples[0]!, row: 2 ** 40 }; // no int4: the insert of the sample fails
    await expect(recordSteps(database, fence, 'control', [someStep(1330, { samples: [tooLarge] })])).rejects.toThrow();
    expect(await count('step')).toBe(0);
    expect(await count('event')).toBe(numEvents);
  });

  it('makes a recovering job running with the first write of the new attempt', async () => {
    const second = await takeOver(await startJob());
    expect((await getJob(database, second.jobId)).state).toBe('recovering');
    await recordSteps(database, second, 'control', [someStep(1330)]);
    expect((await getJob(database, second.jobId)).state).toBe('running');
  });

  it('keeps the events of one job in the order in which readers see them, with both arms writing at once', async () => {
    const fence = await startJob();
    const seen: bigint[] = [];
    let isDone = false;
    const read = async () => {
      while (!isDone || (await eventsAfter(database, fence.jobId, seen.at(-1) ?? 0n, 1)).length > 0) {
        const events = await eventsAfter(database, fence.jobId, seen.at(-1) ?? 0n, 1000);
        seen.push(...events.map((event) => event.id));
      }
    };
    const write = async (arm: 'control' | 'intervention') => {
      for (let step = 1330; step < 1380; step++) await recordSteps(database, fence, arm, [someStep(step)]);
    };
    const reading = read();
    await Promise.all([write('control'), write('intervention')]);
    isDone = true;
    await reading;
    const all = await eventsAfter(database, fence.jobId, 0n, 1000);
    expect(seen).toEqual(all.map((event) => event.id));
    expect(all.filter((event) => event.type === 'step')).toHaveLength(100);
  });
});

describe('checkpoints', () => {
  it('are listed newest first for the resume and forgotten when pruned', async () => {
    const fence = await startJob();
    for (const step of [1340, 1350, 1360]) {
      const record = { step, path: `a1/step-${step}`, manifestSha256: 'd'.repeat(64), sizeBytes: 5e9 };
      expect(await recordCheckpoint(database, fence, 'control', record)).toBe(true);
      expect(await recordCheckpoint(database, fence, 'control', { ...record, path: 'elsewhere' })).toBe(false);
    }
    await deleteCheckpoint(database, fence, 'control', 1340);
    const checkpoints = await listCheckpoints(database, fence.jobId, 'control');
    expect(checkpoints.map(({ step, path, sizeBytes }) => [step, path, sizeBytes])).toEqual([
      [1360, 'a1/step-1360', 5_000_000_000n],
      [1350, 'a1/step-1350', 5_000_000_000n],
    ]);
    expect(await listCheckpoints(database, fence.jobId, 'intervention')).toEqual([]);
  });

  it('stay when a fork starts from them, also one that is made while they are being pruned', async () => {
    const fence = await startJob();
    const record = { step: 1340, path: 'a1/step-1340', manifestSha256: 'd'.repeat(64), sizeBytes: 5 };
    await recordCheckpoint(database, fence, 'control', record);
    const start = await findStart(database, fence.jobId, 'control', undefined);
    let pruning: Promise<boolean> | undefined;
    await database.transaction(async (transaction) => {
      await pinStart(transaction, start);
      pruning = deleteCheckpoint(database, fence, 'control', 1340);
      await until(async () => {
        const { rows } = await database.pool.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`);
        return rows.length > 0;
      });
    });
    expect(await pruning).toBe(false);
    expect(await listCheckpoints(database, fence.jobId, 'control')).toMatchObject([{ step: 1340, isPinned: true }]);
    const gone = { ...start, step: 1350 };
    const pinning = database.transaction((transaction) => pinStart(transaction, gone));
    await expect(pinning).rejects.toThrow('has just been removed');
  });
});

describe('evaluations', () => {
  it('are recorded once, with their items and one event', async () => {
    const fence = await startJob();
    expect(await recordEvaluation(database, fence, 'control', 1330, evaluation)).toBe(true);
    expect(await recordEvaluation(database, fence, 'control', 1330, evaluation)).toBe(false);
    expect(await recordEvaluation(database, fence, 'control', 1340, evaluation)).toBe(true);
    const rows = await database.prisma.evaluation.findMany({ orderBy: { step: 'asc' } });
    expect(rows).toMatchObject([{ step: 1330, ...evaluation }, { step: 1340 }]);
    const events = await eventsAfter(database, fence.jobId, 0n, 100);
    expect(events.filter((event) => event.type === 'evaluation')).toHaveLength(2);
  });
});
