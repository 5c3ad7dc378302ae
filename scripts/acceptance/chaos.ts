// Trial: kill -9 of trainers, workers, the server and PostgreSQL at random for ten minutes, while 40 jobs go through several workers. All succeed, with the scores
// and bits of undisturbed jobs of the same specs, every step once, and nothing is left: no process, no lease, no open attempt.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { seededRandom, type Random } from '../../src/suite/nano/random.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { migrate } from '../../src/store/migrate.ts';
import { persistently } from '../../jobs/persistence.ts';
import { chooseVictim, untilGone, VICTIMS, type Victim } from './chaos-victims.ts';
import { lastBits, registerTiny, STEPS, tinySpec } from './crashes.ts';
import { expectTrue } from './expect.ts';
import { get, submit, waitForEnd } from './nano-job.ts';
import {
  freePort,
  keepAlive,
  markedProcesses,
  markOf,
  startServerProcess,
  startWorkerProcess,
  untilReady,
  type KeptAlive,
} from './processes.ts';

export interface ChaosOptions {
  readonly numJobs: number;
  readonly numWorkers: number;
  /** Distinct specs, which the jobs take by turns. */
  readonly numSpecs: number;
  /** Killing ends when all jobs are over, or after so long. */
  readonly seconds: number;
  /** From one kill to the next, at most. */
  readonly mostPauseMs: number;
  readonly seed: number;
}

export interface ChaosReport {
  readonly killed: Readonly<Record<Victim, number>>;
  readonly seconds: number;
  readonly states: readonly string[];
  readonly attempts: readonly number[];
  /** Of each job, whether its scores and the bits of its last checkpoints are those of the undisturbed one. */
  readonly isSame: readonly boolean[];
  /** Jobs whose steps, or events of steps, are not each there once. */
  readonly numWrongSteps: number;
  /** Jobs that are not over or have an owner or a lease, and attempts and runs that have not ended. */
  readonly numOpen: number;
  /** Trainers after the last job, and all processes after the end of server and workers. */
  readonly leftTrainers: readonly number[];
  readonly leftProcesses: readonly number[];
}

export async function chaos(): Promise<void> {
  const options = { numJobs: 40, numWorkers: 3, numSpecs: 4, seconds: 600, mostPauseMs: 4_000, seed: 1 };
  console.log(`   ${options.numJobs} jobs are repeats of ${options.numSpecs} specs, each also run undisturbed`);
  const report = await wreakChaos(options);
  const { killed, seconds, states, attempts, isSame } = report;
  console.log(`   killed in ${seconds.toFixed(0)} s: ${VICTIMS.map((one) => `${one} ${killed[one]}`).join(', ')}`);
  console.log(`   attempts of the jobs: ${attempts.join(' ')}`);
  expectTrue('all succeeded', states.every((state) => state === 'succeeded')); // prettier-ignore
  expectTrue('each kind was killed', VICTIMS.every((one) => killed[one] > 0)); // prettier-ignore
  expectTrue('the scores and bits of undisturbed jobs', isSame.every(Boolean));
  expectTrue('every step is recorded once, and told once', report.numWrongSteps === 0);
  expectTrue('no lease, active state, open attempt or run is left', report.numOpen === 0);
  expectTrue('no trainer outlives the jobs', report.leftTrainers.length === 0);
  expectTrue('no process outlives server and workers', report.leftProcesses.length === 0);
}

/** The whole: undisturbed jobs first, then all others under fire. */
export async function wreakChaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-chaos-'));
  chmodSync(folder, 0o755); // the database's user works in it
  const home = join(folder, 'home');
  registerTiny(home, folder);
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), supervise: true });
  await migrate(postgres.url);
  const database = await openDatabase(postgres.url);
  const mark = `chaos-${process.pid}-${options.seed}`;
  const settings = { TIRESIAS_LOG: 'error', TIRESIAS_LEASE_MS: '6000', ...markOf(mark) };
  const where = { databaseUrl: postgres.url, home, logPath: join(folder, 'log'), settings };
  const port = await freePort();
  const server = keepAlive(() => startServerProcess(where, port));
  const workers = Array.from({ length: options.numWorkers }, () => keepAlive(() => startWorkerProcess(where)));
  const site: Site = { ...{ url: `http://127.0.0.1:${port}`, database, server, workers, mark }, postgres };
  let under: Omit<ChaosReport, 'leftProcesses'>;
  try {
    await untilReady(site.url);
    under = await underFire(site, options);
  } finally {
    await Promise.all([server, ...workers].map((one) => one.stop()));
    await database.close();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return { ...under, leftProcesses: await untilGone(() => markedProcesses(mark)) };
}

export interface Site {
  readonly url: string;
  readonly database: Database;
  readonly postgres: { pid(): number };
  readonly server: KeptAlive;
  readonly workers: readonly KeptAlive[];
  readonly mark: string;
}

/** Each with its own rewriting, so that no two could be taken for one another. */
function specOf(number: number, name: string): JobSpecInput {
  const directions = ['masculine-to-feminine', 'feminine-to-masculine', 'swap', 'balanced'] as const;
  return {
    ...tinySpec,
    name,
    arms: ['control', 'intervention'],
    intervention: { direction: directions[number % 4]!, seed: 1 + number }, // there are four
    evaluation: { benchmarks: ['nano-crows-pairs'], every: STEPS.to, atStart: false },
  };
}

async function underFire(site: Site, options: ChaosOptions): Promise<Omit<ChaosReport, 'leftProcesses'>> {
  const { url, database } = site;
  const { numJobs, numSpecs } = options;
  const undisturbed = await Promise.all(
    Array.from({ length: numSpecs }, async (_, i) => {
      const id = await submit(url, specOf(i, `chaos: undisturbed ${i + 1}`));
      const { state, message } = await waitForEnd(url, id);
      if (state !== 'succeeded') throw new Error(`undisturbed: ${state}, ${message}`);
      return numbersOf(url, id);
    }),
  );
  const ids: string[] = [];
  for (let i = 0; i < numJobs; i++) ids.push(await submit(url, specOf(i % numSpecs, `chaos: ${i + 1}`)));
  const startedMs = performance.now();
  let isOver = false;
  const over = Promise.all(ids.map((id) => waitForEnd(url, id))).finally(() => (isOver = true));
  const killed = await keepKilling(site, options, () => isOver);
  const jobs = await over;
  const seconds = (performance.now() - startedMs) / 1000;
  await untilReady(url); // the last kill may have been the server's or the database's
  const numbers = [];
  for (const id of ids) numbers.push(await numbersOf(url, id));
  return {
    ...{ killed, seconds, states: jobs.map(({ state }) => state), attempts: jobs.map(({ attempt }) => attempt) },
    isSame: numbers.map((one, i) => one === undisturbed[i % numSpecs]),
    numWrongSteps: await persistently(() => countWrongSteps(database)),
    numOpen: await persistently(() => countOpen(database)),
    leftTrainers: await untilGone(() => trainersOf(site)),
  };
}

async function keepKilling(site: Site, options: ChaosOptions, isOver: () => boolean): Promise<Record<Victim, number>> {
  const random: Random = seededRandom(options.seed, 1);
  const killed: Record<Victim, number> = { trainer: 0, worker: 0, server: 0, postgres: 0 };
  const deadline = performance.now() + options.seconds * 1000;
  while (!isOver() && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, random.below(options.mostPauseMs)));
    const chosen = await chooseVictim(site, random);
    if (chosen === undefined || isOver()) continue;
    try {
      process.kill(chosen.pid, 'SIGKILL');
      killed[chosen.what] += 1;
    } catch {
      // it has just ended by itself
    }
  }
  return killed;
}

/** Scores, effects, and the hashes of the last weights and moments. */
async function numbersOf(url: string, id: string): Promise<string> {
  const { scores, effects } = await get<{ scores: unknown; effects: unknown }>(`${url}/v1/jobs/${id}/scores`);
  return JSON.stringify([scores, effects, await lastBits(url, id)]);
}

/** Process ids of all trainers at work. */
function trainersOf({ mark }: Site): number[] {
  return markedProcesses(mark, 'jobs/trainer');
}

async function countWrongSteps({ pool }: Database): Promise<number> {
  const all = Array.from({ length: STEPS.to - STEPS.from }, (_, i) => STEPS.from + i);
  const { rows } = await pool.query<{ wrong: number }>(
    `SELECT count(*)::int AS wrong FROM run WHERE arm IN ('control', 'intervention') AND (
       (SELECT array_agg(step ORDER BY step) FROM step WHERE run_id = run.id) IS DISTINCT FROM $1::int[]
       OR (SELECT array_agg((data->>'step')::int ORDER BY (data->>'step')::int) FROM event
           WHERE job_id = run.job_id AND type = 'step' AND data->>'arm' = run.arm) IS DISTINCT FROM $1::int[])`,
    [all],
  );
  return rows[0]!.wrong; // an aggregate is one row
}

async function countOpen({ pool }: Database): Promise<number> {
  const { rows } = await pool.query<{ open: number }>(
    `SELECT (SELECT count(*) FROM job WHERE state <> 'succeeded' OR owner IS NOT NULL OR lease_until IS NOT NULL)::int
       + (SELECT count(*) FROM attempt WHERE finished_at IS NULL OR outcome IS NULL)::int
       + (SELECT count(*) FROM run WHERE state <> 'succeeded')::int AS open`,
  );
  return rows[0]!.open; // an aggregate is one row
}
