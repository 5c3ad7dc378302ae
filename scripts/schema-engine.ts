// Prisma's own schema engine as WebAssembly, for writing migrations and for checking them in tests: no download, and never
// part of the running service. The package is internal to Prisma, so it is pinned to the exact build of prisma 7.10.0.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';
import { packagePath } from '../src/package-root.ts';
import { migrationsFolder } from '../src/store/migrate.ts';

const filters = { externalTables: [], externalEnums: [] };
const schemaPath = packagePath('prisma', 'schema.prisma');

export interface SchemaEngine {
  /** SQL that turns the state after the committed migrations into schema.prisma; undefined when they agree. */
  missingSql(): Promise<string | undefined>;
  /** Steps a new migration of this database would have; 0 means that schema and database agree. */
  countMissingSteps(): Promise<number>;
  /** What Prisma thinks of the migration table of this database. */
  diagnose(): Promise<unknown>;
  /** What `prisma migrate dev` would do: createMigration means that it finds nothing amiss. */
  adviseDevelopment(): Promise<unknown>;
  /** Names of the migrations that Prisma applied. */
  applyMigrations(): Promise<string[]>;
  close(): Promise<void>;
}

interface WebAssemblyGlue {
  __wbg_set_wasm(exports: WebAssembly.Exports): void;
}

let isLoaded = false;
// Where the WebAssembly leaves the words of a panic; without it a panic is only "unreachable".
const panics = { set_message: (message: string) => console.error(`schema engine panic: ${message}`) };

function loadWebAssembly(): void {
  if (isLoaded) return;
  const folder = new URL('.', import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg'));
  const bytes = readFileSync(fileURLToPath(new URL('schema_engine_bg.wasm', folder)));
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: panics });
  const imports = { './schema_engine_bg.js': glue as unknown as WebAssembly.ModuleImports };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
  (glue as unknown as WebAssemblyGlue).__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  isLoaded = true;
}

/** Opens the engine on a throw-away or development database; it makes and drops a shadow database beside it. */
export async function openSchemaEngine(url: string, schema = readFileSync(schemaPath, 'utf8')): Promise<SchemaEngine> {
  loadWebAssembly();
  const files = [{ path: schemaPath, content: schema }];
  const pool = catalogPool(url);
  const factory = new PrismaPg(pool);
  factory.connect = () => connectToCatalog(pool);
  factory.connectToShadowDb = () => makeShadow(url);
  const adapter = bindMigrationAwareSqlAdapterFactory(factory);
  const engine = await glue.SchemaEngine.new({ datamodels: [[schemaPath, schema]] }, () => undefined, adapter);
  const migrationsList = readMigrationList();
  const diagnose = () => engine.diagnoseMigrationHistory({ migrationsList, optInToShadowDatabase: true, filters });
  return {
    async missingSql() {
      const from = migrationsList.migrationDirectories.length
        ? ({ tag: 'migrations', ...migrationsList } as const)
        : ({ tag: 'empty' } as const);
      const to = { tag: 'schemaDatamodel', files } as const;
      const rest = { script: true, exitCode: true, shadowDatabaseUrl: null, filters };
      const result = await engine.diff({ from, to, ...rest });
      return result.exitCode === 2 ? (result.stdout ?? undefined) : undefined;
    },
    async countMissingSteps() {
      await diagnose(); // until it is asked something about the database it finds no place for a shadow database
      return (await engine.evaluateDataLoss({ migrationsList, schema: { files }, filters })).migrationSteps;
    },
    diagnose,
    adviseDevelopment: () => engine.devDiagnostic({ migrationsList, filters }),
    applyMigrations: async () => (await engine.applyMigrations({ migrationsList, filters })).appliedMigrationNames,
    async close() {
      engine.free();
      await pool.end();
    },
  };
}

function readMigrationList() {
  const folder = migrationsFolder();
  const lock = join(folder, 'migration_lock.toml');
  const names = existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
        .sort()
    : [];
  return {
    baseDir: folder,
    lockfile: { path: 'migration_lock.toml', content: existsSync(lock) ? readFileSync(lock, 'utf8') : null },
    shadowDbInitScript: '',
    migrationDirectories: names.map((path) => {
      const value = readFileSync(join(folder, path, 'migration.sql'), 'utf8');
      return { path, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } };
    }),
  };
}

// The adapter has no mapping for the catalog's own types ("char", oid vectors, name lists): show them as text. "char" must
// arrive as a character: it passes the adapter as a UUID, which no catalog query returns, and is renamed behind it.
const TEXT = 25;
const TEXT_LIST = 1009;
const UUID = 2950;
const CATALOG_TYPES = new Map([
  [18, UUID],
  [22, TEXT],
  [24, TEXT],
  [30, TEXT],
  [194, TEXT],
  [1003, TEXT_LIST],
  [2205, TEXT],
  [2206, TEXT],
]);

function catalogPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url });
  const original = pool.query.bind(pool) as (...values: unknown[]) => Promise<pg.QueryResult | undefined>;
  const query = async (...values: unknown[]) => {
    const result = await original(...values);
    for (const field of result?.fields ?? [])
      field.dataTypeID = CATALOG_TYPES.get(field.dataTypeID) ?? field.dataTypeID;
    return result;
  };
  return Object.assign(pool, { query: query as unknown as typeof pool.query });
}

async function connectToCatalog(pool: pg.Pool) {
  const adapter = await new PrismaPg(pool).connect();
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query);
    const columnTypes = result.columnTypes.map((type) =>
      type === ColumnTypeEnum.Uuid ? ColumnTypeEnum.Character : type,
    );
    return { ...result, columnTypes };
  };
  return adapter;
}

async function makeShadow(url: string) {
  const name = `prisma_shadow_${crypto.randomUUID()}`;
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  const shadowUrl = new URL(url);
  shadowUrl.pathname = `/${name}`;
  const pool = catalogPool(shadowUrl.href);
  const adapter = await connectToCatalog(pool);
  const dispose = adapter.dispose.bind(adapter);
  adapter.dispose = async () => {
    await dispose();
    await pool.end();
    await admin.query(`DROP DATABASE ${pg.escapeIdentifier(name)}`);
    await admin.end();
  };
  return adapter;
}
