// The default database: a real PostgreSQL server on a loopback port, started here, or adopted when another process of ours
// runs it already. It is started detached, so that Ctrl-C in a terminal does not stop it before its owner does; an owner
// that was killed leaves it running, and the next start adopts it.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DataError, InputError, messageOf, TransientError } from '../errors.ts';
import { log } from '../log.ts';
import { findBinaries, reachableFolder, serverEnvironment, serverUser } from './postgres-binaries.ts';
import type { Binaries, ServerUser } from './postgres-binaries.ts';

export interface EmbeddedPostgresOptions {
  /** Folder of the cluster; made when it does not exist. */
  readonly folder: string;
  /** Database to make in it; default `tiresias`. */
  readonly database?: string;
  /** Restart the server on the same port whenever it dies, until `stop`. */
  readonly supervise?: boolean;
  /** No fsync; `stop` removes the folder. For tests. */
  readonly ephemeral?: boolean;
}

export interface EmbeddedPostgres {
  readonly url: string;
  readonly port: number;
  /** Where the files really are: below /var/tmp when the server user cannot enter the folder asked for. */
  readonly folder: string;
  /** Whether this process started the server, and so stops it. */
  isOwner(): boolean;
  /** Process id of the server. */
  pid(): number;
  stop(): Promise<void>;
}

interface Cluster {
  readonly folder: string;
  readonly data: string;
  readonly user: ServerUser;
  readonly binaries: Binaries;
  readonly password: string;
  readonly isEphemeral: boolean;
}

interface Server {
  readonly pid: number;
  readonly port: number;
  readonly isOwn: boolean;
}

const SUPERUSER = 'tiresias';
const MAX_LOG_BYTES = 10_000_000;
const CHECK_MS = 250;

/**
 * Starts or adopts the server and makes its database. Throws InputError (no binaries, no usable user), DataError (the
 * folder is of another PostgreSQL version) and TransientError (it does not come up; the message names its log file).
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const user = serverUser();
  const binaries = await findBinaries(user);
  const wanted = resolve(options.folder);
  const folder = reachableFolder(wanted, user);
  if (folder !== wanted) log.info({ folder, wanted }, 'the database user cannot enter the folder; using another one');
  const cluster = prepareCluster(folder, user, binaries, options.ephemeral ?? false);
  let server = await adoptOrLaunch(cluster, await choosePort(folder));
  await makeDatabase(cluster, server.port, options.database ?? 'tiresias');
  const { port } = server;
  const supervisor = options.supervise ? supervise(cluster, server, (next) => (server = next)) : undefined;
  return {
    url: databaseUrl(cluster, port, options.database ?? 'tiresias'),
    port,
    folder,
    isOwner: () => server.isOwn,
    pid: () => server.pid,
    async stop() {
      await supervisor?.stop();
      if (server.isOwn) await stopServer(server.pid);
      if (options.ephemeral) rmSync(folder, { recursive: true, force: true });
    },
  };
}

// Made aside and renamed into place, so that two starters never work in one folder and a killed one leaves no half cluster.
function prepareCluster(folder: string, user: ServerUser, binaries: Binaries, isEphemeral: boolean): Cluster {
  const home = join(folder, 'cluster');
  const data = join(home, 'data');
  if (!existsSync(home)) initialise(folder, home, user, binaries, isEphemeral);
  const major = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  if (Number(major) !== binaries.major) {
    throw new DataError(
      `${data} was made by PostgreSQL ${major}, but the embedded server is PostgreSQL ${binaries.major}: start the earlier release of this program and export what you need, then move the folder away`,
    );
  }
  return { folder, data, user, binaries, password: readFileSync(join(home, 'password'), 'utf8'), isEphemeral };
}

function initialise(folder: string, home: string, user: ServerUser, binaries: Binaries, isEphemeral: boolean): void {
  const staging = join(folder, `staging-${process.pid}-${randomBytes(4).toString('hex')}`);
  const passwordFile = join(staging, 'password');
  mkdirSync(staging, { mode: 0o700 });
  writeFileSync(passwordFile, randomBytes(18).toString('base64url'), { mode: 0o600 });
  if (user.uid !== undefined && user.gid !== undefined) {
    for (const path of [staging, passwordFile]) chownSync(path, user.uid, user.gid);
  }
  // The built-in C.UTF-8 locale sorts text alike on every machine.
  const flags = [
    '-U',
    SUPERUSER,
    '--auth=scram-sha-256',
    '-E',
    'UTF8',
    '--locale-provider=builtin',
    '--locale=C.UTF-8',
  ];
  if (isEphemeral) flags.push('--no-sync');
  const command = ['-D', join(staging, 'data'), '--pwfile', passwordFile, ...flags];
  const result = spawnSync(binaries.initdb, command, { ...user, cwd: '/', env: serverEnvironment, encoding: 'utf8' });
  try {
    if (result.status !== 0) {
      throw new InputError(`initdb could not make ${staging}: ${result.error?.message ?? result.stderr.trim()}`);
    }
    renameSync(staging, home);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    if (!existsSync(home)) throw error; // else another starter was quicker
  }
}

function databaseUrl(cluster: Cluster, port: number, database: string): string {
  return `postgresql://${SUPERUSER}:${cluster.password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
}

async function answers(cluster: Cluster, port: number): Promise<boolean> {
  const client = new pg.Client({
    connectionString: databaseUrl(cluster, port, 'postgres'),
    connectionTimeoutMillis: 2000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function adopt(cluster: Cluster): Promise<Server | undefined> {
  const pidFile = join(cluster.data, 'postmaster.pid');
  if (!existsSync(pidFile)) return undefined;
  const lines = readFileSync(pidFile, 'utf8').split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (!pid || !port || !isAlive(pid) || !(await answers(cluster, port))) return undefined;
  return { pid, port, isOwn: false };
}

async function adoptOrLaunch(cluster: Cluster, port: number): Promise<Server> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const adopted = await adopt(cluster);
    if (adopted) return adopted;
    const launched = await launch(cluster, port);
    if (launched) {
      writeFileSync(join(cluster.folder, 'port'), String(port));
      return launched;
    }
    // Another starter won, or the children of a killed server are still leaving (about a second).
    if (Date.now() > deadline) {
      throw new TransientError(`PostgreSQL did not come up on port ${port}; see ${logFile(cluster)}`);
    }
    await sleep(CHECK_MS);
  }
}

async function launch(cluster: Cluster, port: number): Promise<Server | undefined> {
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
  if (cluster.isEphemeral) settings.push('fsync=off', 'synchronous_commit=off', 'shared_buffers=32MB');
  const flags = settings.flatMap((setting) => ['-c', setting]);
  rotateLog(cluster);
  const file = openSync(logFile(cluster), 'a');
  const child = spawn(cluster.binaries.postgres, ['-D', cluster.data, ...flags], {
    ...cluster.user,
    cwd: '/',
    env: serverEnvironment,
    detached: true,
    stdio: ['ignore', file, file],
  });
  closeSync(file);
  child.unref();
  let hasEnded = false;
  child.once('exit', () => (hasEnded = true));
  child.once('error', () => (hasEnded = true));
  while (!hasEnded && child.pid !== undefined) {
    if (await answers(cluster, port)) return hasEnded ? undefined : { pid: child.pid, port, isOwn: true };
    await sleep(25);
  }
  return undefined;
}

function logFile(cluster: Cluster): string {
  return join(cluster.folder, 'postgres.log');
}

function rotateLog(cluster: Cluster): void {
  const path = logFile(cluster);
  if (existsSync(path) && statSync(path).size > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
}

// The port of the last start when it is free, so that other processes' URLs stay right.
async function choosePort(folder: string): Promise<number> {
  const file = join(folder, 'port');
  const last = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  const isUsable = Number.isInteger(last) && last > 0 && last < 65536;
  return (isUsable ? await freePort(last) : undefined) ?? (await freePort(0)) ?? 0;
}

function freePort(port: number): Promise<number | undefined> {
  return new Promise((settle) => {
    const server = createServer();
    server.once('error', () => settle(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address() as AddressInfo;
      server.close(() => settle(address.port));
    });
  });
}

async function makeDatabase(cluster: Cluster, port: number, database: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl(cluster, port, 'postgres') });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)}`);
  } catch (error) {
    const hasIt = ['42P04', '23505'].includes((error as { code?: string }).code ?? ''); // exists; made at the same time
    if (!hasIt) throw error;
  } finally {
    await client.end();
  }
}

function supervise(cluster: Cluster, first: Server, replace: (server: Server) => void): { stop(): Promise<void> } {
  let server = first;
  let restart: Promise<void> | undefined;
  const bringBack = async () => {
    log.warn({ serverPid: server.pid, port: server.port }, 'PostgreSQL died; restarting it on the same port');
    try {
      server = await adoptOrLaunch(cluster, first.port);
      replace(server);
      log.info({ serverPid: server.pid, port: server.port }, 'PostgreSQL is back');
    } catch (error) {
      log.error({ message: messageOf(error) }, 'PostgreSQL could not be restarted; trying again');
    }
  };
  const timer = setInterval(() => {
    if (restart || isAlive(server.pid)) return;
    restart = bringBack().finally(() => (restart = undefined));
  }, CHECK_MS);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await restart;
    },
  };
}

async function stopServer(pid: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (!isAlive(pid)) return;
    process.kill(pid, signal);
    for (let wait = 0; wait < 400 && isAlive(pid); wait++) await sleep(25);
  }
}
