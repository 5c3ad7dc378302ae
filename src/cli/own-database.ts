// The database for commands that work on it directly, not through the server.
import { join } from 'node:path';
import { databaseUrl, homeFolder } from '../settings.ts';
import { openDatabase, type Database } from '../store/database.ts';
import { startEmbeddedPostgres } from '../store/embedded-postgres.ts';
import { migrate } from '../store/migrate.ts';

/** The database of the settings, brought up to date; the embedded one is started where it does not run. */
export async function withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
  const url = databaseUrl();
  const embedded =
    url === undefined ? await startEmbeddedPostgres({ folder: join(homeFolder(), 'postgres') }) : undefined;
  try {
    const connection = url ?? embedded!.url; // one of the two is there
    await migrate(connection);
    const database = await openDatabase(connection);
    try {
      return await work(database);
    } finally {
      await database.close();
    }
  } finally {
    await embedded?.stop();
  }
}
