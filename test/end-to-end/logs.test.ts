// The logs of a real server and a real worker through a job: every line is JSON that says whose it is, the job's log is read over the API, and no planted secret
// is in any of it.
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { said, tiresias } from '../cli/command.ts';
import { testDatabaseUrl } from '../support/database.ts';
import { until } from '../support/jobs.ts';
import { nanoSpec } from '../support/service.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 }); // a job in processes that compile their sources

interface Line extends Record<string, unknown> {
  readonly time: string;
  readonly level: string;
  readonly msg: string;
}

const scratch = mkdtempSync(join(tmpdir(), 'tiresias-logs-'));
const PLANTED = ['planted-hub', 'planted-slurm', 'planted-query', 'planted-cookie'];
const secrets = [...PLANTED];
const written = { server: '', worker: '' };
const processes: ChildProcess[] = [];
let url = '';
let token = '';
let job = '';

const linesOf = (name: keyof typeof written) =>
  written[name]
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
const ask = async (path: string, init: RequestInit = {}) =>
  fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });

function start(name: keyof typeof written, environment: Record<string, string>): ChildProcess {
  let started: ChildProcess | undefined;
  void tiresias([name], {
    environment,
    onStart: (child) => {
      started = child;
      processes.push(child);
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (written[name] += text));
    },
  });
  return started!;
}

beforeAll(async () => {
  const home = join(scratch, 'home');
  mkdirSync(home);
  symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
  const database = new URL(await testDatabaseUrl());
  secrets.push(database.password);
  const environment = {
    ...{ DATABASE_URL: database.href, TIRESIAS_HOME: home, TIRESIAS_PORT: '0', TIRESIAS_AUTH: 'tokens' },
    ...{ TIRESIAS_LOG: '', TIRESIAS_LOG_LEVEL: 'trace', TIRESIAS_LEASE_MS: '3000' },
    ...{ HF_TOKEN: PLANTED[0]!, TIRESIAS_SLURM_TOKEN: PLANTED[1]! },
  };
  const words = ['tokens', 'create', '--name', 'lab', '--scope', 'submit'];
  token = (await tiresias(words, { environment })).stdout.trim();
  const [, address = ''] = await said(start('server', environment), 'stderr', /Tiresias is at (http\S+)/);
  url = address.replace(/\/$/, '');
  const worker = start('worker', environment);
  const spec = nanoSpec({
    ...{ window: { steps: 2 }, arms: ['control'], training: { rowsPerStep: 2, checkpointEvery: 2 } },
    evaluation: { benchmarks: [], every: 1_000, atStart: false },
  });
  const headers = { 'content-type': 'application/json', 'x-request-id': 'of-a-proxy' };
  const answer = await ask('/v1/jobs', { method: 'POST', headers, body: JSON.stringify(spec) });
  job = ((await answer.json()) as { job: { id: string } }).job.id;
  await ask(`/v1/jobs/${job}?token=planted-query`, { headers: { cookie: 'tiresias_session=planted-cookie' } });
  await ask('/healthz');
  await ask('/v1/jobs/none');
  await until(async () => {
    const { state } = (await (await ask(`/v1/jobs/${job}`)).json()) as { state: string };
    if (state === 'failed') throw new Error(written.worker);
    return state === 'succeeded';
  }, 240_000);
  worker.kill('SIGTERM');
  await until(() => worker.exitCode !== null, 60_000);
});
afterAll(() => {
  for (const child of processes) child.kill('SIGKILL');
  rmSync(scratch, { recursive: true });
});

describe('the logs of server and worker', () => {
  it('are lines of JSON with a time and a level', () => {
    for (const line of [...linesOf('server'), ...linesOf('worker')]) {
      expect(Number.isNaN(Date.parse(line.time))).toBe(false);
      expect(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).toContain(line.level);
    }
  });

  it('have one line for each request, with its id, route, status and time, and monitors at debug', () => {
    const requests = linesOf('server').filter(({ msg }) => msg === 'request');
    expect(requests.filter(({ requestId }) => requestId === 'of-a-proxy')).toEqual([
      expect.objectContaining({
        ...{ level: 'info', method: 'POST', route: '/jobs', url: '/v1/jobs', status: 201, caller: 'lab' },
        ms: expect.any(Number) as number,
      }),
    ]);
    expect(requests.find(({ url: asked }) => asked === '/healthz')).toMatchObject({ level: 'debug', status: 200 });
    expect(requests.find(({ url: asked }) => asked === '/v1/jobs/none')).toMatchObject({ level: 'info', status: 404 });
    expect(requests.find(({ url: asked }) => String(asked).includes('?token='))).toMatchObject({ job });
  });

  it('name job, attempt and arm where there are, for what the trainer itself says, too', () => {
    const lines = linesOf('worker');
    expect(lines.find(({ msg }) => msg === 'job claimed')).toMatchObject({ job, attempt: 1 });
    expect(lines.find(({ msg }) => msg === 'trainer: training')).toMatchObject({ job, attempt: 1, arm: 'control' });
    expect(lines.find(({ msg }) => msg === 'checkpoint saved')).toMatchObject({ job, arm: 'control', step: 1332 });
  });

  it('hold none of the planted secrets', () => {
    const all = written.server + written.worker;
    expect(all).toContain('?token=[redacted]'); // it was asked, and said
    expect(all).not.toContain(token.slice('tiresias_'.length));
    expect(secrets).toHaveLength(5);
    for (const secret of secrets) expect(all).not.toContain(secret);
  });
});

describe('the log of the job', () => {
  it('has what its worker logged of it, to the end, in order', async () => {
    const answer = (await (await ask(`/v1/jobs/${job}/logs`)).json()) as { lines: { message: string; arm: string }[] };
    const said = answer.lines.map(({ message }) => message);
    expect(said[0]).toBe('job claimed');
    expect(said.at(-1)).toBe('attempt ended');
    expect(said.indexOf('trainer: training')).toBeGreaterThan(said.indexOf('trainer started'));
    const byWorker = linesOf('worker').filter((line) => line['job'] === job);
    expect(said).toEqual(byWorker.map(({ msg }) => msg));
    expect(JSON.stringify(answer)).not.toContain('planted');
  });

  it('is shown by the command', async () => {
    const environment = { TIRESIAS_TOKEN: token };
    const { stdout, code } = await tiresias(['logs', job, '--follow', '--arm', 'control', '--url', url], {
      environment,
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\S+Z info #1 control \S+ trainer: training$/m);
    expect(stdout).not.toContain('job claimed'); // of no arm
  });
});
