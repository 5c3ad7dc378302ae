import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError, TransientError } from '../../src/errors.ts';
import { packagePath } from '../../src/package-root.ts';
import { openDatabase } from '../../src/store/database.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import type { EmbeddedPostgres, EmbeddedPostgresOptions } from '../../src/store/embedded-postgres.ts';
import { createJob, listJobs } from '../../src/store/jobs.ts';
import { claim, settle } from '../../src/store/leases.ts';
import { migrate } from '../../src/store/migrate.ts';
import { listenTo } from '../../src/store/notifications.ts';
import { someSpec, until } from '../support/jobs.ts';

const folders: string[] = [];
const servers: EmbeddedPostgres[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-embedded-'));
  folders.push(folder);
  return folder;
}

async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres(options);
  servers.push(server);
  return server;
}

describe('startEmbeddedPostgres', () => {
  it('lets one of three starters own the server and the others adopt it', async () => {
    const folder = newFolder();
    const started = await Promise.all([0, 1, 2].map(() => start({ folder })));
    expect(started.filter((server) => server.isOwner())).toHaveLength(1);
    expect(new Set(started.map((server) => server.url)).size).toBe(1);
    expect(new Set(started.map((server) => server.pid())).size).toBe(1);
  });

  it('comes back on the port of the last start, with its rows', async () => {
    const folder = newFolder();
    const first = await start({ folder });
    await migrate(first.url);
    const database = await openDatabase(first.url);
    await createJob(database, { spec: someSpec() });
    await database.close();
    await first.stop();
    await expect(openDatabase(first.url)).rejects.toThrow(TransientError);
    const second = await start({ folder });
    expect(second.url).toBe(first.url);
    const again = await openDatabase(second.url);
    expect((await listJobs(again, { limit: 10 })).jobs).toHaveLength(1);
    await again.close();
  });

  it('refuses the data of another major version of PostgreSQL', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'cluster/data'), { recursive: true });
    writeFileSync(join(folder, 'cluster/data/PG_VERSION'), '15\n');
    await expect(startEmbeddedPostgres({ folder })).rejects.toThrow(DataError);
    await expect(startEmbeddedPostgres({ folder })).rejects.toThrow(/made by PostgreSQL 15, but .* is PostgreSQL 18/);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'keeps the data outside a folder that the database user cannot enter',
    async () => {
      const closed = newFolder();
      spawnSync('chmod', ['700', closed]);
      const server = await start({ folder: join(closed, 'postgres') });
      folders.push(server.folder);
      expect(server.folder).toMatch(/^\/var\/tmp\/tiresias-postgres-[0-9a-f]{16}$/);
      const second = await start({ folder: join(closed, 'postgres') });
      expect(second.pid()).toBe(server.pid());
      expect(readFileSync(join(server.folder, 'postgres.log'), 'utf8')).toContain('ready to accept connections');
    },
  );

  it('adopts the server of a process that was killed, and stops it in its place', async () => {
    const folder = newFolder();
    const source = JSON.stringify(packagePath('src/store/embedded-postgres.ts'));
    const code = `const { startEmbeddedPostgres } = await import(${source});
      const server = await startEmbeddedPostgres({ folder: ${JSON.stringify(folder)} });
      process.stdout.write(String(server.pid()));
      process.kill(process.pid, 'SIGKILL');`;
    const flags = ['--import', 'tsx', '--input-type=module', '-e', code];
    const { stdout, signal } = spawnSync(process.execPath, flags, { cwd: packagePath(), encoding: 'utf8' });
    expect(signal).toBe('SIGKILL');
    const server = await startEmbeddedPostgres({ folder });
    expect(server.pid()).toBe(Number(stdout));
    expect(server.isOwner()).toBe(true);
    await server.stop();
    expect(() => process.kill(server.pid(), 0)).toThrow('ESRCH');
  });

  it('removes a throw-away cluster when it stops', async () => {
    const folder = newFolder();
    const server = await startEmbeddedPostgres({ folder, ephemeral: true });
    await server.stop();
    expect(() => readFileSync(join(folder, 'postgres.log'))).toThrow('ENOENT');
  });
});

describe('a supervised server that is killed with -9 in the middle of work', () => {
  it('is back on its port; the pool recovers by itself, and no acknowledged row is lost', async () => {
    const server = await start({ folder: newFolder(), supervise: true });
    await migrate(server.url);
    const database = await openDatabase(server.url);
    const hints: (string | undefined)[] = [];
    const listening = listenTo(server.url, 'tiresias_job', (payload) => hints.push(payload));
    await until(() => hints.length === 1);
    const { pid, port } = { pid: server.pid(), port: server.port };
    const acknowledged: string[] = [];
    const failures: unknown[] = [];
    const deadline = Date.now() + 20_000;
    let isKilled = false;
    while (Date.now() < deadline && (acknowledged.length < 20 || failures.length === 0 || !server.isOwner())) {
      try {
        acknowledged.push((await createJob(database, { spec: someSpec() })).id);
        if (acknowledged.length === 10 && !isKilled) {
          isKilled = true;
          process.kill(pid, 'SIGKILL');
        }
      } catch (error) {
        failures.push(error);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    expect(acknowledged).toHaveLength(20);
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.filter((error) => !(error instanceof TransientError))).toEqual([]);
    expect(server.pid()).not.toBe(pid);
    expect(server.port).toBe(port);
    const { jobs } = await listJobs(database, { limit: 100 });
    expect(acknowledged.every((id) => jobs.some((job) => job.id === id))).toBe(true);
    const job = await claim(database, { owner: 'a', host: 'h', pid: 1 }, 60_000);
    await settle(database, job!.fence, 'succeeded');
    await until(() => hints.filter((hint) => hint === undefined).length >= 2); // the listener is back, too
    await createJob(database, { spec: someSpec() });
    await until(() => hints.at(-1) !== undefined);
    await listening.close();
    await database.close();
  }, 60_000);
});
