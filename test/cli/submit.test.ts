// What the commands that talk to the server send, print and exit with, against a stand-in that records what it was asked.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { tiresias } from './command.ts';
import { aJob, fakeServer, json, problem } from './fake-server.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // each command is a process that compiles its sources
const scratch = mkdtempSync(join(tmpdir(), 'tiresias-submit-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const server = await fakeServer();
const { port } = new URL(server.url);

function fileOf(value: unknown): string {
  const path = join(scratch, `${Math.random()}.json`);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

describe('tiresias submit', () => {
  it('sends only what the flags say and prints the id alone on stdout', async () => {
    server.on('POST /v1/jobs', json(201, { job: aJob({ id: 'new' }) }));
    const words =
      'submit --model nano-1m --checkpoint step1330 --dataset nano-stories --steps 5 --probability 0 --seed 7';
    const outcome = await tiresias(words.split(' '), { environment: { TIRESIAS_PORT: port } });
    expect(outcome).toMatchObject({ code: 0, stdout: 'new\n' });
    expect(outcome.stderr).toContain('tiresias watch new');
    expect(server.asked.at(-1)?.body).toEqual({
      ...{ model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' },
      ...{ window: { steps: 5 }, intervention: { probability: 0, seed: 7 } },
    });
  });

  it('lets flags change the fields of a document from stdin, leaves the others, and prints the whole job as JSON', async () => {
    const job = aJob({ id: 'new', somethingNew: [1] });
    server.on('POST /v1/jobs', json(201, { job }));
    const document = {
      ...{ model: 'a', checkpoint: 'step1', dataset: 'd', window: { to: 9 }, priority: 3, unknown: true },
      intervention: { direction: 'swap', probability: 1 },
    };
    const words = ['submit', '-', '--direction', 'balanced', '--to', '20', '--url', server.url, '--json'];
    const outcome = await tiresias(words, { stdin: JSON.stringify(document) });
    expect(outcome.code).toBe(0);
    expect(JSON.parse(outcome.stdout)).toEqual(job);
    expect(server.asked.at(-1)?.body).toEqual({
      ...document,
      window: { to: 20 },
      intervention: { direction: 'balanced', probability: 1 },
    });
  });

  it('shows the pointer of every fault and exits with 2', async () => {
    const errors = [
      { pointer: '/window/to', detail: 'the window ends before its start' },
      { pointer: '', detail: 'two \u001b[2J faults' },
    ];
    server.on('POST /v1/jobs', problem(422, { title: 'Faulty document', detail: 'the job has 2 faults', errors }));
    const { code, stdout, stderr } = await tiresias(['submit', fileOf({ model: 'a' }), '--url', `${server.url}/`]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(
      'tiresias: Faulty document: the job has 2 faults (HTTP 422)\n' +
        '  /window/to: the window ends before its start\n  (whole): two �[2J faults\n',
    );
  });

  it('says what to do when no server answers, and what answered when it is no API', async () => {
    const silent = await tiresias(['submit', fileOf({ model: 'a' })]);
    expect(silent.code).toBe(2);
    expect(silent.stderr).toMatch(/^tiresias: no server answers at http:\/\/127\.0\.0\.1:1\/ \(.+\): start it with/);
    server.on('POST /v1/jobs', (response) => response.writeHead(502, 'Bad Gateway').end('<html>'));
    const other = await tiresias(['submit', fileOf({ model: 'a' }), '--url', server.url]);
    expect(other.stderr).toBe(`tiresias: ${server.url}/v1/jobs answered 502 Bad Gateway\n`);
    expect(other.code).toBe(2);
  });

  it('asks nothing when the call itself is faulty', async () => {
    const numAsked = server.asked.length;
    const faulty: [string[], RegExp][] = [
      [['submit'], /no job: give a file/],
      [['submit', fileOf('{"model": ')], /cannot be read as JSON/],
      [['submit', fileOf([1])], /expected one JSON object/],
      [['submit', '--model', 'a', '--to', '5', '--steps', '5'], /cannot be used with option/],
    ];
    for (const [words, message] of faulty) {
      const { code, stderr } = await tiresias([...words], { environment: { TIRESIAS_PORT: port } });
      expect(stderr).toMatch(message);
      expect(code).not.toBe(0);
    }
    expect(server.asked).toHaveLength(numAsked);
  });
});

describe('tiresias sweep', () => {
  it('sends the document as it is and lists the jobs', async () => {
    const jobs = [aJob({ id: 'one', name: 'p 0' }), aJob({ id: 'two', name: 'p 1' })];
    server.on('POST /v1/sweeps', json(201, { sweep: { id: 's', name: 'grid' }, jobs }));
    const document = { base: { model: 'a' }, grid: { 'intervention.probability': [0, 1] } };
    const outcome = await tiresias(['sweep', fileOf(document), '--url', server.url]);
    expect(outcome).toEqual({ code: 0, stdout: 'sweep s: 2 jobs\none  queued  p 0\ntwo  queued  p 1\n', stderr: '' });
    expect(server.asked.at(-1)?.body).toEqual(document);
  });
});

describe('tiresias jobs', () => {
  it('reads page after page up to the limit and shows steps done of those to do', async () => {
    const arms = [
      { arm: 'published', state: 'succeeded', fromStep: 10, toStep: 20, step: 10 },
      { arm: 'control', state: 'running', fromStep: 10, toStep: 20, step: 14 },
    ];
    const page = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => aJob({ id: `j${from + i}`, state: 'running', arms }));
    server.on('GET /v1/jobs', (response, asked) => {
      const query = new URLSearchParams(asked.path.split('?')[1]);
      const from = Number(query.get('cursor') ?? 0);
      const count = Number(query.get('limit'));
      json(200, { jobs: page(from, count), nextCursor: String(from + count) })(response, asked);
    });
    const numAsked = server.asked.length;
    const words = ['jobs', '--state', 'running', '--submitted-by', 'anna', '--limit', '120', '--url', server.url];
    const { code, stdout, stderr } = await tiresias(words);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(121);
    expect(lines[120]).toMatch(/^j119 +running +4\/10 +[\d.]+ days ago +a job$/);
    expect(server.asked.slice(numAsked).map(({ path }) => path)).toEqual([
      '/v1/jobs?state=running&submittedBy=anna&limit=100',
      '/v1/jobs?state=running&submittedBy=anna&limit=20&cursor=100',
    ]);
    expect(stderr).toContain('there are more');
  });

  it('shows an ended job with the effects at its last step', async () => {
    const effect = (step: number, value: number) => ({
      ...{ benchmark: 'winobias', protocol: 'p', metric: 'proRate', step, value, standardError: null },
      ...{ interval: [value - 0.1, value + 0.1], pValue: 0.012, pAdjusted: 0.036, numItems: 50 },
      ...{ test: 'McNemar', pScope: 'for these two trained models' },
    });
    const arm = { arm: 'control', state: 'failed', fromStep: 10, toStep: 20, step: 20 };
    const ended = { state: 'failed', reason: 'no-edits', message: 'no pronoun was changed', arms: [arm] };
    const times = { startedAt: '2025-01-01T00:00:00.000Z', finishedAt: '2025-01-01T01:00:00.000Z' };
    server.on('GET /v1/jobs/x%2Fy', json(200, aJob({ id: 'x/y', attempt: 2, ...ended, ...times })));
    server.on('GET /v1/jobs/x%2Fy/scores', json(200, { effects: [effect(10, 0.5), effect(20, -0.25)] }));
    const { code, stdout } = await tiresias(['jobs', 'show', 'x/y', '--url', server.url]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^state +failed, attempt 2$/m);
    expect(stdout).toMatch(/^reason +no-edits\nmessage +no pronoun was changed$/m);
    expect(stdout).toMatch(/^took +60 min$/m);
    expect(stdout).toMatch(/^control +failed +20 +10 – 20$/m);
    expect(stdout).toMatch(/^winobias, p +proRate +−0\.2500 +−0\.3500 to −0\.1500 +0\.012 +0\.036 +50$/m);
    expect(stdout).toMatch(/^intervention − control at step 20; p for these two trained models$/m);
    expect(stdout).not.toContain('0.5000');
  });

  it('cancels, and tells a refusal in the server’s words', async () => {
    server.on('POST /v1/jobs/a/cancel', json(202, aJob({ state: 'cancelling' })));
    const words = ['--url', server.url];
    expect(await tiresias(['cancel', 'a', ...words])).toEqual({ code: 0, stdout: 'cancelling\n', stderr: '' });
    server.on('POST /v1/jobs/b/cancel', problem(409, { title: 'Conflict', detail: 'the job has succeeded' }));
    const refused = await tiresias(['cancel', 'b', ...words]);
    expect(refused).toEqual({ code: 2, stdout: '', stderr: 'tiresias: Conflict: the job has succeeded (HTTP 409)\n' });
  });

  it('names the field of an answer that this version does not understand', async () => {
    server.on('GET /v1/jobs/odd', json(200, aJob({ state: 'levitating' })));
    const { code, stderr } = await tiresias(['jobs', 'show', 'odd', '--url', server.url]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/the answer is not what this version expects at "state"/);
  });
});
