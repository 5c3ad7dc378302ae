// All rows of the database in files and back: a line of JSON a row, as PostgreSQL itself writes and reads it, so that no number or time passes through JavaScript. One
// snapshot, whatever goes on beside it. For an empty database of the same migrations; PostgreSQL's own pg_dump has none of these limits, and is not among the
// embedded programs.
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import pg from 'pg';
import { InputError } from '../errors.ts';
import type { Database } from './database.ts';

/** Rows by table; what a dump must hold to be whole. */
export interface DumpContent {
  readonly migrations: readonly string[];
  readonly numRows: Readonly<Record<string, number>>;
}

const ROWS_AT_ONCE = 50;
const CHARACTERS_AT_ONCE = 8_000_000;
const MIGRATIONS = '_prisma_migrations';

/** Writes every table into the folder, TABLE.jsonl.gz. */
export async function dumpRows(
  { pool }: Database,
  folder: string,
  onTable: (name: string) => void,
): Promise<DumpContent> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const migrations = await appliedMigrations(client);
    const numRows: Record<string, number> = {};
    for (const table of await tablesOf(client)) {
      onTable(table);
      const counter = { count: 0 };
      await pipeline(
        rowsOf(client, table, counter),
        createGzip(),
        createWriteStream(fileOf(folder, table), { flags: 'wx' }),
      );
      numRows[table] = counter.count;
    }
    await client.query('COMMIT');
    return { migrations, numRows };
  } finally {
    client.release(true); // also after a failure in the transaction
  }
}

/** Throws InputError for a database that is not empty, or has other migrations than the dump. */
export async function checkLoadable({ pool }: Database, content: DumpContent): Promise<void> {
  const client = await pool.connect();
  try {
    await refuseOthers(client, content);
  } finally {
    client.release();
  }
}

/** Fills the empty tables from the folder, all or none. Throws InputError for a database that is not empty or has other migrations. */
export async function loadRows(
  { pool }: Database,
  folder: string,
  content: DumpContent,
  onTable: (name: string) => void,
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await refuseOthers(client, content);
    await client.query('SET LOCAL session_replication_role = replica'); // rows refer to rows that come later
    for (const [table, expected] of Object.entries(content.numRows)) {
      onTable(table);
      const found = await loadTable(client, folder, table);
      if (found !== expected)
        throw new InputError(`${fileOf(folder, table)}: expected ${expected} rows, found ${found}`);
    }
    await moveSequences(client);
    await client.query('COMMIT');
  } finally {
    client.release(true);
  }
}

async function* rowsOf(client: pg.ClientBase, table: string, counter: { count: number }): AsyncGenerator<string> {
  const name = pg.escapeIdentifier(table);
  await client.query(`DECLARE rows CURSOR FOR SELECT to_jsonb(one)::text AS row FROM ${name} AS one`);
  for (;;) {
    const { rows } = await client.query<{ row: string }>(`FETCH ${ROWS_AT_ONCE} FROM rows`);
    if (rows.length === 0) break;
    counter.count += rows.length;
    for (const { row } of rows) yield `${row}\n`; // JSON of jsonb has no line breaks
  }
  await client.query('CLOSE rows');
}

async function loadTable(client: pg.ClientBase, folder: string, table: string): Promise<number> {
  const name = pg.escapeIdentifier(table);
  let [count, waiting, size]: [number, string[], number] = [0, [], 0];
  const insert = async () => {
    const sql = `INSERT INTO ${name} SELECT * FROM jsonb_populate_recordset(NULL::${name}, $1::jsonb)`;
    if (waiting.length > 0) await client.query(sql, [`[${waiting.join(',')}]`]);
    [waiting, size] = [[], 0];
  };
  const file = createReadStream(fileOf(folder, table));
  const text = file.pipe(createGunzip());
  file.on('error', (error) => text.destroy(error));
  for await (const line of createInterface({ input: text })) {
    waiting.push(line);
    [count, size] = [count + 1, size + line.length];
    if (size > CHARACTERS_AT_ONCE) await insert();
  }
  await insert();
  return count;
}

async function refuseOthers(client: pg.ClientBase, { migrations, numRows }: DumpContent): Promise<void> {
  const here = await appliedMigrations(client);
  if (here.join() !== migrations.join()) {
    const newest = migrations.at(-1) ?? 'none';
    throw new InputError(
      `the backup has the migrations up to ${newest}, this release up to ${here.at(-1)}: restore with the release that made it`,
    );
  }
  const tables = await tablesOf(client);
  if (tables.join() !== Object.keys(numRows).join())
    throw new InputError('the backup does not have the tables of this database: it is damaged');
  for (const table of tables) {
    const { rowCount } = await client.query(`SELECT 1 FROM ${pg.escapeIdentifier(table)} LIMIT 1`);
    if (rowCount !== 0) throw new InputError(`the database is not empty (${table} has rows): restore into a new one`);
  }
}

async function tablesOf(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename <> $1 ORDER BY 1`,
    [MIGRATIONS],
  );
  return rows.map(({ name }) => name);
}

async function appliedMigrations(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT migration_name AS name FROM ${MIGRATIONS} WHERE finished_at IS NOT NULL ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** Ids go on behind those that were loaded. */
async function moveSequences(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ table: string; column: string; sequence: string }>(`
    SELECT table_name AS table, column_name AS column, pg_get_serial_sequence(quote_ident(table_name), column_name) AS sequence
    FROM information_schema.columns WHERE table_schema = current_schema() AND column_default LIKE 'nextval(%'`);
  for (const { table, column, sequence } of rows) {
    const [name, field] = [pg.escapeIdentifier(table), pg.escapeIdentifier(column)];
    await client.query(`SELECT setval($1, coalesce((SELECT max(${field}) FROM ${name}), 0) + 1, false)`, [sequence]);
  }
}

function fileOf(folder: string, table: string): string {
  return join(folder, `${table}.jsonl.gz`);
}
