// Processes that are told to stop: a server lets go of its requests and streams, a worker ends its job when it is drained, and none can be kept from ending.
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createJob } from '../../src/store/jobs.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { said, tiresias, type Outcome } from '../cli/command.ts';
import { testDatabaseUrl } from '../support/database.ts';
import { someSpec, until } from '../support/jobs.ts';
import { nanoSpec, startTestService, type TestService, type TestWorker } from '../support/service.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 }); // processes compile their sources

describe('a server at SIGTERM', () => {
  const home = mkdtempSync(join(tmpdir(), 'tiresias-drain-'));
  let database: Database;
  let url: string;
  let server: ChildProcess;
  let ended: Promise<Outcome>;
  beforeAll(async () => {
    const databaseUrl = await testDatabaseUrl();
    database = await openDatabase(databaseUrl);
    const environment = {
      ...{ DATABASE_URL: databaseUrl, TIRESIAS_HOME: home, TIRESIAS_PORT: '0', TIRESIAS_DRAIN_NOTICE_MS: '3000' },
    };
    url = await new Promise((resolve, reject) => {
      ended = tiresias(['server'], {
        environment,
        onStart: (child) => {
          server = child;
          said(child, 'stderr', /Tiresias is at (\S+)\//).then((match) => resolve(match[1]!), reject);
        },
      });
    });
  });
  afterAll(async () => {
    server.kill('SIGKILL');
    await database.close();
    rmSync(home, { recursive: true });
  });

  it('says first that it is not ready, ends its streams with when to come back, answers what is in hand, and exits 0', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const stream = await fetch(`${url}/v1/jobs/${id}/events`);
    const text = stream.text();
    server.kill('SIGTERM');
    let words = '';
    await until(async () => {
      const response = await fetch(`${url}/readyz`);
      words = await response.text();
      return response.status === 503;
    });
    expect(words).toContain('draining');
    const during = await fetch(`${url}/v1/jobs`); // others are answered for as long as balancers may not have noticed
    expect([during.status, during.headers.get('connection')]).toEqual([200, 'close']);
    expect(await text).toMatch(/retry: 3000\n: this server is stopping\n\n$/);
    expect(await ended).toMatchObject({ code: 0, stdout: '' });
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });
});

describe('a worker', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service.stop());

  const spec = () =>
    nanoSpec({
      ...{
        window: { steps: 3 },
        arms: ['control'],
        training: { rowsPerStep: 2, checkpointEvery: 1, shareArms: false },
      },
      evaluation: { benchmarks: [], every: 1_000, atStart: false },
    });
  interface Listed {
    readonly workers: { id: string; pid: number; order: string | null; jobs: { id: string }[] }[];
  }
  const idOf = async ({ pid }: TestWorker) => {
    let found: string | undefined;
    await until(async () => {
      found = (await service.get<Listed>('/workers')).workers.find((worker) => worker.pid === pid)?.id;
      return found !== undefined;
    }, 60_000);
    return found!;
  };

  it('that is held takes no job; drained it ends the one in hand, takes no other, and exits 0', async () => {
    const worker = service.startWorker();
    const id = await idOf(worker);
    expect(await service.post(`/workers/${id}/hold`, {})).toMatchObject({ status: 202 });
    await until(() => worker.log().includes('ordered to hold'), 60_000);
    const [first, second] = [await service.submit(spec()), await service.submit(spec())];
    await new Promise((resolve) => setTimeout(resolve, 3_000)); // several polls of the queue
    expect(await service.get(`/jobs/${first}`)).toMatchObject({ state: 'queued', attempt: 0 });
    await service.post(`/workers/${id}/release`, {});
    await service.until(first, ({ attempt }) => attempt === 1);
    await service.post(`/workers/${id}/drain`, {});
    expect(await worker.ended).toBe(0);
    expect(await service.get(`/jobs/${first}`)).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(await service.get(`/jobs/${second}`)).toMatchObject({ state: 'queued', attempt: 0 });
    expect((await service.get<Listed>('/workers')).workers).toEqual([]);
    await service.post(`/jobs/${second}/cancel`, {});
  });

  it('gives its job back at SIGTERM, and at a second one ends without waiting; the job is taken over', async () => {
    const worker = service.startWorker();
    const id = await service.submit(spec());
    await until(() => worker.trainers().length === 1, 240_000);
    process.kill(worker.trainers()[0]!, 'SIGSTOP'); // a trainer that cannot save
    worker.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // closer together they would be one
    expect(worker.isAlive()).toBe(true);
    const [trainer] = worker.trainers();
    worker.kill('SIGTERM');
    expect(await worker.ended).toBe(1);
    process.kill(trainer!, 'SIGKILL');
    expect(worker.log()).toContain('a second SIGTERM');
    service.startWorker();
    expect(await service.untilOver(id)).toMatchObject({ state: 'succeeded', attempt: 2 });
  });
});
