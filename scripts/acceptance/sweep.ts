// Trial: a sweep of the nano suite that runs unattended: two directions × three probabilities × two model seeds, submitted from YAML by the command line to a server with
// two workers, of which everything is killed once in the middle. All jobs succeed, the mean log-odds move with the probability as the plant predicts, and each
// seed's control is trained once. The windows are 25 steps from 1330: no checkpoint with moments lies nearer to the end in what `suite build` keeps of every seed.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { SweepResults } from '../../src/api/sweep-results.ts';
import { packagePath } from '../../src/package-root.ts';
import { childEnvironment, homeFolder } from '../../src/settings.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { occupationLogOdds, shiftedLogOdds } from '../../src/suite/nano/learned.ts';
import { expectTrue } from './expect.ts';
import { withLogOdds } from './nano-items.ts';
import { get, getItems } from './nano-job.ts';

const FROM = 1330;
const SECOND = 'nano-1m-seed2';

interface Plan {
  readonly directions: readonly string[];
  readonly probabilities: readonly number[];
  readonly seeds: readonly number[];
  readonly steps: number;
}

/** The whole: 12 jobs. */
export const sweep = () =>
  runSweep({
    directions: ['masculine-to-feminine', 'feminine-to-masculine'],
    probabilities: [0.1, 0.25, 0.5],
    seeds: [1, 2],
    steps: 25,
  });

/** Two jobs of a few steps on the model of the repository: enough to be killed and to share a control. */
export const sweepShort = () =>
  runSweep({ directions: ['masculine-to-feminine'], probabilities: [0.1, 1], seeds: [1], steps: 4 });

async function runSweep(plan: Plan): Promise<void> {
  if (plan.seeds.includes(2)) buildSecondSeed();
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-sweep-'));
  chmodSync(folder, 0o755); // the database's user must enter it
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let service = await start(folder, port);
  let watching: Watching | undefined;
  try {
    const file = join(folder, 'sweep.yaml');
    writeFileSync(file, documentOf(plan));
    watching = submit(file, url);
    const id = await watching.sweepId;
    await untilMiddle(url, id, plan);
    console.log('   SIGKILL of the server, of both workers and of their trainers; then everything is started again');
    await service.kill();
    service = await start(folder, port);
    expectTrue('the command that watched from before the kill ends with 0', (await watching.code) === 0);
    await check(url, id, plan);
  } finally {
    watching?.child.kill('SIGKILL');
    await service.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function documentOf({ directions, probabilities, seeds, steps }: Plan): string {
  return stringify({
    name: 'acceptance: sweep',
    base: {
      checkpoint: `step${FROM}`,
      window: { steps },
      arms: ['control', 'intervention'],
      training: { checkpointEvery: 2 },
      evaluation: { benchmarks: ['nano-winobias'], every: steps, atStart: false },
      ...{ model: 'nano-1m', dataset: 'nano-stories' },
    },
    grid: { 'intervention.direction': directions, 'intervention.probability': probabilities },
    replicates: seeds.map((seed) =>
      seed === 1 ? { model: 'nano-1m', dataset: 'nano-stories' } : { model: SECOND, dataset: 'nano-stories-seed2' },
    ),
    maxParallel: 2,
  });
}

const command = (words: readonly string[]) => ['--import', 'tsx', packagePath('src', 'cli', 'main.ts'), ...words];

/** Resumes a build that broke off; its progress goes to stderr. */
function buildSecondSeed(): void {
  const folder = join(homeFolder(), 'suite', SECOND);
  if (existsSync(join(folder, 'step1430', 'manifest.json')) && existsSync(join(folder, `step${FROM}`, 'manifest.json')))
    return;
  console.log(`   building ${SECOND} in ${folder}`);
  execFileSync(process.execPath, command(['suite', 'build', '--size', 'nano-1m', '--seed', '2']), { stdio: 'inherit' });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo; // it listens on a port
      probe.close(() => resolve(port));
    });
  });
}

interface Running {
  /** Ends everything as a loss of power does, and the database after it. */
  kill(): Promise<void>;
}

async function start(folder: string, port: number): Promise<Running> {
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), supervise: true });
  const environment = childEnvironment({
    ...{ DATABASE_URL: postgres.url, TIRESIAS_HOST: '127.0.0.1', TIRESIAS_PORT: String(port), TIRESIAS_LOG: 'warn' },
    TIRESIAS_HOME: homeFolder(),
  });
  const run = (word: string) =>
    spawn(process.execPath, command([word]), { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
  const server = run('server');
  await untilAnswers(`http://127.0.0.1:${port}/readyz`, server);
  const children = [server, run('worker'), run('worker')];
  return {
    kill: async () => {
      await Promise.all(children.map(killWithChildren));
      await postgres.stop();
    },
  };
}

async function untilAnswers(url: string, server: ChildProcess): Promise<void> {
  while (
    !(await fetch(url).then(
      (response) => response.ok,
      () => false,
    ))
  ) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    await sleep(200);
  }
}

async function killWithChildren(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once('close', resolve));
  for (const pid of [...childrenOf(child.pid), child.pid]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it had ended already
    }
  }
  await gone;
}

function childrenOf(pid: number): number[] {
  try {
    return execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map(Number);
  } catch {
    return []; // pgrep found none
  }
}

interface Watching {
  readonly child: ChildProcess;
  readonly sweepId: Promise<string>;
  readonly code: Promise<number | null>;
}

/** `tiresias sweep FILE --watch`; what it says of the progress is passed on. */
function submit(file: string, url: string): Watching {
  const child = spawn(process.execPath, command(['sweep', file, '--watch', '--url', url]), {
    env: childEnvironment({}),
  });
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => process.stdout.write(text.replaceAll(/^(?=.)/gm, '   ')));
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const sweepId = new Promise<string>((resolve, reject) => {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const [, id] = /^sweep (\S+): /.exec(said) ?? [];
      if (id !== undefined) resolve(id);
    });
    void code.then(() => reject(new Error('the command ended without a sweep')));
  });
  return { child, sweepId, code };
}

interface SweepJob {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly spec: { readonly model: string };
  readonly arms: readonly {
    readonly arm: string;
    readonly fromStep: number;
    readonly step: number;
    readonly takenFrom?: { readonly job: string } | null;
  }[];
}

const jobsOf = async (url: string, id: string) => (await get<{ jobs: SweepJob[] }>(`${url}/v1/sweeps/${id}`)).jobs;

/** A third of the jobs is done, and another is at work in its window. */
async function untilMiddle(url: string, id: string, { probabilities, directions, seeds }: Plan): Promise<void> {
  const numJobs = probabilities.length * directions.length * seeds.length;
  for (;;) {
    const jobs = await jobsOf(url, id);
    const numDone = jobs.filter(({ state }) => state === 'succeeded').length;
    const isInside = jobs.some(
      ({ state, arms }) => state === 'running' && arms.some(({ step, fromStep }) => step > fromStep),
    );
    if (numDone >= Math.floor(numJobs / 3) && isInside) return;
    if (numDone === numJobs) throw new Error('the sweep was over before anything could be killed');
    await sleep(100);
  }
}

async function check(url: string, id: string, plan: Plan): Promise<void> {
  const jobs = await jobsOf(url, id);
  expectTrue(
    `${jobs.length} jobs succeeded`,
    jobs.length === plan.directions.length * plan.probabilities.length * plan.seeds.length &&
      jobs.every(({ state }) => state === 'succeeded'),
  );
  expectTrue(
    'a job was taken up again after the kill',
    jobs.some(({ attempt }) => attempt > 1),
  );
  const results = await get<SweepResults>(`${url}/v1/sweeps/${id}/results`);
  await checkMovement(url, results, plan);
  checkControls(jobs);
}

async function checkMovement(url: string, { rows }: SweepResults, plan: Plan): Promise<void> {
  const first = rows[0];
  if (first === undefined) throw new Error('the sweep has no results');
  const items = await getItems(url, first.job, 'control', FROM + plan.steps);
  const planted = occupationLogOdds(withLogOdds(items)).map((row) => row.planted);
  for (const direction of plan.directions) {
    const sign = direction === 'masculine-to-feminine' ? 1 : -1; // seen from the other gender, the one is the other
    const predicted = plan.probabilities.map((probability) =>
      mean(planted.map((odds) => sign * shiftedLogOdds(sign * odds, probability) - odds)),
    );
    for (const seed of plan.seeds) {
      const effects = plan.probabilities.map((probability) => {
        const row = rows.find(
          ({ metric, modelSeed, point }) =>
            metric === 'logOdds' &&
            modelSeed === seed &&
            point['intervention.direction'] === direction &&
            point['intervention.probability'] === probability,
        );
        const value = row?.effect?.value;
        if (value === undefined || value === null)
          throw new Error(`no effect at ${direction}, ${probability}, seed ${seed}`);
        return value;
      });
      const words = (values: readonly number[]) => values.map((value) => value.toFixed(3)).join(', ');
      console.log(
        `   ${direction}, seed ${seed}: shifts ${words(effects)} nats, at their end ${words(predicted)} by the plant`,
      );
      const isAlong = effects.every((effect, i) => effect * predicted[i]! > 0);
      const isMonotone = effects.slice(1).every((effect, i) => Math.abs(effect) > Math.abs(effects[i]!)); // one shorter
      expectTrue('they go where the plant says, further at each probability', isAlong && isMonotone);
    }
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of each model exactly one job trained the control; the others took it over from that one. */
function checkControls(jobs: readonly SweepJob[]): void {
  for (const model of new Set(jobs.map(({ spec }) => spec.model))) {
    const own = jobs.filter(({ spec }) => spec.model === model);
    const origins = own.map(({ id, arms }) => {
      const control = arms.find(({ arm }) => arm === 'control');
      return control?.takenFrom?.job ?? id;
    });
    const [trainer, ...others] = [...new Set(origins)];
    console.log(`   ${model}: ${1 + others.length} of ${own.length} jobs trained the control`);
    expectTrue(
      `one job trained the control of ${model} for all`,
      others.length === 0 && own.some(({ id }) => id === trainer),
    );
  }
}
