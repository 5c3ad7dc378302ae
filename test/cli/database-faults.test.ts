// A DATABASE_URL that leads to no usable database: each command says in one line which setting that is and what to do, and never the password.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { testServer } from '../support/database.ts';
import { tiresias, type Outcome } from './command.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const WRONG = 'open%20sesame!'; // as written in a URL; PostgreSQL hears it decoded
const home = mkdtempSync(join(tmpdir(), 'tiresias-faults-'));
afterAll(() => rmSync(home, { recursive: true }));

let good: URL;
beforeAll(async () => {
  good = new URL((await testServer()).url);
});

/** The right address with something wrong in it. */
function withFault(change: (url: URL) => void): string {
  const url = new URL(good);
  change(url);
  return url.href;
}

function run(words: readonly string[], databaseUrl: string): Promise<Outcome> {
  const environment = { DATABASE_URL: databaseUrl, TIRESIAS_HOME: home, TIRESIAS_PORT: '0', TIRESIAS_LOG: 'warn' };
  return tiresias(words, { environment });
}

function expectOneLine({ code, stdout, stderr }: Outcome): void {
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^tiresias: [^\n]*DATABASE_URL[^\n]*\n$/);
  expect(code).toBe(2);
  for (const password of [WRONG, decodeURIComponent(WRONG), good.password]) expect(stderr).not.toContain(password);
}

describe('a faulty DATABASE_URL', () => {
  const commands = [
    ['server'],
    ['worker'],
    ['up'],
    ['tokens', 'list'],
    ['clean', '--dry-run'],
    ['backup', join(home, 'b')],
  ];

  it.each(commands.map((words) => [words.join(' ').replace(home, '…'), words] as const))(
    'is told by `tiresias %s` when the password is wrong',
    async (_name, words) => {
      const outcome = await run(
        words,
        withFault((url) => (url.password = WRONG)),
      );
      expectOneLine(outcome);
      expect(outcome.stderr).toContain(`the password of the user "tiresias" is refused by PostgreSQL at ${good.host}`);
    },
  );

  it.each<[string, (url: URL) => void, string]>([
    [
      'another database',
      (url) => (url.pathname = '/nowhere'),
      'has no database "nowhere": create it (createdb nowhere)',
    ],
    ['no password', (url) => (url.password = ''), 'the user "tiresias" needs a password'],
    [
      'a certificate that is not there',
      (url) => (url.search = '?sslrootcert=/no/ca.pem'),
      'cannot be read: /no/ca.pem',
    ],
    ['encryption that the server has not', (url) => (url.search = '?sslmode=verify-full'), 'correct sslmode'],
    ['another user', (url) => (url.username = 'nobody'), 'the password of the user "nobody" is refused'],
    ['a host that is none', (url) => (url.hostname = 'no-such-host.invalid'), 'PostgreSQL at no-such-host.invalid'],
    ['a port where nobody listens', (url) => (url.port = '1'), 'PostgreSQL at 127.0.0.1:1 is not available'],
  ])('is told when it names %s', async (_what, change, words) => {
    const outcome = await run(['tokens', 'list'], withFault(change));
    expectOneLine(outcome);
    expect(outcome.stderr).toContain(words);
  });

  it.each([
    ['no address', 'tiresias-database'],
    ['an address of something else', `mysql://me:${WRONG}@127.0.0.1/tiresias`],
    ['a password with a sign that ends it', `postgresql://me:${decodeURIComponent(WRONG)}#1@127.0.0.1:5432/tiresias`],
  ])('is told when it is %s', async (_what, url) => {
    const outcome = await run(['tokens', 'list'], url);
    expectOneLine(outcome);
    expect(outcome.stderr).toContain('postgresql://USER:PASSWORD@HOST:PORT/DATABASE');
  });

  it('is told when its user may make no tables', async () => {
    const server = await testServer();
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query("CREATE ROLE guest LOGIN PASSWORD 'guest'").finally(() => client.end());
    const outcome = await run(
      ['tokens', 'list'],
      withFault((url) => {
        [url.username, url.password, url.pathname] = ['guest', 'guest', '/postgres'];
      }),
    );
    expect(outcome.stderr).toMatch(
      /^tiresias: the user "guest" lacks rights in the database "postgres"[^\n]*DATABASE_URL\n$/,
    );
    expect(outcome.code).toBe(2);
  });

  it('is one of the findings of doctor, which goes on to the others', async () => {
    for (const url of [withFault((one) => (one.password = WRONG)), `mysql://me:${WRONG}@127.0.0.1/tiresias`]) {
      const { stdout, stderr } = await run(['doctor'], url);
      expect(stdout).toMatch(/database[^\n]*DATABASE_URL/);
      expect(stdout).toMatch(/home/);
      for (const password of [WRONG, decodeURIComponent(WRONG), good.password])
        expect(stdout + stderr).not.toContain(password);
    }
  });

  it('is told once by a worker that waits for its database to come', async () => {
    const seen = await tiresias(['worker'], {
      environment: {
        ...{ DATABASE_URL: withFault((url) => (url.port = '1')), TIRESIAS_HOME: home, TIRESIAS_LOG: 'warn' },
      },
      onStart: (child) => {
        let text = '';
        child.stderr?.on('data', (piece: string) => {
          text += piece;
          if (text.includes('is not available')) setTimeout(() => child.kill('SIGTERM'), 2_500); // several tries later
        });
      },
    });
    const lines = (seen.stdout + seen.stderr).split('\n').filter((line) => line.includes('is not available'));
    expect(lines.filter((line) => line.includes('"level"'))).toHaveLength(1);
    expect(lines[0]).toContain('DATABASE_URL');
    expect(seen.stdout + seen.stderr).not.toContain('    at ');
  });
});
