// A migrated database of its own on a throw-away PostgreSQL server, one server per test file:
//   const database = await testDatabase();        at the top of a file, of a describe, in beforeAll, or in a test
// Several calls in one file clone several databases from one migrated template. All is removed when the file is done; what a
// killed run left behind is removed by the next.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import type { Database } from '../../src/store/database.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import type { EmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { migrate } from '../../src/store/migrate.ts';

const PREFIX = 'tiresias-test-';
const TEMPLATE = 'template_tiresias';

let server: Promise<EmbeddedPostgres> | undefined;
const opened = new Set<Database>();
let numDatabases = 0;

/** The throw-away server of this test file; it dies with the file. */
export function testServer(): Promise<EmbeddedPostgres> {
  server ??= start();
  return server;
}

/** The URL of a fresh clone of the migrated template. */
export async function testDatabaseUrl(): Promise<string> {
  const { url } = await testServer();
  const name = `test_${++numDatabases}`;
  await query(url, 'postgres', `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE} STRATEGY file_copy`);
  return withDatabase(url, name);
}

/** A fresh, migrated database, opened. */
export async function testDatabase(): Promise<Database> {
  const database = await openDatabase(await testDatabaseUrl());
  opened.add(database);
  return database;
}

async function start(): Promise<EmbeddedPostgres> {
  removeLeftovers();
  const folder = join(tmpdir(), `${PREFIX}${process.pid}-${Date.now()}`);
  mkdirSync(folder, { mode: 0o700 });
  const started = await startEmbeddedPostgres({ folder, database: TEMPLATE, ephemeral: true });
  await migrate(started.url);
  return started;
}

// Registered when this module is imported, so that it runs at the end of the file whoever asked first.
afterAll(async () => {
  if (!server) return;
  await Promise.allSettled([...opened].map((database) => database.close()));
  await (await server).stop();
  server = undefined;
});

function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const starter = Number(name.slice(PREFIX.length).split('-')[0]);
    if (isAlive(starter)) continue;
    const folder = join(tmpdir(), name);
    try {
      process.kill(Number(readFileSync(join(folder, 'cluster/data/postmaster.pid'), 'utf8').split('\n')[0]), 'SIGQUIT');
    } catch {
      // it had ended already
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function query(url: string, database: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: withDatabase(url, database) });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
