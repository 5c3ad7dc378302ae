// `tiresias up`: database, server and one worker together, each started again when it dies.
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Command } from 'commander';
import { log } from '../log.ts';
import { isRunningFromSource, packagePath } from '../package-root.ts';
import { isLoopback, type AccessKind } from '../api/access.ts';
import { accessSetting, childEnvironment, databaseUrl, homeFolder, listenAddress, logLevel } from '../settings.ts';
import { openDatabase, type Database } from '../store/database.ts';
import { startEmbeddedPostgres } from '../store/embedded-postgres.ts';
import { migrate } from '../store/migrate.ts';
import { startConfiguredServer } from './configured-server.ts';

export interface Service {
  readonly url: string;
  readonly database: Database;
  /** Process ids of the worker and of the embedded database; undefined when there is none. */
  pids(): { readonly worker: number | undefined; readonly database: number | undefined };
  stop(): Promise<void>;
}

const RESTART_MS = 1_000;

export function addUpCommand(program: Command): void {
  program
    .command('up')
    .description('start everything on this machine: database, server with its page, one worker')
    .addHelpText(
      'after',
      '\nDATABASE_URL names a PostgreSQL of yours; without it an embedded one keeps its files in TIRESIAS_HOME.\n' +
        '\nExample:\n  $ TIRESIAS_PORT=8000 tiresias up',
    )
    .action(async () => {
      const address = listenAddress();
      const access = accessSetting(isLoopback(address.host));
      const service = await startService(address, 'info', homeFolder(), access);
      announce(`Tiresias is at ${service.url} – ${describeAccess(access)} – Ctrl-C ends it`);
      await untilInterrupted();
      announce('stopping: running jobs are saved and go on at the next start');
      await service.stop();
      process.exit(0);
    });
}

/**
 * Starts everything; resolves once the page answers. The caller stops it. `logsAt` is the log level of all processes where
 * TIRESIAS_LOG_LEVEL does not name one.
 */
export async function startService(
  address: { host: string; port: number },
  logsAt = 'info',
  home = homeFolder(),
  access: AccessKind = 'open',
): Promise<Service> {
  log.level = logLevel(logsAt);
  const url = databaseUrl();
  const embedded =
    url === undefined ? await startEmbeddedPostgres({ folder: join(home, 'postgres'), supervise: true }) : undefined;
  const connection = url ?? embedded!.url; // one of the two is there
  await migrate(connection);
  const database = await openDatabase(connection);
  const server = await startConfiguredServer(address, database, home, access).catch(async (error: unknown) => {
    await database.close();
    await embedded?.stop();
    throw error;
  });
  const worker = superviseWorker({ DATABASE_URL: connection, TIRESIAS_HOME: home, TIRESIAS_LOG_LEVEL: log.level });
  return {
    url: server.url.replace(/\/$/, ''),
    database,
    pids: () => ({ worker: worker.pid(), database: embedded?.pid() }),
    stop: async () => {
      await worker.stop();
      await server.close();
      await database.close();
      await embedded?.stop();
    },
  };
}

/** One line for people, who sit at a terminal or have turned the log off; else a line of the log. */
export function announce(words: string): void {
  if (process.stderr.isTTY || !log.isLevelEnabled('info')) process.stderr.write(`${words}\n`);
  else log.info(words);
}

/** Who is let in, in words. */
export function describeAccess(access: AccessKind): string {
  return access === 'tokens' ? 'it asks for tokens' : 'everybody on this machine may do everything';
}

/** Resolves at the first SIGINT or SIGTERM. */
export function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

/** Keeps one worker process alive until stopped. */
function superviseWorker(environment: Record<string, string>): { pid(): number | undefined; stop(): Promise<void> } {
  const program = packagePath(...(isRunningFromSource ? ['jobs', 'main.ts'] : ['dist', 'jobs', 'main.js']));
  let isStopping = false;
  let child: ChildProcess | undefined;
  let gone = Promise.resolve();
  const start = (): void => {
    const fresh = fork(program, [], {
      execArgv: isRunningFromSource ? ['--import', 'tsx'] : [],
      env: childEnvironment(environment),
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    child = fresh;
    let isDrained = false;
    fresh.on('message', (message) => (isDrained = message === 'drained'));
    gone = new Promise((resolve) => {
      fresh.once('close', (code, signal) => {
        resolve();
        if (isStopping) return;
        if (isDrained) return log.warn('the worker was drained; another one starts with the next `tiresias up`');
        log.warn({ code, signal }, 'worker ended; it is started again');
        setTimeout(() => !isStopping && start(), RESTART_MS);
      });
    });
  };
  start();
  return {
    pid: () => child?.pid,
    stop: async () => {
      isStopping = true;
      child?.kill('SIGTERM');
      await gone;
    },
  };
}
