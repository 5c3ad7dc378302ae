// Pulling and verifying over HTTP: the real server with its child processes, a random model of pythia-14m's shape behind a stand-in for the hub.
import { execFileSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { claimErrand } from '../../src/store/errands.ts';
import { findPythia } from '../../src/suite/pythia/models.ts';
import { said, tiresias } from '../cli/command.ts';
import { testDatabaseUrl } from '../support/database.ts';
import { startFakeHub, type FakeHub } from '../support/fake-hub.ts';
import { until } from '../support/jobs.ts';
import { isAlive, startTestService, type TestService } from '../support/service.ts';
import { revisionFiles, weightsFile } from '../support/tiny-pythia.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 }); // each errand is a process that compiles its sources
const model = findPythia('pythia-14m')!;
const TOKEN = 'hf_not-to-be-seen-anywhere';
const files = [1, 2, 3, 4].map((seed) => revisionFiles(model, weightsFile(model.size, seed)));

interface Errand {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly message: string | null;
  readonly progress: { doneBytes: number; totalBytes: number; numDone: number; numTotal: number } | null;
  readonly result: { isSound?: boolean; findings?: { check: string; outcome: string }[] } | null;
}

let hub: FakeHub;
let service: TestService;
beforeAll(async () => {
  const revisions = { step1000: files[0]!, step2000: files[1]!, step3000: files[2]!, main: files[3]! };
  hub = await startFakeHub({ [model.repo]: { revisions, isGated: true } });
  hub.token = TOKEN;
  service = await startTestService({ hub: { endpoint: hub.endpoint, token: TOKEN } });
});
afterAll(async () => {
  await service.stop();
  await hub.close();
});
beforeEach(() => {
  hub.onBody = () => undefined;
  hub.faults.length = 0;
});

const errand = async (id: string) => {
  const found = await service.get<Errand>(`/errands/${id}`);
  expect(JSON.stringify(found)).not.toMatch(/hf_not|X-Signature/);
  return found;
};
const begin = async (path: string, body: object) => {
  const answer = await service.post(path, body);
  expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 202 });
  return (answer.body as Errand).id;
};
const pull = (checkpoint: string) => begin('/models/pythia-14m/pull', { checkpoint });
const untilIn = async (id: string, ...states: string[]) => {
  let last: Errand | undefined;
  await until(async () => states.includes((last = await errand(id)).state), 120_000);
  return last!;
};
/** The weights stop after their first bytes, until the returned function is called. */
function holdWeights(afterBytes: number): () => void {
  let release = () => {};
  const until = new Promise<void>((resolve) => (release = resolve));
  for (let i = 0; i < 2; i++)
    hub.faults.push({ path: /model\.safetensors/, fault: { kind: 'cut', after: afterBytes, until } });
  return release;
}

describe('a pull over HTTP', () => {
  it('tells bytes as they come, is one for all who ask, and when it is cancelled the next one fetches only the rest', async () => {
    const release = holdWeights(5_000_000);
    const id = await pull('step1000');
    let seen = 0;
    await until(async () => (seen = (await errand(id)).progress?.doneBytes ?? 0) > 5_000_000, 120_000);
    expect(await pull('step1000')).toBe(id);
    const { progress } = await errand(id);
    expect(progress).toMatchObject({ numTotal: 3, unit: 'files' });
    expect(progress!.totalBytes).toBeGreaterThan(seen);
    expect(await service.post(`/errands/${id}/cancel`, {})).toMatchObject({ status: 202 });
    await untilIn(id, 'cancelled');
    release();
    expect(await service.post(`/errands/${id}/cancel`, {})).toMatchObject({ status: 409 });

    hub.faults.length = 0;
    hub.requests.length = 0;
    const again = await pull('step1000');
    expect(again).not.toBe(id);
    expect(await untilIn(again, 'succeeded', 'failed')).toMatchObject({
      state: 'succeeded',
      result: { isRegistered: true },
    });
    const starts = hub.requests
      .filter(({ server }) => server === 'cdn')
      .map(({ range }) => Number(/=(\d+)/.exec(range!)![1]));
    expect(Math.min(...starts)).toBeGreaterThan(0); // the first bytes were here
    const { checkpoints } = await service.get<{ checkpoints: { step: number; isHere: boolean }[] }>(
      '/models/pythia-14m',
    );
    expect(checkpoints.filter(({ isHere }) => isHere).map(({ step }) => step)).toEqual([1000]);
    expect(await service.post('/models/pythia-14m/pull', { checkpoint: 'step1000' })).toMatchObject({ status: 409 });
  });

  it('fails in words when bytes are not those that the hub lists', async () => {
    hub.faults.push({ path: /model\.safetensors/, fault: { kind: 'flip', at: 1_000 } });
    const failed = await untilIn(await pull('step2000'), 'failed', 'succeeded');
    expect(failed).toMatchObject({ state: 'failed', reason: 'wrong-data' });
    expect(failed.message).toMatch(/expected SHA-256 .* found .* thrown away/);
  });

  it('is refused at once for what was never published, is known to be bad, or may not be read', async () => {
    const refused = async (name: string, body: object) => (await service.post(`/models/${name}/pull`, body)).body;
    expect(await refused('pythia-15m', { checkpoint: 'step1000' })).toMatchObject({ status: 404 });
    expect(await refused('pythia-14m', { checkpoint: 'step1500' })).toMatchObject({
      errors: [{ pointer: '/checkpoint', detail: expect.stringContaining('the nearest is step1000') as string }],
    });
    expect(await refused('pythia-2.8b', { checkpoint: 'step1000' })).toMatchObject({
      errors: [{ pointer: '/forceBadRevision', detail: expect.stringContaining('EleutherAI/pythia#205') as string }],
    });
    hub.token = 'another';
    const gated = await refused('pythia-14m', { checkpoint: 'step2000' });
    hub.token = TOKEN;
    expect(gated).toMatchObject({
      status: 422,
      errors: [{ pointer: '', detail: expect.stringContaining('is gated') as string }],
    });
  });
});

describe('a verification over HTTP', () => {
  it('finds a pulled checkpoint and the tokens of a dataset to be what they are called', async () => {
    const ofModel = await untilIn(
      await begin('/models/pythia-14m/verify', { checkpoint: 'step1000' }),
      'succeeded',
      'failed',
    );
    expect(ofModel).toMatchObject({ state: 'succeeded', result: { isSound: true } });
    expect(ofModel.result!.findings).toContainEqual(expect.objectContaining({ check: 'tensors', outcome: 'ok' }));
    const ofData = await untilIn(
      await begin('/datasets/nano-stories/verify', { vocabSize: 10 }),
      'succeeded',
      'failed',
    );
    expect(ofData.result).toMatchObject({ isSound: false, findings: [{ check: 'files', outcome: 'fault' }] });
    expect(JSON.stringify(ofData.result)).toContain('expected a token id below 10');
  });
});

/** A server of its own, at work on a pull whose bytes have begun to come. */
async function serverAtWork() {
  const scratch = mkdtempSync(join(tmpdir(), 'tiresias-errand-'));
  const databaseUrl = await testDatabaseUrl();
  const release = holdWeights(1_000_000);
  const environment = {
    ...{ DATABASE_URL: databaseUrl, TIRESIAS_HOME: join(scratch, 'home'), TIRESIAS_PORT: '0' },
    ...{ TIRESIAS_LEASE_MS: '3000', TIRESIAS_LOG: 'info', HF_ENDPOINT: hub.endpoint, HF_TOKEN: TOKEN },
    ...{ HF_HOME: join(scratch, 'hf'), HF_HUB_CACHE: '', HF_HUB_OFFLINE: '' },
  };
  let server: ChildProcess | undefined;
  let logged = '';
  const url = await new Promise<string>((resolve, reject) => {
    const onStart = (child: ChildProcess) => {
      server = child;
      child.stderr?.on('data', (piece: string) => (logged += piece));
      said(child, 'stderr', /Tiresias is at (\S+)\//).then((match) => resolve(match[1]!), reject);
    };
    void tiresias(['server'], { environment, onStart });
  });
  const begun = await fetch(`${url}/v1/models/pythia-14m/pull`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"checkpoint":"step3000"}' },
  });
  const { id } = (await begun.json()) as Errand;
  const ask = async () => (await (await fetch(`${url}/v1/errands/${id}`)).json()) as Errand;
  await until(async () => ((await ask()).progress?.doneBytes ?? 0) > 1_000_000, 120_000);
  const children = execFileSync('ps', ['--ppid', String(server!.pid), '-o', 'pid=,args='], { encoding: 'utf8' });
  const pid = Number(/^\s*(\d+) .*errands\/program/m.exec(children)?.[1]);
  expect(isAlive(pid)).toBe(true);
  const database = await openDatabase(databaseUrl);
  return {
    ...{ server: server!, pid, database, logged: () => logged },
    stateOf: async () => (await database.prisma.errand.findUniqueOrThrow({ where: { id } })).state,
    close: async () => {
      await database.close();
      release();
      rmSync(scratch, { recursive: true });
    },
  };
}

describe('a server that ends', () => {
  it('by a kill leaves no process behind, and its pull is interrupted once the lease is over', async () => {
    const { server, pid, database, stateOf, close } = await serverAtWork();
    server.kill('SIGKILL');
    await until(() => !isAlive(pid));
    expect(await stateOf()).toBe('running');
    await until(async () => {
      expect(await claimErrand(database, 'the next server', 3_000)).toBeUndefined();
      return (await stateOf()) === 'interrupted';
    });
    await close();
  });

  it('by itself says so of its pull before it is gone, and has told nobody its token', async () => {
    const { server, pid, stateOf, logged, close } = await serverAtWork();
    server.kill('SIGTERM');
    await until(() => server.exitCode !== null, 60_000);
    expect(await stateOf()).toBe('interrupted');
    expect(isAlive(pid)).toBe(false);
    expect(logged()).toContain('errand begun');
    expect(logged()).not.toContain(TOKEN);
    await close();
  });
});
