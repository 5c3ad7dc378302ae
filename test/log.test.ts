// What is in a log line and what is never: run in processes of their own, because the secrets are read when the log is opened.
import { execFileSync, spawnSync } from 'node:child_process';
import { expect, it, vi } from 'vitest';
import { packagePath } from '../src/package-root.ts';
import { childEnvironment } from '../src/settings.ts';

vi.setConfig({ testTimeout: 60_000 });

/** What a process writes on stderr that runs `code` with a log. */
function logged(code: string, environment: Record<string, string> = {}): string {
  const program = `import { log } from '${packagePath('src', 'log.ts')}';\n${code}`;
  const { stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    env: childEnvironment({ TIRESIAS_LOG: '', TIRESIAS_LOG_LEVEL: 'debug', ...environment }),
    cwd: packagePath(),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return stderr;
}

it('is JSON with an ISO time, a level in words and the fields', () => {
  const line = JSON.parse(logged(`log.warn({ job: 'j', attempt: 2, arm: 'control' }, 'words')`)) as { time: string };
  expect(line).toMatchObject({ level: 'warn', msg: 'words', job: 'j', attempt: 2, arm: 'control' });
  expect(new Date(line.time).toISOString()).toBe(line.time);
});

it('holds no secret of the environment, however it is written, and says everything else', () => {
  const environment = {
    HF_TOKEN: 'planted-hub-token',
    TIRESIAS_TOKEN: 'planted "quoted" token',
    DATABASE_URL: 'postgresql://someone:pla%40nted%2Fpassword@host:5432/tiresias',
    MLFLOW_TRACKING_PASSWORD: 'planted-mlflow',
  };
  const text = logged(
    `const { HF_TOKEN: a, TIRESIAS_TOKEN: b, DATABASE_URL: c, MLFLOW_TRACKING_PASSWORD: d } = process.env;
     log.error({ err: new Error('cannot open ' + c), nested: { deep: [a, b] }, host: 'host' }, 'said ' + d + ' and ' + b);
     log.info('decoded: pla@nted/password, encoded: ' + encodeURIComponent(b));`,
    environment,
  );
  for (const part of ['planted', 'pla@nted', 'pla%40nted', 'quoted']) expect(text).not.toContain(part);
  for (const part of ['cannot open', 'said', 'someone', 'host:5432/tiresias', 'decoded:']) expect(text).toContain(part);
  for (const line of text.trim().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow();
});

it.each([
  ['a token of the API', 'tiresias_' + 'aB3-_'.repeat(8) + 'xyz'],
  ['a bearer', 'Bearer abcdef123456'],
  ['a session', 'tiresias_session=QWERTY-uiop; path=/'],
  ['a hub token', 'hf_abcdefghijklmnopqrst'],
  ['a web token', 'eyJhbGciOiJI.eyJleHAiOjE3.c2lnbmF0dXJl'],
  ['a signed address', 'https://cdn/x?X-Amz-Signature=0123456789abcdef&y=1'],
])('takes out %s by its look', (_what, secret) => {
  const text = logged(`log.info({ field: process.env.GIVEN }, process.env.GIVEN)`, { GIVEN: secret });
  const core = secret.replace(/^(Bearer |tiresias_session=|https:.*Signature=)/, '').slice(0, 10);
  expect(text).not.toContain(core);
  expect(text.match(/\[redacted\]/g)).toHaveLength(2);
});

it.each(['authorization', 'cookie', 'password', 'token'])('takes out the field %s', (field) => {
  expect(logged(`log.info({ headers: { ${field}: 'a "b" c' } }, 'words')`)).toContain(`"${field}":"[redacted]"`);
});

it('leaves names that only look like one', () => {
  const text = logged(`log.info({ folder: '/home/tiresias_data', url: 'http://host/a?step=1' }, 'tiresias_jobs 7')`);
  expect(text).toContain('/home/tiresias_data');
  expect(text).toContain('http://host/a?step=1');
  expect(text).not.toContain('redacted');
});

it('refuses a level that is none, by the name of its variable', () => {
  const command = ['--import', 'tsx', packagePath('src', 'cli', 'main.ts'), 'server'];
  const env = childEnvironment({ TIRESIAS_LOG: '', TIRESIAS_LOG_LEVEL: 'loud', DATABASE_URL: '' });
  expect(() => execFileSync(process.execPath, command, { env, cwd: packagePath(), stdio: 'pipe' })).toThrow(
    /tiresias: TIRESIAS_LOG_LEVEL must be one of fatal, .*, but it is "loud"/,
  );
});
