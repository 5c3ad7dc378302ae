// The commands against the real server on a real PostgreSQL: `tiresias server` as users start it, and every command that asks it.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { listAudit } from '../../src/store/audit.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { createJob } from '../../src/store/jobs.ts';
import { requestCancel } from '../../src/store/orders.ts';
import { testDatabaseUrl } from '../support/database.ts';
import { someSpec, until } from '../support/jobs.ts';
import { said, tiresias, type Outcome } from './command.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // each command is a process that compiles its sources
const scratch = mkdtempSync(join(tmpdir(), 'tiresias-server-'));
let database: Database;
let databaseUrl: string;
let server: ChildProcess;
let ended: Promise<Outcome>;
let url: string[];

beforeAll(async () => {
  databaseUrl = await testDatabaseUrl();
  database = await openDatabase(databaseUrl);
  const environment = { DATABASE_URL: databaseUrl, TIRESIAS_HOME: join(scratch, 'home'), TIRESIAS_PORT: '0' };
  const ready = new Promise<string>((resolve, reject) => {
    ended = tiresias(['server'], {
      environment,
      onStart: (child) => {
        server = child;
        said(child, 'stderr', /Tiresias is at (\S+)/).then((match) => resolve(match[1] ?? ''), reject);
      },
    });
  });
  url = ['--url', await ready];
});
afterAll(async () => {
  server.kill('SIGKILL');
  await database.close();
  rmSync(scratch, { recursive: true });
});

describe('the commands and the real server', () => {
  it('agree on the shapes of jobs, lists, events and refusals', async () => {
    const refused = await tiresias([
      'submit',
      '--model',
      'no-such',
      '--checkpoint',
      'step1',
      '--dataset',
      'none',
      ...url,
    ]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/^ {2}\/model: no model "no-such" is registered/m);
    expect(refused.stderr).toMatch(/^ {2}\/dataset: no dataset "none" is registered/m);

    const { id } = await createJob(database, { spec: someSpec({ name: 'seen from outside' }) });
    const list = await tiresias(['jobs', ...url]);
    expect(list.stdout).toMatch(new RegExp(`^${id} +queued +\\d+ s ago +seen from outside$`, 'm'));

    const watching = tiresias(['watch', id, ...url], {
      onStart: (child) =>
        void said(child, 'stderr', /^queued$/m).then(async () => {
          expect(await tiresias(['cancel', id, ...url])).toMatchObject({ code: 0, stdout: 'cancelled\n' });
        }),
    });
    expect(await watching).toEqual({ code: 4, stdout: 'cancelled: cancelled before it began\n', stderr: 'queued\n' });

    const show = await tiresias(['jobs', 'show', id, ...url]);
    expect(show).toMatchObject({ code: 0, stderr: '' });
    expect(show.stdout).toMatch(/^state +cancelled$/m);
    const again = await tiresias(['cancel', id, ...url]);
    expect(again.code).toBe(2);

    server.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0, stdout: '' });
  });

  it('tell a server or a worker without DATABASE_URL what it needs', async () => {
    for (const command of ['server', 'worker']) {
      const { code, stderr } = await tiresias([command]);
      expect({ command, code }).toEqual({ command, code: 2 });
      expect(stderr).toMatch(/needs DATABASE_URL; `tiresias up`/);
    }
  });
});

describe('tiresias clean', () => {
  it('shows what it would remove, then removes it, and is in the audit', async () => {
    const environment = { DATABASE_URL: databaseUrl, TIRESIAS_HOME: join(scratch, 'home'), TIRESIAS_DISK_QUOTA: '1GB' };
    const { id } = await createJob(database, { spec: someSpec() });
    const leftover = join(scratch, 'home', 'jobs', id, 'attempt-1', 'control', 'step-7.writing-1');
    mkdirSync(leftover, { recursive: true });
    writeFileSync(join(leftover, 'x'), Buffer.alloc(2_000));
    await requestCancel(database, id);
    const dry = await tiresias(['clean', '--dry-run', '--older-than', '0s'], { environment });
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.stdout).toMatch(/^leftover +2 kB +\S+step-7\.writing-1$/m);
    expect(dry.stdout).toMatch(/^2 kB of 2 kB would be freed, the quota is 1\.0 GB, /m);
    expect(existsSync(leftover)).toBe(true);
    const done = await tiresias(['clean', '--older-than', '0s', '--json'], { environment });
    expect(JSON.parse(done.stdout)).toEqual({ numRemoved: 1, freedBytes: 2_000 });
    expect(existsSync(leftover)).toBe(false);
    const [audit] = await listAudit(database, 1, undefined);
    expect(audit).toMatchObject({ caller: 'command line', action: 'clean --keep promised --older-than 0s' });
    expect((await tiresias(['clean', '--older-than', 'long'])).stderr).toContain('expected a time such as');
  });
});

describe('a server that asks for tokens', () => {
  it('is refused an address that others reach until there is one; lets in who shows it; and writes it to no log', async () => {
    const base = { DATABASE_URL: await testDatabaseUrl(), TIRESIAS_HOME: join(scratch, 'guarded'), TIRESIAS_PORT: '0' };
    const open = await tiresias(['server'], { environment: { ...base, TIRESIAS_HOST: '0.0.0.0' } });
    expect(open).toMatchObject({ code: 2, stderr: expect.stringContaining('`tiresias tokens create`') as string });
    const words = ['tokens', 'create', '--name', 'a laptop', '--scope', 'read', '--days', '1', '--json'];
    const made = JSON.parse((await tiresias(words, { environment: base })).stdout) as { token: string; id: string };
    let guarded: ChildProcess | undefined;
    const ready = new Promise<string>((resolve, reject) => {
      void tiresias(['server'], {
        environment: { ...base, TIRESIAS_AUTH: 'tokens', TIRESIAS_LOG: 'trace' },
        onStart: (child) => {
          guarded = child;
          said(child, 'stderr', /Tiresias is at (\S+) – it asks for tokens/).then(
            (match) => resolve(match[1] ?? ''),
            reject,
          );
        },
      }).then(({ stdout, stderr }) => (written = stdout + stderr));
    });
    let written = '';
    const jobs = ['jobs', '--url', await ready];
    const refused = await tiresias(jobs);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('TIRESIAS_TOKEN') as string });
    const shown = { environment: { TIRESIAS_TOKEN: made.token } };
    expect(await tiresias(jobs, shown)).toMatchObject({ code: 0, stderr: '' });
    const submitting = ['submit', '--model', 'nano-1m', '--url', jobs[2]!];
    expect((await tiresias(submitting, shown)).stderr).toContain('needs the scope submit; this token has read');
    expect(await tiresias(['tokens', 'revoke', made.id], { environment: base })).toMatchObject({ stdout: 'revoked\n' });
    expect((await tiresias(jobs, shown)).stderr).toContain('was revoked');
    guarded!.kill('SIGTERM');
    await until(() => written !== '');
    expect(written).toContain('/v1/jobs'); // requests were logged
    expect(written).not.toContain(made.token.slice(9));
    expect(written.toLowerCase()).not.toContain('bearer');
  });
});
