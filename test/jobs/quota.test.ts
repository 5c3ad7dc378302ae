// The quota of the disk before a job trains, with stand-ins for the trainers.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runWorker } from '../../jobs/worker.ts';
import { createJob, getJob } from '../../src/store/jobs.ts';
import { claim, settle } from '../../src/store/leases.ts';
import { requestRetry } from '../../src/store/retry.ts';
import { testDatabase } from '../support/database.ts';
import { trainer, trainers } from '../support/fake-trainer.ts';
import { someSpec, until } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.setConfig({ testTimeout: 60_000 }); // planning a job reads its files
vi.mock('../../jobs/executor/local-process.ts', async () => (await import('../support/fake-trainer.ts')).executor);

const database = await testDatabase();
let home: string;
let stop: AbortController;
let working: Promise<void>;

function startWorker(quotaBytes: number): void {
  stop = new AbortController();
  const times = { numCores: 2, leaseMs: 60_000, beatMs: 20 };
  working = runWorker({ database, home, quotaBytes, ...times }, stop.signal);
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tiresias-quota-'));
  symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
  trainers.length = 0;
});
afterEach(async () => {
  stop.abort();
  await working;
  rmSync(home, { recursive: true });
});

const small = {
  window: { steps: 4 },
  arms: ['intervention' as const],
  evaluation: { benchmarks: [], every: 1_000, atStart: false },
};
const spec = () => someSpec({ dataset: 'nano-stories', backend: 'wasm', ...small });
// The newest two of nano-1m's checkpoints and one being written, but a window of four steps has one only: 12 bytes a parameter.
const NEED = 12 * (2 * 1024 * 128 + 4 * (12 * 128 ** 2 + 13 * 128) + 2 * 128);

it('fails a job before it trains whose checkpoints would go over it, with what to do; a retry with more room trains', async () => {
  const { id } = await createJob(database, { spec: spec() });
  startWorker(NEED - 1);
  await until(async () => (await getJob(database, id)).finishedAt !== null, 30_000);
  const { state, reason, message } = await getJob(database, id);
  expect({ state, reason }).toEqual({ state: 'failed', reason: 'storage' });
  expect(message).toMatch(
    /checkpoints take 0\.013 GB more, 0\.000 GB of the quota of 0\.013 GB are used: see `tiresias clean/,
  );
  expect(trainers).toEqual([]);
  stop.abort();
  await working;
  await requestRetry(database, id);
  startWorker(NEED);
  (await trainer(0)).finish();
  await until(async () => (await getJob(database, id)).state !== 'running', 30_000);
});

it('makes room by removing what nobody needs before it refuses', async () => {
  const earlier = await createJob(database, { spec: spec() });
  const fence = (await claim(database, { owner: 'o', host: 'h', pid: 1 }, 60_000))!.fence; // a job was stored
  await settle(database, fence, 'cancelled');
  const leftover = join(home, 'jobs', earlier.id, 'attempt-1', 'intervention', 'step-5.writing-1');
  mkdirSync(leftover, { recursive: true });
  writeFileSync(join(leftover, 'model.safetensors'), Buffer.alloc(1_000));
  await createJob(database, { spec: spec() });
  startWorker(NEED + 999);
  (await trainer(0)).finish();
  await until(() => trainers.length === 1);
});
