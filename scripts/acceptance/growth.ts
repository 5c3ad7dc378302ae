// Trial: a database that has grown for a long time, a million steps in a hundred jobs with their events and samples of edits, still answers what the page and the
// operators ask, each in under 100 ms.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobSpecSchema } from '../../src/job-spec.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { listEdits, sumEdits } from '../../src/store/edits.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { eventsAfter } from '../../src/store/events.ts';
import { createJob, getJob, listJobs } from '../../src/store/jobs.ts';
import { migrate } from '../../src/store/migrate.ts';
import { listEvaluations, readMetricTexts } from '../../src/store/results.ts';
import { readVitals } from '../../src/store/vitals.ts';
import { expectTrue, expectWithin } from './expect.ts';

const NUM_JOBS = 100;
const STEPS_PER_JOB = 10_000;
const MOST_MS = 100;
const ROUNDS = 7;

export async function growth(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-growth-'));
  const server = await startEmbeddedPostgres({ folder, ephemeral: true });
  try {
    await migrate(server.url);
    const database = await openDatabase(server.url);
    try {
      await measure(database);
    } finally {
      await database.close();
    }
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(database: Database): Promise<void> {
  const ids = [];
  for (let i = 0; i < NUM_JOBS; i++) {
    const spec = jobSpecSchema.parse({ model: 'nano-1m', checkpoint: 'step0', dataset: 'nano-stories' });
    ids.push((await createJob(database, { spec })).id);
  }
  await fillSteps(database);
  const id = ids[NUM_JOBS / 2]!;
  const [run] = (await getJob(database, id)).runs;
  expectTrue('a job has its 10,000 steps', run?.step === STEPS_PER_JOB);
  const questions: Readonly<Record<string, () => Promise<unknown>>> = {
    'the newest 50 jobs': () => listJobs(database, { limit: 50 }),
    'a job with its runs': () => getJob(database, id),
    "a job's scores": () => listEvaluations(database, id),
    "a job's curves, 10,000 steps": () => readMetricTexts(database, id),
    "a job's edits by rule": () => sumEdits(database, id, 'intervention'),
    'a page of edits': () => listEdits(database, id, { arm: 'intervention', limit: 50 }),
    'events behind one': () => eventsAfter(database, id, 0n, 500),
    "the operators' figures": () => readVitals(database),
  };
  const times: [string, number][] = [];
  for (const [what, ask] of Object.entries(questions)) times.push([what, await medianMs(ask)]);
  for (const [what, ms] of times) expectWithin(`${what}: ms`, ms, 0, MOST_MS);
}

/** Rows as a worker writes them, made by the database itself. */
async function fillSteps({ pool }: Database): Promise<void> {
  await pool.query(`
    INSERT INTO run (id, job_id, arm, state, from_step, to_step, step)
    SELECT gen_random_uuid(), id, 'intervention', 'succeeded', 0, ${STEPS_PER_JOB}, ${STEPS_PER_JOB} FROM job`);
  await pool.query(`
    INSERT INTO step (run_id, step, attempt, loss_nats, learning_rate, gradient_norm, tokens_per_second, replay_ms, rewrite_ms, rss_bytes, tensor_bytes,
      num_rows, num_rows_changed, num_edits, edits_by_rule, num_tokens_cut, num_resegmented, sha256_before, sha256_after)
    SELECT run.id, n, 1, 3 - random(), 1e-4, random(), 1000, 1, 2, 3e8, 4e7, 16, 8, 99,
      '{"he-subject": 60, "his-determiner": 39}', 0, 0, repeat('a', 64), repeat('b', 64)
    FROM run, generate_series(0, ${STEPS_PER_JOB - 1}) AS n`);
  await pool.query(`
    INSERT INTO event (job_id, type, data)
    SELECT run.job_id, 'step', jsonb_build_object('arm', run.arm, 'step', step.step, 'lossNats', step.loss_nats)
    FROM step JOIN run ON run.id = step.run_id`);
  await pool.query(`
    INSERT INTO edit_sample (run_id, step, position, row, sample, rule, before, after, context_before, context_after)
    SELECT run_id, step, p, p, p, 'he-subject', 'he', 'she', repeat('x', 40), repeat('y', 40)
    FROM step, generate_series(0, 1) AS p WHERE step % 10 = 0`);
  await pool.query('ANALYZE');
  const { rows } = await pool.query<{ steps: string; bytes: string }>(
    'SELECT (SELECT count(*) FROM step) AS steps, pg_database_size(current_database()) AS bytes',
  );
  expectWithin('steps in the database, millions', Number(rows[0]!.steps) / 1e6, 1, 1);
  expectWithin('bytes of the database for each step', Number(rows[0]!.bytes) / Number(rows[0]!.steps), 0, 1000);
}

async function medianMs(ask: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  await ask();
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now();
    await ask();
    times.push(performance.now() - startedMs);
  }
  return times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
}
