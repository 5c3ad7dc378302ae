// A job half-way, its database and home backed up while it trains, all destroyed, restored into a new database: the job goes on and ends with the bits of one that
// nothing happened to.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runWorker } from '../../jobs/worker.ts';
import { jobSpecSchema } from '../../src/job-spec.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { createJob, getJob } from '../../src/store/jobs.ts';
import { tiresias } from '../cli/command.ts';
import { testDatabaseUrl } from '../support/database.ts';
import { until } from '../support/jobs.ts';
import { nanoSpec } from '../support/service.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 }); // trainers start from sources

const scratch = mkdtempSync(join(tmpdir(), 'tiresias-backup-'));
const home = join(scratch, 'home');
const folder = join(scratch, 'backup');
const opened: Database[] = [];
const open = async (url: string) => {
  const database = await openDatabase(url);
  opened.push(database);
  return database;
};

function makeHome(): void {
  mkdirSync(home);
  symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
}

function startWorker(database: Database): { stop(): Promise<void> } {
  const abort = new AbortController();
  const working = runWorker({ database, home, numCores: 1, leaseMs: 60_000, beatMs: 1_000 }, abort.signal);
  return {
    async stop() {
      abort.abort();
      await working;
    },
  };
}

const spec = jobSpecSchema.parse(
  nanoSpec({
    ...{ window: { steps: 6 }, arms: ['intervention'], training: { rowsPerStep: 2, checkpointEvery: 2 } },
    evaluation: { benchmarks: ['nano-crows-pairs'], every: 1_000, atStart: false },
  }),
);

/** What the numbers of a job are: steps with their proofs and losses, scores with items, hashes of checkpoints. */
async function recorded(database: Database, id: string): Promise<unknown> {
  const of = { where: { run: { jobId: id } } };
  const steps = await database.prisma.step.findMany({
    ...{ ...of, orderBy: { step: 'asc' } },
    select: {
      step: true,
      lossNats: true,
      gradientNorm: true,
      sha256Before: true,
      sha256After: true,
      editsByRule: true,
    },
  });
  const scores = await database.prisma.evaluation.findMany({
    ...{ ...of, orderBy: [{ step: 'asc' }, { benchmark: 'asc' }] },
    select: { step: true, benchmark: true, scores: true, items: true },
  });
  const checkpoints = await database.prisma.checkpoint.findMany({ ...of, orderBy: { step: 'asc' } });
  const hashes = checkpoints.map(({ step, path }) => {
    const { files } = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as { files: unknown };
    return { step, files };
  });
  return { steps, scores, hashes };
}

const isOver = (database: Database, id: string) =>
  until(async () => (await getJob(database, id)).finishedAt !== null, 400_000);

let before: Database;
beforeAll(async () => {
  makeHome();
  before = await open(await testDatabaseUrl());
});
afterAll(async () => {
  for (const database of opened) await database.close();
  rmSync(scratch, { recursive: true, force: true });
});

describe('a backup of a service at work', () => {
  it('brings a job back half-way, which ends with the bits of an undisturbed one', async () => {
    const undisturbed = await createJob(before, { spec });
    const worker = startWorker(before);
    await isOver(before, undisturbed.id);
    const expected = (await recorded(before, undisturbed.id)) as { steps: unknown[] };
    expect(expected.steps).toHaveLength(6);

    const { id } = await createJob(before, { spec });
    await until(async () => (await before.prisma.checkpoint.count({ where: { run: { jobId: id } } })) > 0, 400_000);
    const environment = { DATABASE_URL: before.url, TIRESIAS_HOME: home };
    const made = await tiresias(['backup', folder], { environment });
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/\/backup: \d+ MB\n$/) as string });
    expect((await tiresias(['backup', folder], { environment })).stderr).toContain('is there already');
    await worker.stop();
    renameSync(home, join(scratch, 'destroyed')); // as far as anybody can tell, gone
    makeHome();

    const after = await open(await testDatabaseUrl());
    const restored = { DATABASE_URL: after.url, TIRESIAS_HOME: home };
    const { code, stderr } = await tiresias(['restore', folder], { environment: restored });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect((await tiresias(['restore', folder], { environment: restored })).code).toBe(2);
    expect(existsSync(join(home, 'suite', 'x'))).toBe(false);
    const job = await getJob(after, id);
    expect(job.finishedAt).toBeNull();
    await after.pool.query(`UPDATE job SET lease_until = clock_timestamp() WHERE owner IS NOT NULL`); // as long after the backup
    const again = startWorker(after);
    await isOver(after, id);
    await again.stop();
    expect(await getJob(after, id)).toMatchObject({ state: 'succeeded' });
    expect((await getJob(after, id)).attempt).toBeGreaterThan(job.attempt === 0 ? 0 : 1);
    expect(await recorded(after, id)).toEqual(expected);
    expect(await recorded(after, undisturbed.id)).toEqual(expected);
    const { count } = await after.prisma.event.createMany({ data: [{ jobId: id, type: 'state', data: {} }] }); // its id is free
    expect(count).toBe(1);
  });

  it('is refused by a database that is not empty, a home with jobs, other migrations, and a folder that is none', async () => {
    const empty = await open(await testDatabaseUrl());
    const other = join(scratch, 'other');
    const attempt = async (environment: Record<string, string>) =>
      (await tiresias(['restore', folder], { environment })).stderr;
    expect(await attempt({ DATABASE_URL: before.url, TIRESIAS_HOME: other })).toContain('the database is not empty');
    expect(await attempt({ DATABASE_URL: empty.url, TIRESIAS_HOME: home })).toContain(
      'is not empty: restore into a new',
    );
    const about = join(folder, 'backup.json');
    const content = JSON.parse(readFileSync(about, 'utf8')) as { migrations: string[] };
    writeFileSync(about, JSON.stringify({ ...content, migrations: content.migrations.slice(0, -1) }));
    const fresh = { DATABASE_URL: empty.url, TIRESIAS_HOME: join(scratch, 'fresh') };
    expect(await attempt(fresh)).toContain('restore with the release that made it');
    rmSync(about);
    expect(await attempt(fresh)).toContain('is no backup');
    expect(await empty.prisma.job.count()).toBe(0);
  });
});
