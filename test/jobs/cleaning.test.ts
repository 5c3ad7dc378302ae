// What is removed from the disk and what never is, on a real database and real folders.
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findRubbish, removeRubbish, type Rubbish } from '../../jobs/cleaning.ts';
import { cleanUp, startJanitor } from '../../jobs/janitor.ts';
import { findStart, pinStart } from '../../src/store/forks.ts';
import { createJob } from '../../src/store/jobs.ts';
import { setManifest, setPlan, settle, type Fence } from '../../src/store/leases.ts';
import { listCheckpoints, recordCheckpoint } from '../../src/store/records.ts';
import { asOnlyCleaner, type Keeping } from '../../src/store/retention.ts';
import { requestRetry } from '../../src/store/retry.ts';
import { takeJob } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec, until } from '../support/jobs.ts';

const database = await testDatabase();
let home: string;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'tiresias-clean-'));
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});
afterEach(() => rmSync(home, { recursive: true }));

function write(folder: string, numBytes = 1_000): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.safetensors'), Buffer.alloc(numBytes));
  return folder;
}

/** A job at work with checkpoints of control at 1340 to 1380; its plan scores 1350 and keeps the newest two. */
async function jobAtWork(): Promise<{ fence: Fence; folder: (name: string) => string }> {
  const { id } = await createJob(database, { spec: someSpec() });
  const fence = await takeJob(database, ['control']);
  await setPlan(database, fence, { evaluateAt: [1350], keepCheckpoints: 2 });
  const folder = (name: string) => join(home, 'jobs', id, 'attempt-1', name);
  for (const step of [1340, 1350, 1360, 1370, 1380]) {
    const path = write(folder(`control/step-${step}`));
    await recordCheckpoint(database, fence, 'control', {
      step,
      path,
      manifestSha256: 'f'.repeat(64),
      sizeBytes: 1_000,
    });
  }
  return { fence, folder };
}

const found = (keeping: Keeping = 'promised', olderThanMs = 0) => findRubbish(database, { home, keeping, olderThanMs });
const stepsOf = (rubbish: readonly Rubbish[]) => rubbish.flatMap(({ row }) => (row === undefined ? [] : [row.step]));
const clean = (keeping: Keeping) => cleanUp(database, { home, keeping, olderThanMs: 0 });
const stepsLeft = async ({ jobId }: Fence) =>
  (await listCheckpoints(database, jobId, 'control')).map(({ step }) => step);

describe('checkpoints of a job', () => {
  it.each(['promised', 'evaluated', 'newest', 'none'] as const)('at work are all kept (--keep %s)', async (keeping) => {
    await jobAtWork();
    expect(await found(keeping)).toEqual([]);
  });

  it.each<[Keeping, number[]]>([
    ['promised', [1340, 1360]],
    ['evaluated', [1340, 1360, 1370]],
    ['newest', [1340, 1350, 1360, 1370]],
    ['none', [1340, 1350, 1360, 1370, 1380]],
  ])('that succeeded go but for what --keep %s names, row and files', async (keeping, expected) => {
    const { fence, folder } = await jobAtWork();
    await settle(database, fence, 'succeeded');
    expect(stepsOf(await found(keeping))).toEqual(expected);
    expect(await clean(keeping)).toEqual({ numRemoved: expected.length, freedBytes: 1_000 * expected.length });
    expect(await stepsLeft(fence)).toEqual([1380, 1370, 1360, 1350, 1340].filter((step) => !expected.includes(step)));
    for (const step of [1340, 1350, 1360, 1370, 1380])
      expect(existsSync(folder(`control/step-${step}`))).toBe(!expected.includes(step));
    const events = await database.prisma.event.findMany({
      where: { type: 'checkpoint-removed' },
      orderBy: { id: 'asc' },
    });
    expect(events.map(({ data }) => data)).toEqual(
      expected.map((step) => ({ arm: 'control', step, sizeBytes: 1_000 })),
    );
  });

  it('that failed keep the newest, from which a retry goes on', async () => {
    const { fence } = await jobAtWork();
    await settle(database, fence, 'failed', { reason: 'storage', message: 'full' });
    expect(stepsOf(await found('none'))).toEqual([1340, 1350, 1360, 1370]);
  });

  it('stay where a fork starts from one, or another engine trained it', async () => {
    const { fence } = await jobAtWork();
    const start = await findStart(database, fence.jobId, 'control', 1340);
    await database.transaction((transaction) => pinStart(transaction, start));
    await database.pool.query(`UPDATE checkpoint SET origin = '{}' WHERE step = 1360`);
    await settle(database, fence, 'succeeded');
    expect(stepsOf(await found('none'))).toEqual([1350, 1370, 1380]);
  });

  it('stay when the job ended a shorter time ago than was asked', async () => {
    const { fence } = await jobAtWork();
    await settle(database, fence, 'succeeded');
    expect(await found('newest', 3_600_000)).toEqual([]);
    await database.pool.query(`UPDATE job SET finished_at = finished_at - interval '2 hours'`);
    expect(stepsOf(await found('newest', 3_600_000))).toHaveLength(4);
  });

  it('stay when the job is retried, or a fork made, between the search and the removal', async () => {
    const { fence, folder } = await jobAtWork();
    await settle(database, fence, 'failed', { reason: 'storage' });
    const [first, second] = await found('newest');
    const start = await findStart(database, fence.jobId, 'control', first!.row!.step);
    await database.transaction((transaction) => pinStart(transaction, start));
    expect(await removeRubbish(database, first!)).toBe(false);
    await requestRetry(database, fence.jobId);
    expect(await removeRubbish(database, second!)).toBe(false);
    expect(await stepsLeft(fence)).toHaveLength(5);
    for (const step of [first!.row!.step, second!.row!.step])
      expect(existsSync(folder(`control/step-${step}`))).toBe(true);
  });
});

describe('what attempts leave', () => {
  it('is removed once the job is over: half-written and pruned checkpoints and the burn-in, and nothing else in its folder', async () => {
    const { fence, folder } = await jobAtWork();
    const rubbish = ['control/step-1390.writing-7', 'control/step-1335', 'burn-in'].map((name) => write(folder(name)));
    const kept = [
      join(home, 'jobs', fence.jobId, 'outside', 'control', 'step-1'),
      folder('notes'),
      join(home, 'jobs', 'mine'),
    ];
    for (const path of kept) write(path);
    expect(await found()).toEqual([]); // its attempt may be writing it
    await settle(database, fence, 'succeeded');
    const paths = (await found()).filter(({ row }) => row === undefined).map(({ path }) => path);
    expect(paths.sort()).toEqual([...rubbish].sort());
    await clean('promised');
    for (const path of rubbish) expect(existsSync(path)).toBe(false);
    for (const path of kept) expect(existsSync(path)).toBe(true);
  });

  it('stays with a job that is retried meanwhile', async () => {
    const { fence, folder } = await jobAtWork();
    const burnIn = write(folder('burn-in'));
    await settle(database, fence, 'failed', { reason: 'storage' });
    const rubbish = (await found()).find(({ kind }) => kind === 'burn-in');
    await requestRetry(database, fence.jobId);
    expect(await removeRubbish(database, rubbish!)).toBe(false);
    expect(existsSync(join(burnIn, 'model.safetensors'))).toBe(true);
  });

  it('of jobs that the database does not know is not touched', async () => {
    const path = write(join(home, 'jobs', '01900000-0000-7000-8000-000000000000', 'attempt-1', 'control', 'step-1'));
    expect(await found('none')).toEqual([]);
    expect(existsSync(path)).toBe(true);
  });
});

describe('what another job took over', () => {
  it('stays while that job is not over: checkpoints of a run whose records it shows, and the burn-in from which it starts', async () => {
    const { fence, folder } = await jobAtWork();
    const burnIn = write(folder('burn-in'));
    await settle(database, fence, 'succeeded');
    const before = await found('newest');
    expect(before.map(({ kind }) => kind)).toContain('burn-in');
    const taker = await takerOf(fence);
    expect(await found('newest')).toEqual([]);
    for (const rubbish of before) expect(await removeRubbish(database, rubbish)).toBe(false);
    expect(existsSync(burnIn)).toBe(true);
    await settle(database, taker, 'succeeded');
    expect((await found('newest')).map(({ path }) => path).sort()).toEqual(before.map(({ path }) => path).sort());
  });

  it('stays when its rows are that job’s now, though its files lie with the job that was cancelled', async () => {
    const { fence } = await jobAtWork();
    await settle(database, fence, 'cancelled');
    const taker = await takerOf(fence);
    const [own, theirs] = [await runOf(fence), await runOf(taker)];
    await database.prisma.checkpoint.updateMany({ where: { runId: own }, data: { runId: theirs } });
    expect(await found('none')).toEqual([]);
    await settle(database, taker, 'succeeded');
    expect(stepsOf(await found('newest'))).toEqual([1340, 1350, 1360, 1370]);
    expect((await found('newest')).filter(({ row }) => row === undefined)).toEqual([]);
  });
});

const runOf = async ({ jobId }: Fence) =>
  (await database.prisma.run.findUniqueOrThrow({ where: { jobId_arm: { jobId, arm: 'control' } } })).id;

/** A job at work that shows the control of another one, and starts from its burn-in. */
async function takerOf(fence: Fence): Promise<Fence> {
  await createJob(database, { spec: someSpec({ name: 'taker' }) });
  const taker = await takeJob(database, ['control']);
  const takenFromId = await runOf(fence);
  await database.prisma.run.update({ where: { id: await runOf(taker) }, data: { takenFromId } });
  await setManifest(database, taker, { burnIn: { takenFrom: { job: fence.jobId, name: 'first' } } });
  return taker;
}

describe('caches of datasets', () => {
  it('go by their last use, and stay while a job that is not over reads them', async () => {
    const ages = { 'nano-corpus': 50, old: 50, young: 1 };
    for (const [name, days] of Object.entries(ages)) {
      const folder = write(join(home, 'cache', 'datasets', name));
      const at = Date.now() / 1_000 - days * 86_400;
      utimesSync(join(folder, 'model.safetensors'), at, at);
    }
    const { fence } = await jobAtWork(); // of nano-corpus
    const names = async () => (await found('promised', 30 * 86_400_000)).map(({ path }) => path.split('/').at(-1));
    expect(await names()).toEqual(['old']);
    await settle(database, fence, 'cancelled');
    expect(await names()).toEqual(['nano-corpus', 'old']);
  });
});

describe('the cleaning', () => {
  it('is done by one process at a time', async () => {
    const { fence } = await jobAtWork();
    await settle(database, fence, 'succeeded');
    const inside = await asOnlyCleaner(database, () => clean('promised'));
    expect(inside).toBeUndefined();
    expect(await clean('promised')).toMatchObject({ numRemoved: 2 });
  });

  it('is done by a worker now and then', async () => {
    const { fence } = await jobAtWork();
    const janitor = startJanitor(database, home, 0, 20);
    await settle(database, fence, 'succeeded');
    await until(async () => (await stepsLeft(fence)).length === 3);
    await janitor.stop();
  });
});
