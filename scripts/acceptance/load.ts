// Trial: 50 requests a second for 200 seconds, by a schedule that waits for no answer, at a server whose machine trains on one thread. No answer is a server's
// failure, all are quick, and the training is hardly slowed. What it costs a training on two threads, so on every core of a small machine, is only told.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { log } from '../../src/log.ts';
import { logLevel } from '../../src/settings.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { migrate } from '../../src/store/migrate.ts';
import { registerModel } from '../../src/suite/models.ts';
import { nanoTokenizerPath } from '../../src/suite/nano/corpus.ts';
import { cpuSeconds } from './cpu-time.ts';
import { expectWithin } from './expect.ts';
import { fullSizeJob, FULL_SIZE } from './full-size-job.ts';
import { makeMix } from './load-mix.ts';
import { get, nanoSpec, submit, waitForEnd } from './nano-job.ts';
import { percentile, runOpenLoop, type Sample } from './open-loop.ts';
import { freePort, startServerProcess, startWorkerProcess, untilReady, type Surroundings } from './processes.ts';
import { writeRandomModel } from './random-model.ts';

/** Seconds of training alone, before and after, and under load. */
interface Lengths {
  readonly aloneSeconds: number;
  readonly loadSeconds: number;
}

const MOST_P99_MS = 250;
const MOST_SLOWED = 0.1;

export const load = () =>
  trial({ aloneSeconds: 40, loadSeconds: 200 }, { aloneSeconds: 20, loadSeconds: 40 }, MOST_P99_MS);

/** Ten seconds, for a look: so few requests, and so short a training, reach no mark. */
export const loadShort = () => trial({ aloneSeconds: 6, loadSeconds: 10 }, undefined, Infinity);

/** About 0.3 s a step on one thread: 1,430 steps outlast the trial. */
const SHAPE = { numLayers: 4, hiddenSize: 256, vocabSize: 1024 } as const;
const trainingSpec: JobSpecInput = {
  ...{ model: 'mid', checkpoint: 'step0', dataset: 'nano-stories', window: { to: 1430 }, arms: ['intervention'] },
  evaluation: { benchmarks: [], every: 1430, atStart: false },
  backend: 'native',
};

interface Site {
  readonly url: string;
  readonly database: Database;
  readonly where: Surroundings;
  /** Jobs of full size that are over. */
  readonly finished: readonly string[];
  /** Of whom the processor time is told. */
  readonly pids: Readonly<Record<string, number>>;
}

async function trial(one: Lengths, two: Lengths | undefined, mostP99Ms: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-load-'));
  chmodSync(folder, 0o755); // the database's user works in it
  log.level = logLevel('fatal');
  const home = join(folder, 'home');
  mkdirSync(home);
  writeRandomModel(join(folder, 'step0'), SHAPE, 4, 1);
  const more = { tokenizerPath: nanoTokenizerPath(), peakLearningRate: 1e-4 };
  registerModel(home, { name: 'mid', step: 0, folder: join(folder, 'step0'), ...more });
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres') });
  await migrate(postgres.url);
  const database = await openDatabase(postgres.url);
  const where = { databaseUrl: postgres.url, home, logPath: join(folder, 'log'), settings: { TIRESIAS_LOG: 'error' } };
  const port = await freePort();
  const server = startServerProcess(where, port);
  try {
    const url = `http://127.0.0.1:${port}`;
    await untilReady(url);
    const finished = await makeFinished(url, database, where);
    const pids = { server: server.pid, database: postgres.pid() };
    const site = { url, database, where, finished, pids };
    const slowed = await underLoad(site, one, 1, mostP99Ms);
    // Told before the mark is held against the first.
    if (two !== undefined)
      expectWithin('training on two threads is slowed by', await underLoad(site, two, 2, Infinity), -1, 1);
    expectWithin('training on one thread is slowed by', slowed, -1, mostP99Ms === Infinity ? 1 : MOST_SLOWED);
  } finally {
    server.kill('SIGTERM');
    await server.ended;
    await database.close();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A real job, and two of full size made of it. */
async function makeFinished(url: string, database: Database, where: Surroundings): Promise<string[]> {
  const worker = startWorkerProcess(where);
  try {
    const spec = nanoSpec({ name: 'load: made first', window: { steps: 4 }, backend: 'native' });
    const job = await waitForEnd(url, await submit(url, spec));
    if (job.state !== 'succeeded') throw new Error(`${job.state}: ${job.message}`);
    return [await fullSizeJob(database, job.id), await fullSizeJob(database, job.id)];
  } finally {
    worker.kill('SIGTERM');
    await worker.ended;
  }
}

/** By which fraction the load slowed a training on so many threads; prints what the server did meanwhile. */
async function underLoad(site: Site, lengths: Lengths, numThreads: number, mostP99Ms: number): Promise<number> {
  const { url, where } = site;
  const worker = startWorkerProcess({
    ...where,
    settings: { ...where.settings, TIRESIAS_THREADS: String(numThreads) },
  });
  const running = await submit(url, { ...trainingSpec, name: `load: trains on ${numThreads}` });
  try {
    await untilTraining(url, running);
    const lags: number[] = [];
    const { mix, close } = makeMix({
      ...{ url, finished: site.finished[0]!, lastStep: FULL_SIZE.lastStep, compared: site.finished, running }, // there are two
      spec: nanoSpec({ backend: 'native' }),
      onFigures: (text) => lags.push(Number(/^tiresias_server_event_loop_seconds (\S+)/m.exec(text)?.[1]) * 1000),
    });
    const cold = await runOpenLoop(mix, 1, 1);
    console.log(`   first asked: ${worst(cold)}`);
    const times = [Date.now()];
    const mark = () => times.push(Date.now());
    await sleep(lengths.aloneSeconds * 1000);
    mark();
    const used = () => Object.values(site.pids).map(cpuSeconds);
    const before = used();
    const samples = await runOpenLoop(mix, lengths.loadSeconds, 2);
    const shares = used().map((seconds, i) => (100 * (seconds - before[i]!)) / lengths.loadSeconds); // one for each
    mark();
    await sleep(lengths.aloneSeconds * 1000);
    mark();
    close();
    tell(samples, lags);
    const words = Object.keys(site.pids).map((name, i) => `${name} ${shares[i]!.toFixed(0)} %`); // as above
    console.log(`   of a core under load: ${words.join(', ')}`);
    expectWithin('answers of 500 and more, and none', numFailures([...cold, ...samples]), 0, 0);
    const p99 = percentile(samples.map(({ ms }) => ms), 0.99); // prettier-ignore
    expectWithin('p99 of all, ms', p99, 0, mostP99Ms);
    return await slowedBy(url, running, times);
  } finally {
    await fetch(`${url}/v1/jobs/${running}/cancel`, { method: 'POST' });
    await waitForEnd(url, running);
    worker.kill('SIGTERM');
    await worker.ended;
  }
}

/** A training's first steps are slower. */
async function untilTraining(url: string, id: string): Promise<void> {
  for (;;) {
    const job = await get<{ state: string; message: string; arms: { step: number }[] }>(`${url}/v1/jobs/${id}`);
    if ((job.arms[0]?.step ?? 0) >= 10) return;
    if (job.state === 'failed') throw new Error(job.message);
    await sleep(200);
  }
}

function numFailures(samples: readonly Sample[]): number {
  const others = samples.filter(({ status }) => status >= 300 && status < 500);
  if (others.length > 0) throw new Error(`${others[0]!.route} answered ${others[0]!.status}: the mix is wrong`);
  return samples.filter(({ status }) => status < 200 || status >= 500).length;
}

function worst(samples: readonly Sample[]): string {
  const slow = [...samples].sort((a, b) => b.ms - a.ms).slice(0, 4);
  return slow.map(({ route, ms }) => `${route} ${ms.toFixed(0)} ms`).join(', ');
}

function tell(samples: readonly Sample[], lags: readonly number[]): void {
  const routes = [...new Set(samples.map(({ route }) => route))].sort();
  for (const route of [...routes, 'all']) {
    const own = samples.filter((sample) => route === 'all' || sample.route === route).map(({ ms }) => ms);
    const figures = [0.5, 0.95, 0.99, 1].map((fraction) => percentile(own, fraction).toFixed(0).padStart(6));
    console.log(
      `   ${route.padEnd(16)}${String(own.length).padStart(6)} requests, p50 p95 p99 max, ms:${figures.join('')}`,
    );
  }
  console.log(`   event loop of the server, p99 between scrapes, at worst: ${Math.max(...lags).toFixed(1)} ms`);
}

/** The medians of tokens a second alone and under load, as steps were recorded between the four times. */
async function slowedBy(url: string, id: string, times: readonly number[]): Promise<number> {
  interface Curves {
    readonly arms: { readonly intervention: { readonly tokensPerSecond: number[]; readonly recordedAtMs: number[] } };
  }
  const { tokensPerSecond, recordedAtMs } = (await get<Curves>(`${url}/v1/jobs/${id}/metrics`)).arms.intervention;
  const [start, from, to, end] = times as [number, number, number, number]; // four marks
  const between = (a: number, b: number) =>
    tokensPerSecond.filter((_, i) => recordedAtMs[i]! > a && recordedAtMs[i]! <= b);
  const [before, during, after] = [between(start, from), between(from, to), between(to, end)];
  const medians = [before, during, after].map((values) => percentile(values, 0.5));
  const counts = [before, during, after].map(({ length }) => length);
  console.log(
    `   tokens/s before, under load, after: ${medians.map((x) => x.toFixed(0)).join(', ')} (steps: ${counts.join(', ')})`,
  );
  return 1 - percentile(during, 0.5) / percentile([...before, ...after], 0.5);
}
