// Trial: what 10,000 recorded steps cost PostgreSQL, written one by one and as a worker writes them when they come fast. Every step has its
// proof, eight samples of edits and an event.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRecorder } from '../../jobs/recorder.ts';
import { jobSpecSchema } from '../../src/job-spec.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { createJob } from '../../src/store/jobs.ts';
import { claim, type Fence } from '../../src/store/leases.ts';
import { migrate } from '../../src/store/migrate.ts';
import { recordSteps, type StepRecord } from '../../src/store/records.ts';
import { ensureRun } from '../../src/store/runs.ts';
import { expectTrue, expectWithin } from './expect.ts';

const NUM_STEPS = 10_000;
const SAMPLES = Array.from({ length: 8 }, (_, row) => ({
  ...{ row, sample: 21_000 + row, rule: 'he-subject', before: 'he', after: 'she' },
  ...{ contextBefore: 'x'.repeat(40), contextAfter: 'y'.repeat(40) },
}));

export async function records(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-records-'));
  const server = await startEmbeddedPostgres({ folder, ephemeral: true });
  try {
    await migrate(server.url);
    const database = await openDatabase(server.url);
    try {
      await compare(database);
    } finally {
      await database.close();
    }
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(database: Database): Promise<void> {
  const single = await measure(database, async (fence) => {
    for (let step = 0; step < NUM_STEPS; step++) await recordSteps(database, fence, 'control', [stepAt(step)]);
  });
  const together = await measure(database, async (fence) => {
    let fault: unknown;
    const recorder = openRecorder({
      ...{ database, fence, arm: 'control', isGivenUp: () => false, onCheckpoint: () => Promise.resolve() },
      onFault: (error) => (fault = error),
    });
    for (let step = 0; step < NUM_STEPS; step++) recorder.hear({ type: 'step', record: stepAt(step) });
    await recorder.settled();
    if (fault !== undefined) throw fault;
  });
  expectWithin('one by one: milliseconds a step', single.seconds / (NUM_STEPS / 1000), 0, Infinity);
  expectWithin('together: milliseconds a step', together.seconds / (NUM_STEPS / 1000), 0, Infinity);
  expectWithin('together against one by one, times as fast', single.seconds / together.seconds, 2, Infinity);
  expectWithin('write-ahead log of a step, one by one: kB', single.logBytes / NUM_STEPS / 1000, 0, Infinity);
  expectWithin('write-ahead log of a step, together: kB', together.logBytes / NUM_STEPS / 1000, 0, 6);
  expectTrue('every step, sample and event is there once in both', single.counts === together.counts);
}

function stepAt(step: number): StepRecord {
  return {
    ...{ step, lossNats: 3, learningRate: 1e-4, gradientNorm: 0.5, skipped: null, tokensPerSecond: 1000 },
    ...{ replayMs: 1, rewriteMs: 2, rssBytes: 3e8, tensorBytes: 4e7 },
    ...{ numRows: 16, numRowsChanged: 8, numEdits: 99, editsByRule: { 'he-subject': 60, 'his-determiner': 39 } },
    ...{ numTokensCut: 0, numResegmented: 0, sha256Before: 'a'.repeat(64), sha256After: 'b'.repeat(64) },
    samples: SAMPLES,
  };
}

async function measure(database: Database, work: (fence: Fence) => Promise<void>) {
  const spec = jobSpecSchema.parse({ model: 'nano-1m', checkpoint: 'step0', dataset: 'nano-stories' });
  await createJob(database, { spec });
  const job = await claim(database, { owner: `owner ${Math.random()}`, host: 'host', pid: 1 }, 3_600_000);
  if (job === undefined) throw new Error('nothing to claim');
  await ensureRun(database, job.fence, 'control', { fromStep: 0, toStep: NUM_STEPS });
  const before = await logPosition(database);
  const startedMs = performance.now();
  await work(job.fence);
  const seconds = (performance.now() - startedMs) / 1000;
  const logBytes = (await logPosition(database)) - before;
  const counts = await one<{ counts: string }>(
    database,
    `SELECT concat_ws(' ', (SELECT count(*) FROM step s JOIN run r ON r.id = s.run_id WHERE r.job_id = '${job.id}'),
       (SELECT count(*) FROM edit_sample e JOIN run r ON r.id = e.run_id WHERE r.job_id = '${job.id}'),
       (SELECT count(*) FROM event WHERE job_id = '${job.id}' AND type = 'step')) AS counts`,
  );
  return { seconds, logBytes, ...counts };
}

/** Bytes of write-ahead log written so far. */
async function logPosition(database: Database): Promise<number> {
  const sql = `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS bytes`;
  return (await one<{ bytes: number }>(database, sql)).bytes;
}

async function one<T extends object>(database: Database, sql: string): Promise<T> {
  const { rows } = await database.pool.query<T>(sql);
  const [row] = rows;
  if (row === undefined) throw new Error('bug: an aggregate gives one row');
  return row;
}
