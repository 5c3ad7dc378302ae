// npm run db:new NAME – writes prisma/migrations/<time>_<name>/migration.sql with what schema.prisma has and the committed
// migrations lack, on a throw-away embedded database.
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError, messageOf } from '../src/errors.ts';
import { startEmbeddedPostgres } from '../src/store/embedded-postgres.ts';
import { migrate, migrationsFolder } from '../src/store/migrate.ts';
import { openSchemaEngine } from './schema-engine.ts';

async function writeMigration(name: string | undefined): Promise<string | undefined> {
  if (!name || !/^[a-z][a-z0-9_]*$/.test(name)) {
    throw new InputError('give the migration a name of small letters, digits and _: npm run db:new add_something');
  }
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-migration-'));
  const server = await startEmbeddedPostgres({ folder, ephemeral: true });
  try {
    if (existsSync(migrationsFolder())) await migrate(server.url);
    const engine = await openSchemaEngine(server.url);
    const sql = await engine.missingSql();
    await engine.close();
    return sql === undefined ? undefined : save(name, sql);
  } finally {
    await server.stop();
  }
}

function save(name: string, sql: string): string {
  const time = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14);
  const folder = join(migrationsFolder(), `${time}_${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'migration.sql'), sql);
  writeFileSync(join(migrationsFolder(), 'migration_lock.toml'), 'provider = "postgresql"\n');
  return join(folder, 'migration.sql');
}

try {
  const path = await writeMigration(process.argv[2]);
  console.log(path ?? 'schema.prisma and the migrations agree: nothing to write');
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
