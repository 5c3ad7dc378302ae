// The server process of the embedded database: launched on a port, adopted when it runs already, and stopped. Beside the
// cluster lie `port` (of the last start), `owner` (the process that stops the server) and `postgres.log`.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { TransientError } from '../errors.ts';
import { serverEnvironment } from './postgres-binaries.ts';
import type { Binaries, ServerUser } from './postgres-binaries.ts';

/** Where the files of a server are and how it is run. */
export interface Cluster {
  readonly folder: string;
  readonly data: string;
  readonly user: ServerUser;
  readonly binaries: Binaries;
  readonly password: string;
  readonly isEphemeral: boolean;
}

export interface Server {
  readonly pid: number;
  readonly port: number;
  /** Whether this process stops it. */
  readonly isOwn: boolean;
}

export const SUPERUSER = 'tiresias';
const MAX_LOG_BYTES = 10_000_000;
const RETRY_MS = 250;

/** The address of a database of the server on `port`. */
export function databaseUrl(cluster: Cluster, port: number, database: string): string {
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

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
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
  const ownerFile = join(cluster.folder, 'owner');
  const isOrphan = !existsSync(ownerFile) || !isAlive(Number(readFileSync(ownerFile, 'utf8')));
  if (isOrphan) writeFileSync(ownerFile, String(process.pid));
  return { pid, port, isOwn: isOrphan };
}

/** The running server of the cluster, or a new one on `port`. Throws TransientError when none comes up. */
export async function adoptOrLaunch(cluster: Cluster, port: number): Promise<Server> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const adopted = await adopt(cluster);
    if (adopted) return adopted;
    const launched = await launch(cluster, port);
    if (launched) {
      writeFileSync(join(cluster.folder, 'port'), String(port));
      writeFileSync(join(cluster.folder, 'owner'), String(process.pid));
      return launched;
    }
    // Another starter won, or the children of a killed server are still leaving (about a second).
    if (Date.now() > deadline) {
      throw new TransientError(`PostgreSQL did not come up on port ${port}; see ${logFile(cluster)}`);
    }
    await sleep(RETRY_MS);
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

/** The port of the last start when it is free, so that other processes' URLs stay right; else a free one. */
export async function choosePort(folder: string): Promise<number> {
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

/** Stops a server in order, or within ten seconds without. */
export async function stopServer(pid: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (!isAlive(pid)) return;
    process.kill(pid, signal);
    for (let wait = 0; wait < 400 && isAlive(pid); wait++) await sleep(25);
  }
}
