import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { openSchemaEngine } from '../../scripts/schema-engine.ts';
import { ConflictError } from '../../src/errors.ts';
import { migrate, migrationsFolder, pendingMigrations } from '../../src/store/migrate.ts';
import { testDatabaseUrl, testServer } from '../support/database.ts';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

async function emptyDatabase(name: string): Promise<string> {
  const { url } = await testServer();
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name} TEMPLATE template0`);
  await admin.end();
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

function folderWith(sql: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'migrations-'));
  folders.push(folder);
  cpSync(migrationsFolder(), folder, { recursive: true });
  mkdirSync(join(folder, '29990101000000_more'));
  writeFileSync(join(folder, '29990101000000_more', 'migration.sql'), sql);
  return folder;
}

const committed = readdirSync(migrationsFolder(), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

describe("migrate, checked by Prisma's own schema engine", () => {
  it('leaves nothing between schema.prisma and the committed migrations', async () => {
    const engine = await openSchemaEngine(await testDatabaseUrl());
    expect(await engine.countMissingSteps()).toBe(0);
    expect(await engine.missingSql()).toBeUndefined();
    await engine.close();
  });

  it('notices a column that has no migration', async () => {
    const schema = 'datasource db {\n provider = "postgresql"\n}\nmodel Extra {\n id Int @id\n}\n';
    const engine = await openSchemaEngine(await testDatabaseUrl(), schema);
    expect(await engine.missingSql()).toContain('CREATE TABLE "Extra"');
    expect(await engine.countMissingSteps()).toBeGreaterThan(0);
    await engine.close();
  });

  it('leaves a migration table in which Prisma finds nothing amiss and nothing to apply', async () => {
    const engine = await openSchemaEngine(await testDatabaseUrl());
    expect(await engine.diagnose()).toMatchObject({
      editedMigrationNames: [],
      failedMigrationNames: [],
      hasMigrationsTable: true,
      history: null,
    });
    expect(await engine.adviseDevelopment()).toMatchObject({ action: { tag: 'createMigration' } });
    expect(await engine.applyMigrations()).toEqual([]);
    await engine.close();
  });

  it('has nothing to do on a database that Prisma migrated', async () => {
    const url = await emptyDatabase('made_by_prisma');
    const engine = await openSchemaEngine(url);
    expect(await engine.applyMigrations()).toEqual(committed);
    await engine.close();
    expect(await migrate(url)).toEqual([]);
  });
});

describe('migrate', () => {
  it('applies each migration once when two runners start together', async () => {
    const url = await emptyDatabase('two_runners');
    const pool = new pg.Pool({ connectionString: url });
    expect(await pendingMigrations(pool)).toEqual(committed);
    const applied = await Promise.all([migrate(url), migrate(url)]);
    expect(applied.flat()).toEqual(committed);
    expect(await migrate(url)).toEqual([]);
    expect(await pendingMigrations(pool)).toEqual([]);
    await pool.end();
  });

  it('rolls a faulty migration back whole and refuses to go on after it', async () => {
    const url = await emptyDatabase('faulty');
    const folder = folderWith('CREATE TABLE half (id INT);\nCREATE TABLE half (id INT);\n');
    await expect(migrate(url, folder)).rejects.toThrow('relation "half" already exists');
    const pool = new pg.Pool({ connectionString: url });
    const { rows } = await pool.query(`SELECT to_regclass('half') AS half`);
    expect(rows).toEqual([{ half: null }]);
    await pool.end();
    await expect(migrate(url, folder)).rejects.toThrow(/29990101000000_more failed earlier \(P3009\)/);
    const engine = await openSchemaEngine(url);
    expect(await engine.diagnose()).toMatchObject({ failedMigrationNames: ['29990101000000_more'] });
    await engine.close();
  });

  it('refuses a migration that was edited after it had been applied', async () => {
    const url = await emptyDatabase('edited');
    const folder = folderWith('CREATE TABLE later (id INT);\n');
    await migrate(url, folder);
    writeFileSync(join(folder, '29990101000000_more', 'migration.sql'), 'CREATE TABLE later (id BIGINT);\n');
    await expect(migrate(url, folder)).rejects.toThrow(ConflictError);
  });
});
