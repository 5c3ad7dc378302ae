// An application on a test database with a small catalog: one model with steps up to 1430, one dataset, two benchmarks.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import type { Catalog } from '../../src/api/catalog.ts';
import { InputError, NotFoundError } from '../../src/errors.ts';
import type { Arm } from '../../src/job-spec.ts';
import type { Database } from '../../src/store/database.ts';
import { claim } from '../../src/store/leases.ts';
import type { Fence } from '../../src/store/leases.ts';
import { ensureRun } from '../../src/store/runs.ts';

export const smallCatalog: Catalog = {
  models: () => [{ name: 'nano-1m', checkpoints: ['step1330', 'step1430'], dataset: 'nano-corpus' }],
  modelTraining: () => ({
    name: 'nano-1m',
    endStep: 1430,
    checkpoints: [],
    learningRates: { step: [], learningRate: [] },
  }),
  datasets: () => Promise.resolve([{ name: 'nano-corpus', batchSize: 16 }]),
  benchmarks: () => [{ name: 'nano-winobias' }, { name: 'nano-crows-pairs' }],
  policies: () => [{ name: 'morph-v1', directions: ['swap'] }],
  addModel: ({ name }) => ({ name }),
  addDataset: ({ name }) => ({ name }),
  checkOutside: () => undefined,
  estimate: () => {
    throw new InputError('the small catalog has no files to estimate from');
  },
  likelyKeys: () => [],
  hasCheckpoint: () => false,
  preview: () => {
    throw new InputError('the small catalog has no files to preview');
  },
  itemTexts: () => {
    throw new NotFoundError('the small catalog has no texts of items');
  },
  checkSpec(spec) {
    const faults = [];
    if (spec.model !== 'nano-1m') faults.push({ pointer: '/model', detail: `no model "${spec.model}" is registered` });
    const { to } = spec.window;
    if (to !== undefined && to > 1430) faults.push({ pointer: '/window/to', detail: 'nano-1m ends at step 1430' });
    return faults;
  },
};

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A folder with a page in it. */
export function somePage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-page-'));
  folders.push(folder);
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>page</title>');
  return folder;
}

export function testApp(database: Database, webFolder = somePage()) {
  return createApp({ database, catalog: smallCatalog, webFolder });
}

/** Claims the next job for a worker named `owner` and makes runs for `arms` over steps 1330 to 1430. */
export async function takeJob(
  database: Database,
  arms: readonly Arm[] = ['control', 'intervention'],
  owner = 'worker',
): Promise<Fence> {
  const job = await claim(database, { owner, host: 'host', pid: 1 }, 60_000);
  if (!job) throw new Error('nothing to claim');
  for (const arm of arms) await ensureRun(database, job.fence, arm, { fromStep: 1330, toStep: 1430 });
  return job.fence;
}
