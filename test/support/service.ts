// The whole service for a test: a database, the API with the real catalog on a free port, a home folder of its own, and real
// worker processes. `stop` ends and removes everything; a worker whose test was killed ends with it, as its pipe closes.
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCatalog } from '../../src/catalog.ts';
import type { Arm, FailureReason, JobSpecInput, JobState } from '../../src/job-spec.ts';
import { FINAL_STATES } from '../../src/job-spec.ts';
import { packagePath } from '../../src/package-root.ts';
import { startServer } from '../../src/server.ts';
import { childEnvironment } from '../../src/settings.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { migrate } from '../../src/store/migrate.ts';
import { testDatabaseUrl } from './database.ts';
import { sharedSuiteFolder } from './suite-folder.ts';

/** A job as the API answers it, as far as tests read it. */
export interface JobAnswer {
  readonly id: string;
  readonly state: JobState;
  readonly reason: FailureReason | null;
  readonly message: string | null;
  readonly attempt: number;
  readonly arms: readonly {
    readonly arm: Arm;
    readonly state: string;
    readonly fromStep: number;
    readonly toStep: number;
    readonly step: number;
    readonly takenFrom: { readonly job: string; readonly name: string; readonly run: string } | null;
    readonly takenScores: readonly { readonly benchmark: string; readonly job: string }[];
  }[];
}

export interface TestWorker {
  readonly pid: number;
  readonly isAlive: () => boolean;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  kill(signal: NodeJS.Signals): void;
  /** Process ids of its trainers. */
  trainers(): number[];
  /** What it and its trainers wrote to their log. */
  log(): string;
}

export interface TestService {
  /** Without a slash at its end. */
  readonly url: string;
  readonly home: string;
  readonly database: Database;
  /** Only of a durable service. */
  readonly postgres: EmbeddedPostgres | undefined;
  startWorker(settings?: Readonly<Record<string, string>>): TestWorker;
  /** GET of an address below /v1; throws when the answer is no success. */
  get<T>(path: string): Promise<T>;
  post(path: string, body: unknown): Promise<{ status: number; body: unknown }>;
  /** Submits a spec that the API must accept, and returns the job's id. */
  submit(spec: JobSpecInput): Promise<string>;
  /** Polls the job until `isReached`; throws when it ends before, and its words. */
  until(id: string, isReached: (job: JobAnswer) => boolean, timeoutMs?: number): Promise<JobAnswer>;
  untilOver(id: string, timeoutMs?: number): Promise<JobAnswer>;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  /** A supervised PostgreSQL of its own that loses nothing when killed; default: a database on the file's throw-away server. */
  readonly isDurable?: boolean;
  /** The hub of the server and of its workers; default: none for the server, which then pulls and verifies nothing. */
  readonly hub?: { readonly endpoint: string; readonly token: string };
  /** The built page; default: none. */
  readonly webFolder?: string;
}

const POLL_MS = 50;
/** Generous: the machine may run other things beside the tests. */
const PATIENCE_MS = 240_000;

/**
 * The spec of a job on the nano suite: from step 1330, four steps, all three arms. On wasm, which is everywhere: there arms train side by side, and the
 * published weights are its.
 */
export function nanoSpec(changes: Partial<JobSpecInput> = {}): JobSpecInput {
  const window = { steps: 4 };
  return { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories', window, backend: 'wasm', ...changes };
}

/** Starts database and API; workers are started by the test. The caller stops it. */
export async function startTestService(options: ServiceOptions = {}): Promise<TestService> {
  // Names by which database.ts finds what a killed run has left, a running PostgreSQL in it too.
  const folder = mkdtempSync(join(tmpdir(), `tiresias-test-${process.pid}-service-`));
  const postgresFolder = join(tmpdir(), `tiresias-test-${process.pid}-durable-${Date.now()}`);
  const home = join(folder, 'home');
  mkdirSync(home);
  symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
  const postgres = options.isDurable
    ? await startEmbeddedPostgres({ folder: postgresFolder, supervise: true })
    : undefined;
  const databaseUrl = postgres?.url ?? (await testDatabaseUrl());
  if (postgres) await migrate(databaseUrl);
  const database = await openDatabase(databaseUrl);
  const { hub } = options;
  const webFolder = options.webFolder ?? join(folder, 'no-page');
  const access = { cacheFolder: join(folder, 'hub'), isOffline: false };
  const errands = hub && { home, hub: { ...hub, ...access }, atOnce: 2, leaseMs: 15_000 };
  const server = await startServer(
    { host: '127.0.0.1', port: 0, ...(errands && { errands }) },
    { database, catalog: openCatalog(home, hub), webFolder },
  );
  const url = server.url.replace(/\/$/, '');
  const workers: TestWorker[] = [];
  const asked = askJobs(url);
  return {
    ...{ url, home, database, postgres },
    ...asked,
    startWorker(settings = {}) {
      const hubSettings = hub && { HF_ENDPOINT: hub.endpoint, HF_TOKEN: hub.token };
      const basic = { DATABASE_URL: databaseUrl, TIRESIAS_HOME: home, TIRESIAS_LEASE_MS: '3000' };
      const environment = { ...basic, ...hubSettings, ...settings };
      const worker = startWorker(environment, join(folder, `worker-${workers.length}.log`));
      workers.push(worker);
      return worker;
    },
    async stop() {
      for (const worker of workers) worker.kill('SIGKILL');
      await Promise.all(workers.map((worker) => worker.ended));
      await server.close();
      await database.close();
      await postgres?.stop();
      for (const path of [folder, postgresFolder]) rmSync(path, { recursive: true, force: true });
    },
  };
}

function askJobs(url: string): Pick<TestService, 'get' | 'post' | 'submit' | 'until' | 'untilOver'> {
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${url}/v1${path}`);
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  const post = async (path: string, body: unknown) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as unknown };
  };
  const until: TestService['until'] = async (id, isReached, timeoutMs = PATIENCE_MS) => {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const job = await get<JobAnswer>(`/jobs/${id}`).catch(() => undefined); // the database may be away
      if (job !== undefined && isReached(job)) return job;
      const words = job === undefined ? 'no answer' : `${job.state} (${job.reason}: ${job.message})`;
      if (job !== undefined && FINAL_STATES.includes(job.state)) throw new Error(`the job ended before: ${words}`);
      if (Date.now() > deadline) throw new Error(`the job did not come there in ${timeoutMs} ms: ${words}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  return {
    ...{ get, post, until },
    async submit(spec) {
      const { status, body } = await post('/jobs', spec);
      if (status !== 201) throw new Error(`the job was answered with ${status}: ${JSON.stringify(body)}`);
      return (body as { job: JobAnswer }).job.id;
    },
    untilOver: (id, timeoutMs) => until(id, ({ state }) => FINAL_STATES.includes(state), timeoutMs),
  };
}

function startWorker(environment: Readonly<Record<string, string>>, logPath: string): TestWorker {
  const file = openSync(logPath, 'a');
  const child: ChildProcess = fork(packagePath('jobs', 'main.ts'), [], {
    execArgv: ['--import', 'tsx'],
    env: childEnvironment({ TIRESIAS_LOG: 'info', ...environment }),
    stdio: ['ignore', file, file, 'ipc'],
  });
  closeSync(file);
  const { pid } = child;
  if (pid === undefined) throw new Error('the worker could not be started');
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  return {
    ...{ pid, ended },
    isAlive: () => child.exitCode === null && child.signalCode === null,
    kill: (signal) => void child.kill(signal),
    trainers: () => trainersOf(pid),
    log: () => readFileSync(logPath, 'utf8'),
  };
}

/** Process ids of the trainers of one worker, or of all processes when no worker is named. */
export function trainersOf(worker?: number): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (!command?.includes(join('jobs', 'trainer.ts')) || state?.startsWith('Z')) return [];
    return worker === undefined || Number(parent) === worker ? [Number(pid)] : [];
  });
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
