// The commands that change, pause, fork and plan jobs: what they send and print, against a stand-in that records what it was asked.
import { describe, expect, it, vi } from 'vitest';
import { tiresias } from './command.ts';
import { aJob, fakeServer, json } from './fake-server.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // each command is a process that compiles its sources
const server = await fakeServer();
const run = (words: string, stdin = '') => tiresias([...words.split(' '), '--url', server.url], { stdin });
const asked = () => {
  const { method, path, body } = server.asked.at(-1)!;
  return { method, path, body };
};

describe('orders', () => {
  it.each([
    ['pause', 'pausing'],
    ['resume', 'queued'],
  ])('%s a job and print its state', async (verb, state) => {
    server.on(`POST /v1/jobs/a/${verb}`, json(202, aJob({ id: 'a', state })));
    expect(await run(`${verb} a`)).toMatchObject({ code: 0, stdout: `${state}\n` });
  });
});

describe('tiresias jobs', () => {
  it('changes priority and tags with `set`, whose options are not those of the list', async () => {
    server.on('PATCH /v1/jobs/a', json(200, aJob({ id: 'a' })));
    expect(await run('jobs set a --priority -3 --tag x --tag y --name n')).toMatchObject({ code: 0, stdout: 'a\n' });
    expect(asked()).toEqual({
      ...{ method: 'PATCH', path: '/v1/jobs/a', body: { name: 'n', priority: -3, tags: ['x', 'y'] } },
    });
    expect((await run('jobs set a')).stderr).toContain('nothing to change');
  });

  it('archives, and lists by filters', async () => {
    server.on('PATCH /v1/jobs/a', json(200, aJob({ id: 'a' })));
    server.on('GET /v1/jobs', json(200, { jobs: [], nextCursor: null }));
    await run('jobs archive a');
    expect(asked()).toMatchObject({ body: { archived: true } });
    await run('jobs --archived only --tag x --name part');
    expect(asked().path).toBe('/v1/jobs?archived=only&tag=x&name=part&limit=20');
  });

  it('forks with changes from stdin', async () => {
    server.on('POST /v1/jobs/a/fork', json(201, { job: aJob({ id: 'b' }) }));
    const outcome = await run('jobs fork a --arm control --step 1340 --changes -', '{"arms": ["intervention"]}');
    expect(outcome).toMatchObject({ code: 0, stdout: 'b\n' });
    expect(asked().body).toEqual({ arm: 'control', step: 1340, changes: { arms: ['intervention'] } });
  });
});

describe('planning', () => {
  it('shows each edit of a preview in its place', async () => {
    const edit = { rule: 'he>she', before: 'he', after: 'she', contextBefore: 'then ', contextAfter: ' sang' };
    const answer = {
      ...{ step: 5, numRows: 16, numRowsChanged: 1, numEdits: 1, editsByRule: { 'he>she': 1 } },
      ...{ sha256Before: 'aa', sha256After: 'bb', rows: [{ row: 3, sample: 83, edits: [edit] }] },
    };
    server.on('POST /v1/preview', json(200, answer));
    const { code, stdout } = await run('preview --model m --checkpoint step5 --dataset d --rows 2 --tag t');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^rows changed +1 of 16$/m);
    expect(stdout).toMatch(/^3 +he>she +…then \[he → she\] sang…$/m);
    const job = { model: 'm', checkpoint: 'step5', dataset: 'd', tags: ['t'] };
    expect(asked().body).toEqual({ job, arm: 'intervention', rows: 2 });
  });

  it('tells time, memory, disk and detectable effects of an estimate', async () => {
    const answer = {
      ...{
        window: { from: 0, to: 10, numSteps: 10 },
        microBatchSize: 4,
        recompute: 'none',
        resume: 'burn-in',
        numTokens: 1,
      },
      backend: { name: 'wasm', basis: 'assumed' },
      memory: { residentBytesPerTrainer: 5e8, numTrainersAtOnce: 2, machineBytes: 8e9 },
      disk: { bytes: 2e9, numCheckpoints: 4, freeBytes: 9e9 },
      time: { trainingSeconds: null, basis: 'nothing has trained' },
      evaluations: {
        benchmarks: [
          {
            ...{ benchmark: 'winobias', metric: 'proRate', numItems: 100, leastSignificant: 0.06, observed: null },
            detectable: [{ shareDiffering: 0.2, difference: 0.126 }],
          },
        ],
      },
    };
    server.on('POST /v1/estimate', json(200, answer));
    const { stdout } = await run('estimate --model m --checkpoint step0 --dataset d');
    expect(stdout).not.toMatch(/^left/m); // a server that does not tell
    expect(stdout).toMatch(/^training +not known \(nothing has trained\)$/m);
    expect(stdout).toMatch(/^memory +500 MB a trainer, 2 at once, of 8\.0 GB$/m);
    expect(stdout).toMatch(/^winobias +proRate +100 +0\.0600 +0\.126 at 0\.2 +no such job yet$/m);
    expect(asked().body).toMatchObject({ replicates: 1 });

    const by = { job: 'j', name: 'first' };
    const scoring = { benchmark: 'crows-pairs', protocol: 'fp16-emulated', settings: {} };
    const sharing = {
      ...{ numTrainings: 2, basis: 'for a worker like it' },
      parts: [
        { part: 'control', scoring: null, state: 'here', by },
        { part: 'burn-in', scoring: null, state: 'under way', by },
        { part: 'published', scoring: { ...scoring, benchmark: 'lambada' }, state: 'not here', by: null },
        { part: 'published', scoring, state: 'here', by },
      ],
      left: { numTrainings: 1, numTokens: 5_120, trainingSeconds: 61, diskBytes: 1e9 },
    };
    server.on('POST /v1/estimate', json(200, { ...answer, sharing }));
    const shared = await run('estimate --model m --checkpoint step0 --dataset d');
    expect(shared.stdout).toMatch(
      /^shared +control here \(job first\), burn-in under way \(job first\), published crows-pairs, fp16-emulated here \(job first\); for a worker like it$/m,
    );
    expect(shared.stdout).toMatch(/^left +1 of 2 trainings: 61 s, 5120 tokens, 1\.0 GB of disk$/m);

    const effects = [{ metric: 'proRate', standardDeviation: 0.05, numSeeds: 3, detectable: 0.0841 }];
    const overReplicates = { numReplicates: 5, basis: 'the spread of 3 seeds', effects };
    const benchmarks = [{ ...answer.evaluations.benchmarks[0], overReplicates }];
    server.on('POST /v1/estimate', json(200, { ...answer, evaluations: { benchmarks } }));
    const over = await run('estimate --model m --checkpoint step0 --dataset d --replicates 5');
    expect(over.stdout).toMatch(/^winobias over 5 model seeds: proRate 0\.084; the spread of 3 seeds$/m);
    expect(asked().body).toMatchObject({ replicates: 5 });
  });
});
