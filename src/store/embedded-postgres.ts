// The default database: a real PostgreSQL server on a loopback port, started here, or adopted when another process of ours
// runs it already. It is started detached, so that Ctrl-C in a terminal does not stop it before its owner does; an owner
// that was killed leaves it running, and the next start adopts it and becomes its owner.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { DataError, InputError, messageOf } from '../errors.ts';
import { log } from '../log.ts';
import { findBinaries, reachableFolder, serverEnvironment, serverUser } from './postgres-binaries.ts';
import type { Binaries, ServerUser } from './postgres-binaries.ts';
import { adoptOrLaunch, choosePort, databaseUrl, isAlive, stopServer, SUPERUSER } from './postgres-process.ts';
import type { Cluster, Server } from './postgres-process.ts';

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
  /** Whether this process started the server, or adopted it from one that was killed, and so stops it. */
  isOwner(): boolean;
  /** Process id of the server. */
  pid(): number;
  stop(): Promise<void>;
}

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
