// `tiresias server`: the API and the page on a PostgreSQL of one's own; workers are started apart.
import type { Command } from 'commander';
import { openCatalog } from '../catalog.ts';
import { InputError } from '../errors.ts';
import { packagePath } from '../package-root.ts';
import { startServer } from '../server.ts';
import { databaseUrl, homeFolder, hubAccess, listenAddress } from '../settings.ts';
import { openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { untilInterrupted } from './up.ts';

export function addServerCommand(program: Command): void {
  program
    .command('server')
    .description('serve the API and the page; needs DATABASE_URL')
    .addHelpText(
      'after',
      '\nMigrations are applied at the start. TIRESIAS_HOST and TIRESIAS_PORT say where to listen.\n\nExample:' +
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
    const parts = { database, catalog: openCatalog(homeFolder(), hubAccess()), webFolder: packagePath('dist', 'web') };
    const server = await startServer(listenAddress(), parts);
    process.stderr.write(`Tiresias is at ${server.url} – Ctrl-C ends it\n`);
    await stopped;
    await server.close();
  } finally {
    await database.close();
  }
}
