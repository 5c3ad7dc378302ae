// Applies prisma/migrations at start-up without Prisma's engine, which is a download. It keeps the table
// "_prisma_migrations" as Prisma Migrate 7 does (columns, SHA-256 of the file, a failed row left open), so that
// `prisma migrate deploy` may be used on the same database before or after.
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { ConflictError, messageOf } from '../errors.ts';
import { packagePath } from '../package-root.ts';
import { placeOf, withAddress } from './connection-words.ts';

/** The key of the advisory lock that Prisma Migrate takes too. */
const LOCK = 72707369;

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL, "checksum" VARCHAR(64) NOT NULL, "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL, "logs" TEXT, "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(), "applied_steps_count" INTEGER NOT NULL DEFAULT 0)`;

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** The folder of the committed migrations. */
export function migrationsFolder(): string {
  return packagePath('prisma', 'migrations');
}

/**
 * Applies what is missing and returns its names. Runners started at the same time wait for each other. Throws
 * ConflictError when an applied migration was edited or an earlier one failed, else as openDatabase does.
 */
export async function migrate(url: string, folder: string = migrationsFolder()): Promise<string[]> {
  placeOf(url); // an address that cannot be read is told before
  const client = new pg.Client({ connectionString: url, application_name: 'tiresias migrate' });
  client.on('error', () => undefined); // the query in hand fails with it
  try {
    await client.connect();
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await client.query(CREATE_TABLE);
    const applied: string[] = [];
    for (const migration of missing(readMigrations(folder), await readApplied(client))) {
      await apply(client, migration);
      applied.push(migration.name);
    }
    return applied;
  } catch (error) {
    throw withAddress(error, url);
  } finally {
    await client.end().catch(() => undefined); // ends the session, and with it the lock
  }
}

/** The names of the migrations that the database still lacks. Throws ConflictError as `migrate` does. */
export async function pendingMigrations(pool: pg.Pool, folder: string = migrationsFolder()): Promise<string[]> {
  const { rows } = await pool.query<{ found: boolean }>(
    `SELECT to_regclass('"_prisma_migrations"') IS NOT NULL AS found`,
  );
  const applied = rows[0]?.found ? await readApplied(pool) : [];
  return missing(readMigrations(folder), applied).map((migration) => migration.name);
}

interface AppliedRow {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
}

async function readApplied(client: pg.Pool | pg.Client): Promise<AppliedRow[]> {
  const { rows } = await client.query<AppliedRow>(
    'SELECT migration_name, checksum, finished_at FROM "_prisma_migrations" WHERE rolled_back_at IS NULL ORDER BY started_at',
  );
  return rows;
}

function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  return names.sort().map((name) => {
    const bytes = readFileSync(join(folder, name, 'migration.sql'));
    return { name, sql: bytes.toString('utf8'), checksum: createHash('sha256').update(bytes).digest('hex') };
  });
}

function missing(migrations: readonly Migration[], applied: readonly AppliedRow[]): Migration[] {
  const failed = applied.find((row) => row.finished_at === null);
  if (failed) {
    throw new ConflictError(
      `the database migration ${failed.migration_name} failed earlier (P3009): read its row of "_prisma_migrations", mend the database, and set rolled_back_at`,
    );
  }
  const checksums = new Map(applied.map((row) => [row.migration_name, row.checksum]));
  return migrations.filter(({ name, checksum }) => {
    const earlier = checksums.get(name);
    if (earlier !== undefined && earlier !== checksum) {
      throw new ConflictError(`the database migration ${name} was edited after it had been applied: restore the file`);
    }
    return earlier === undefined;
  });
}

// Several statements in one simple query are one transaction: a migration is applied whole or not at all.
async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  const id = randomUUID();
  await client.query('INSERT INTO "_prisma_migrations" (id, checksum, migration_name) VALUES ($1, $2, $3)', [
    id,
    checksum,
    name,
  ]);
  try {
    await client.query(sql);
  } catch (error) {
    await client.query('UPDATE "_prisma_migrations" SET logs = $2 WHERE id = $1', [id, messageOf(error)]);
    throw error;
  }
  await client.query('UPDATE "_prisma_migrations" SET finished_at = now(), applied_steps_count = 1 WHERE id = $1', [
    id,
  ]);
}
