// Trial: two workers on hosts of their own, and a link to the database that is cut in mid-job, once by its cable and once half: the host can send and hears nothing.
// The cut host stops training before its lease ends, the other one goes on from the checkpoint and ends with the bits of an undisturbed job; what the first one
// says when its link is whole again changes nothing.
import { spawn } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { persistently } from '../../jobs/persistence.ts';
import { jobSpecSchema } from '../../src/job-spec.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { createJob, getJob, listAttempts } from '../../src/store/jobs.ts';
import { findBinaries, serverEnvironment, serverUser } from '../../src/store/postgres-binaries.ts';
import { migrate } from '../../src/store/migrate.ts';
import { listCheckpoints } from '../../src/store/records.ts';
import { untilGone } from './chaos-victims.ts';
import { registerTiny, STEPS, tinySpec } from './crashes.ts';
import { expectTrue, expectWithin } from './expect.ts';
import { makeHosts, whyNoHosts, type HostNetwork } from './network-hosts.ts';
import { markedProcesses, markOf, startWorkerProcess, type Started } from './processes.ts';

const LEASE_MS = 6_000;

export async function hosts(): Promise<void> {
  const why = whyNoHosts();
  if (why !== undefined) throw new Error(`there can be no hosts here: ${why}`);
  for (const kind of ['cable', 'half-open'] as const) {
    const report = await cutOff(kind);
    console.log(`   ${kind}: attempts ${report.outcomes.join(', ')}`);
    expectWithin(
      `${kind}: the cut host stopped training, s before its lease ended`,
      report.stoppedBeforeMs / 1000,
      0,
      6,
    );
    expectTrue(`${kind}: the other host took over, and ended with the bits of an undisturbed job`, report.isSame);
    expectTrue(`${kind}: lost once, then succeeded`, report.outcomes.join() === 'lost,succeeded');
    expectTrue(`${kind}: every step once`, report.isOnce);
    expectTrue(`${kind}: the late words of the cut host changed nothing`, report.isUnchanged);
    expectTrue(`${kind}: no process is left`, report.left.length === 0);
  }
}

export interface CutReport {
  readonly outcomes: readonly (string | null)[];
  /** By the database's clock; negative where it trained on. */
  readonly stoppedBeforeMs: number;
  readonly isSame: boolean;
  readonly isOnce: boolean;
  readonly isUnchanged: boolean;
  readonly left: readonly number[];
}

/** One job whose host is cut off in its middle, and an undisturbed one before. All that was made is removed, also after a failure. */
export async function cutOff(kind: 'cable' | 'half-open'): Promise<CutReport> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-hosts-'));
  chmodSync(folder, 0o755); // the database's user works in it
  const mark = `hosts-${process.pid}-${kind}`;
  const network = makeHosts();
  const endings: (() => Promise<void>)[] = [];
  try {
    const home = join(folder, 'home');
    registerTiny(home, folder);
    const { near, far, stop } = await startDatabase(network, join(folder, 'postgres'));
    endings.push(stop);
    const database = await persistently(() => openDatabase(near)); // it may be starting
    endings.push(() => database.close());
    const settings = { TIRESIAS_LOG: 'warn', TIRESIAS_LEASE_MS: String(LEASE_MS), ...markOf(mark) };
    const where = { databaseUrl: far, home, logPath: join(folder, 'log'), settings };
    const begin = (host: 'a' | 'b') => {
      const worker = startWorkerProcess({ ...where, prefix: network.prefixOf(host) });
      endings.push(() => end(worker));
      return worker;
    };
    return { ...(await disturb(kind, { network, database, begin, mark })), left: await ended(endings, mark) };
  } finally {
    await ended(endings, mark);
    network.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Scene {
  readonly network: HostNetwork;
  readonly database: Database;
  readonly begin: (host: 'a' | 'b') => Started;
  readonly mark: string;
}

async function disturb(kind: 'cable' | 'half-open', scene: Scene): Promise<Omit<CutReport, 'left'>> {
  const { network, database, begin, mark } = scene;
  const spec = jobSpecSchema.parse(tinySpec);
  const first = begin('a');
  const quiet = (await createJob(database, { spec, name: 'undisturbed' })).id;
  await until(async () => isOver(database, quiet));
  const id = (await createJob(database, { spec, name: `cut: ${kind}` })).id;
  await until(async () => (await listCheckpoints(database, id, 'intervention')).length > 0);
  if (kind === 'cable') network.setLink('a', 'down');
  else network.setDeaf('a', true);
  await until(() => Promise.resolve(markedProcesses(mark, 'jobs/trainer').length === 0));
  const stoppedBeforeMs = await leaseLeftMs(database, id);
  begin('b');
  await until(async () => isOver(database, id));
  const before = await everything(database, id);
  if (kind === 'cable') network.setLink('a', 'up');
  else network.setDeaf('a', false);
  const next = (await createJob(database, { spec, name: 'afterwards' })).id; // the cut host has time to say what it has to say
  await until(async () => isOver(database, next));
  await sleep(LEASE_MS);
  if (!first.isAlive()) throw new Error('the worker of the cut host has ended');
  const steps = await database.prisma.step.findMany({ where: { run: { jobId: id } }, orderBy: { step: 'asc' } });
  return {
    ...{ outcomes: (await listAttempts(database, id)).map(({ outcome }) => outcome), stoppedBeforeMs },
    isSame: (await lastHash(database, id)) === (await lastHash(database, quiet)),
    isOnce: steps.map(({ step }) => step - STEPS.from).join() === [...Array(STEPS.to - STEPS.from).keys()].join(),
    isUnchanged: (await everything(database, id)) === before,
  };
}

/** PostgreSQL beside the bridge: initialised here, then run there, where it listens on the bridge's address for those with its password. */
async function startDatabase(network: HostNetwork, folder: string) {
  const first = await startEmbeddedPostgres({ folder });
  await migrate(first.url);
  await first.stop();
  const cluster = join(first.folder, 'cluster'); // the server's own
  const data = join(cluster, 'data');
  appendFileSync(join(data, 'pg_hba.conf'), `host all all ${network.address}/24 scram-sha-256\n`);
  const user = serverUser();
  const { postgres } = await findBinaries(user);
  const settings = [`port=${first.port}`, `listen_addresses=${network.address}`, `unix_socket_directories=${cluster}`];
  const drop = ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  const [ip = '', ...words] = [...network.prefixOf('database'), ...drop, postgres, '-D', data];
  const server = spawn(ip, [...words, ...settings.flatMap((setting) => ['-c', setting])], {
    ...{ cwd: '/', env: serverEnvironment, stdio: 'ignore' },
  });
  const gone = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const far = new URL(first.url);
  far.hostname = network.address;
  const near = new URL(first.url); // a socket of the file system, which all namespaces share
  near.searchParams.set('host', cluster);
  await until(() => Promise.resolve(existsSync(join(cluster, `.s.PGSQL.${first.port}`))));
  const stop = async () => {
    server.kill('SIGINT'); // ip and setpriv have become the server
    await gone;
  };
  return { near: near.href, far: far.href, stop };
}

async function end(worker: Started): Promise<void> {
  worker.kill('SIGKILL');
  await worker.ended;
}

/** Ends what was begun, last first, and tells what of it is left. */
async function ended(endings: (() => Promise<void>)[], mark: string): Promise<number[]> {
  for (const ending of endings.splice(0).reverse()) await ending();
  return untilGone(() => markedProcesses(mark));
}

async function until(check: () => Promise<boolean>, patienceMs = 240_000): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`what was waited for did not come within ${patienceMs} ms`);
    await sleep(20);
  }
}

async function isOver(database: Database, id: string): Promise<boolean> {
  const { state, message } = await getJob(database, id);
  if (state === 'failed') throw new Error(`the job failed: ${message}`);
  return state === 'succeeded';
}

async function leaseLeftMs({ pool }: Database, id: string): Promise<number> {
  const sql =
    'SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 * 1000 AS left FROM job WHERE id = $1';
  return (await pool.query<{ left: number }>(sql, [id])).rows[0]!.left; // the job is there
}

/** Of weights and moments at the end, in their manifest. */
async function lastHash(database: Database, id: string): Promise<string | undefined> {
  const rows = await listCheckpoints(database, id, 'intervention');
  return rows.find(({ step }) => step === STEPS.to)?.manifestSha256;
}

/** All rows of a job, as text. */
async function everything({ pool }: Database, id: string): Promise<string> {
  const ofRuns = ['step', 'checkpoint', 'evaluation', 'edit_sample'].map(
    (table) => `SELECT to_jsonb(t)::text AS row FROM ${table} AS t JOIN run ON run.id = t.run_id WHERE run.job_id = $1`,
  );
  const ofJob = ['run', 'attempt', 'event'].map(
    (table) => `SELECT to_jsonb(t)::text FROM ${table} AS t WHERE job_id = $1`,
  );
  const all = [...ofRuns, ...ofJob, 'SELECT to_jsonb(t)::text FROM job AS t WHERE id = $1'].join(' UNION ALL ');
  return (await pool.query<{ row: string }>(`${all} ORDER BY 1`, [id])).rows.map(({ row }) => row).join('\n');
}
