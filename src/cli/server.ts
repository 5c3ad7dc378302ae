// `tiresias server`: the API and the page on a PostgreSQL of one's own; workers are started apart.
import type { Command } from 'commander';
import { InputError } from '../errors.ts';
import { isLoopback } from '../api/access.ts';
import { accessSetting, databaseUrl, drainNoticeMs, homeFolder, listenAddress } from '../settings.ts';
import { openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { startConfiguredServer } from './configured-server.ts';
import { announce, describeAccess, untilInterrupted } from './up.ts';

export function addServerCommand(program: Command): void {
  program
    .command('server')
    .description('serve the API and the page; needs DATABASE_URL')
    .addHelpText(
      'after',
      '\nMigrations are applied at the start. TIRESIAS_HOST and TIRESIAS_PORT say where to listen: on 127.0.0.1 everybody on this machine may do everything,\n' +
        'elsewhere, or with TIRESIAS_AUTH=tokens, the server asks for tokens, which `tiresias tokens create` makes. TIRESIAS_RATE_LIMIT is how many requests\n' +
        'a minute a token may make, TIRESIAS_DRAIN_NOTICE_MS how long /readyz says at SIGTERM that the server stops before it does, TIRESIAS_ROOTS the folders (beside TIRESIAS_HOME) whose files clients may register,\n' +
        'TIRESIAS_ERRANDS how many checkpoints and datasets are pulled or verified at once.\n\nExample:' +
        '\n  $ DATABASE_URL=postgresql://user:password@host/tiresias tiresias server',
    )
    .action(serve);
}

async function serve(): Promise<void> {
  const url = databaseUrl();
  if (url === undefined) {
    throw new InputError(
      'a server needs DATABASE_URL; `tiresias up` starts a database, the server and a worker together',
    );
  }
  const stopped = untilInterrupted();
  await migrate(url);
  const database = await openDatabase(url);
  try {
    const [home, address] = [homeFolder(), listenAddress()];
    const access = accessSetting(isLoopback(address.host));
    const server = await startConfiguredServer(address, database, home, access);
    announce(`Tiresias is at ${server.url} – ${describeAccess(access)} – Ctrl-C ends it`);
    await stopped;
    announce('stopping: requests in hand are answered, streams are ended');
    await server.close(drainNoticeMs());
  } finally {
    await database.close();
  }
}
