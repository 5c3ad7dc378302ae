// A worker whose link to the database is cut, with connections that hang: it lets go of its job before the lease ends, and what it does later changes nothing.
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { runWorker } from '../../jobs/worker.ts';
import { TransientError } from '../../src/errors.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { claim, fenced } from '../../src/store/leases.ts';
import { createJob, getJob, listAttempts } from '../../src/store/jobs.ts';
import { openLink, type Link } from '../support/cut-link.ts';
import { testDatabase } from '../support/database.ts';
import { saveAndSay, step, trainer, trainers } from '../support/fake-trainer.ts';
import { someSpec, someStep, until } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.mock('../../jobs/executor/local-process.ts', async () => (await import('../support/fake-trainer.ts')).executor);
vi.setConfig({ testTimeout: 60_000 });

const database = await testDatabase();
const home = mkdtempSync(join(tmpdir(), 'tiresias-cut-link-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
const links: Link[] = [];
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const link of links) link.mend();
  for (const end of endings.splice(0).reverse()) await end();
  for (const link of links.splice(0)) await link.close();
  trainers.length = 0;
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});
afterAll(() => rmSync(home, { recursive: true }));

const LEASE_MS = 3_000;

async function openThroughLink(mostSilenceMs: number): Promise<{ far: Database; link: Link }> {
  const url = new URL(database.url);
  const link = await openLink(Number(url.port));
  links.push(link);
  url.port = String(link.port);
  const far = await openDatabase(url.href, mostSilenceMs);
  endings.push(() => far.close());
  return { far, link };
}

function startWorker(on: Database, leaseMs = LEASE_MS): void {
  const abort = new AbortController();
  const ended = runWorker({ database: on, home, numCores: 2, leaseMs, beatMs: leaseMs / 5 }, abort.signal);
  endings.push(async () => {
    abort.abort();
    await ended;
  });
}

async function storeJob(): Promise<string> {
  const small = { window: { steps: 4 }, arms: ['intervention' as const], evaluation: { benchmarks: [] } };
  return (await createJob(database, { spec: someSpec({ dataset: 'nano-stories', backend: 'wasm', ...small }) })).id;
}

/** What is left of the lease by the database's clock, in milliseconds. */
async function leaseLeftMs(id: string): Promise<number> {
  const sql =
    'SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 * 1000 AS left FROM job WHERE id = $1';
  return (await database.pool.query<{ left: number }>(sql, [id])).rows[0]!.left;
}

it('fails a query on a link that says nothing any more as a lost connection, and goes on when it is mended', async () => {
  const { far, link } = await openThroughLink(300);
  link.cut();
  await expect(far.prisma.job.count()).rejects.toThrow(TransientError);
  await expect(far.transaction((transaction) => transaction.job.count())).rejects.toThrow(TransientError);
  link.mend();
  await until(() => far.prisma.job.count().then((n) => n === 0, () => false)); // prettier-ignore
});

it('holds no job by a transaction that was open when the link was cut', async () => {
  const id = await storeJob();
  const { far, link } = await openThroughLink(1_000);
  const claimed = await claim(far, { owner: 'cut off', host: 'far', pid: 1 }, 500);
  const late = fenced(far, claimed!.fence, async (transaction) => {
    link.cut();
    await transaction.run.count();
  });
  await expect(late).rejects.toThrow(TransientError);
  const other = { owner: 'other', host: 'near', pid: 2 };
  await until(async () => (await claim(database, other, 60_000))?.id === id);
});

it('stops its trainers while its lease still holds, and leaves the job to another worker', async () => {
  const id = await storeJob();
  const { far, link } = await openThroughLink(LEASE_MS / 2);
  startWorker(far);
  const cutOff = await trainer(0);
  cutOff.say(step(1330));
  saveAndSay(cutOff, 1331);
  await until(async () => (await database.prisma.checkpoint.count()) === 1);
  const { attempt } = await getJob(database, id); // a busy machine may have lost one before its trainer began
  await until(async () => (await leaseLeftMs(id)) > LEASE_MS - 300); // just renewed
  link.cut();
  await until(() => cutOff.asked.length > 0);
  expect(cutOff.asked).toEqual(['kill']);
  expect(await leaseLeftMs(id)).toBeGreaterThan(0);

  startWorker(database, 60_000);
  const other = await trainer(1);
  expect(other.task).toMatchObject({
    isOwnCheckpoint: true,
    startFolder: expect.stringMatching(/step-1331$/) as string,
  });
  cutOff.say({ type: 'step', record: someStep(1331, { lossNats: 99 }) }); // late words
  link.mend();
  for (let at = 1331; at < 1334; at++) other.say(step(at));
  other.finish();
  await until(async () => (await getJob(database, id)).finishedAt !== null);
  expect(await getJob(database, id)).toMatchObject({ state: 'succeeded', attempt: attempt + 1, numLost: 1 });
  const outcomes = (await listAttempts(database, id)).map(({ outcome }) => outcome);
  expect(outcomes.slice(-2)).toEqual(['lost', 'succeeded']);
  const steps = await database.prisma.step.findMany({
    orderBy: { step: 'asc' },
    select: { step: true, attempt: true, lossNats: true },
  });
  const lossNats = (at: number) => someStep(at).lossNats;
  expect(steps).toEqual(
    [1330, 1331, 1332, 1333].map((at) => ({
      step: at,
      attempt: at === 1330 ? attempt : attempt + 1,
      lossNats: lossNats(at),
    })),
  );
});

it('claims its own job again when the link is mended before another has it', async () => {
  const id = await storeJob();
  const { far, link } = await openThroughLink(LEASE_MS / 2);
  startWorker(far);
  const first = await trainer(0);
  link.cut();
  await until(() => first.asked.length > 0);
  await until(async () => (await leaseLeftMs(id)) < 0);
  link.mend();
  const second = await trainer(1);
  second.say(step(1330));
  second.finish();
  await until(async () => (await getJob(database, id)).finishedAt !== null);
  expect(await getJob(database, id)).toMatchObject({ state: 'succeeded', numFailed: 0 });
});
