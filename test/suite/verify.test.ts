// The verdict on checkpoints that were pulled from a real HTTP server: what is wrong is seen, what could not be checked is said.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NotFoundError } from '../../src/errors.ts';
import type { HubClient } from '../../src/suite/hub/request.ts';
import { findModel } from '../../src/suite/models.ts';
import { pullModel } from '../../src/suite/pull.ts';
import { verifyModel, type Check } from '../../src/suite/verify.ts';
import { hubClient, sha256Of, startFakeHub, type FakeHub } from '../support/fake-hub.ts';
import { configFile, revisionFiles, tiny, weightsFile } from '../support/tiny-pythia.ts';

const model = tiny('pythia-14m');
const REPO = model.repo;
const weights = [0, 1, 2].map((seed) => weightsFile(model.size, seed));
const folder = (seed: number, more: Record<string, Buffer> = {}) => revisionFiles(model, weights[seed]!, more);

let hub: FakeHub;
let home: string;
beforeAll(async () => {
  hub = await startFakeHub();
});
afterAll(async () => {
  await hub.close();
  rmSync(home, { recursive: true });
});
beforeEach(() => {
  if (home !== undefined) rmSync(home, { recursive: true });
  home = mkdtempSync(join(tmpdir(), 'tiresias-verify-'));
  hub.repos[REPO] = { revisions: { step1000: folder(0), step2000: folder(1), step143000: folder(2), main: folder(2) } };
});

const client = (change: Partial<HubClient['access']> = {}) => hubClient(hub, { cacheFolder: join(home, 'cache'), ...change });

function pull(step: number, what = model) {
  const options = { isForced: true, onProgress: () => undefined, onNotice: () => undefined };
  return pullModel(home, client(), what, step, options);
}

describe('verify', () => {
  const verify = async (steps: number[], own: HubClient | 'offline' = client()) => {
    const found = findModel(home, model.name);
    const reports = await verifyModel(found, steps, {
      client: own === 'offline' ? undefined : own,
      published: model,
    });
    return reports.map(({ checks }) => new Map(checks.map((check): [string, Check] => [check.name, check])));
  };
  const outcomes = (checks: ReadonlyMap<string, Check>) =>
    Object.fromEntries([...checks].map(([name, { outcome }]) => [name, outcome]));
  const GOOD = { config: 'ok', tokenizer: 'ok', tensors: 'ok', 'other steps': 'ok', threads: 'ok' };

  it('finds nothing wrong with checkpoints that are what they are called', async () => {
    for (const step of [1000, 2000, 143_000]) await pull(step);
    const reports = await verify([1000, 2000, 143_000]);
    for (const checks of reports) expect(outcomes(checks)).toEqual({ ...GOOD, 'hub revision': 'ok', 'hub end': 'ok' });
  });

  it('sees a revision that serves the end, alone by the hub’s hashes and here by the weights', async () => {
    hub.repos[REPO]!.revisions['step1000'] = folder(2);
    await pull(1000);
    const [alone] = await verify([1000]);
    expect(outcomes(alone!)).toEqual({ ...GOOD, 'hub revision': 'ok', 'hub end': 'fault' });
    expect(alone!.get('hub end')!.detail).toBe(
      'model.safetensors is the one of main, the end of training: this is not step 1000',
    );
    await pull(143_000);
    const [beside] = await verify([1000], 'offline');
    expect(outcomes(beside!)).toMatchObject({ 'other steps': 'fault', 'hub end': 'not checked' });
    expect(beside!.get('other steps')!.detail).toContain('found those of step143000');
  });

  it('says that the hub could not be asked, and why', async () => {
    await pull(1000);
    const gone = await startFakeHub();
    await gone.close();
    const [unreachable] = await verify([1000], { ...client({ endpoint: gone.endpoint }), retries: 0 });
    expect(outcomes(unreachable!)).toEqual({ ...GOOD, 'hub revision': 'not checked', 'hub end': 'not checked' });
    expect(unreachable!.get('hub end')!.detail).toMatch(/the hub could not be asked: .*ECONNREFUSED/);
    const [offline] = await verify([1000], 'offline');
    expect(offline!.get('hub end')!.detail).toContain('HF_HUB_OFFLINE');
  });

  it('takes the first steps for equal, as the suite has them', async () => {
    Object.assign(hub.repos[REPO]!.revisions, { step0: folder(0), step1: folder(0) });
    for (const step of [0, 1]) await pull(step);
    for (const checks of await verify([0, 1])) expect(checks.get('other steps')!.outcome).toBe('ok');
  });

  it('sees numbers that are none, foreign tensors, another tokenizer and a blob that was changed', async () => {
    const infinite = weightsFile(model.size, 5, (name, data) => {
      if (name.endsWith('dense.bias')) data[3] = Infinity;
    });
    const other = weightsFile({ ...model.size, hiddenSize: 16 }, 5);
    hub.repos[REPO] = {
      revisions: {
        step1000: folder(0, { 'model.safetensors': infinite }),
        step2000: folder(0, { 'model.safetensors': other }),
        step3000: folder(0, { 'tokenizer.json': Buffer.from(folder(0)['tokenizer.json'].toString().replace(/,"zqx50276":50276/, '')) }),
        main: folder(2),
      },
    };
    for (const step of [1000, 2000, 3000]) await pull(step);
    const blob = join(home, 'cache', 'models--EleutherAI--pythia-14m', 'blobs', sha256Of(weights[0]!));
    writeFileSync(blob, weights[1]!);
    const [first, second, third] = await verify([1000, 2000, 3000]);
    expect(first!.get('tensors')!.detail).toMatch(/found 1 that are not, the first in ".*attention\.dense\.bias"/);
    expect(second!.get('tensors')!.detail).toMatch(/has shape \[50304, 16\], expected \[50304, 8\]/);
    expect(third!.get('tokenizer')).toMatchObject({ outcome: 'fault', detail: expect.stringContaining('found 50276') });
    expect(third!.get('hub revision')).toMatchObject({ outcome: 'fault' });
    await expect(verify([4000])).rejects.toThrow(NotFoundError);
  });

  it('lets a bad revision’s thread decide nothing by itself', async () => {
    const bad = tiny('pythia-12b');
    const files = (seed: number) => folder(seed, { 'config.json': configFile(bad.size) });
    hub.repos[bad.repo] = { revisions: { step50000: files(0), main: files(2), step143000: files(2) } };
    await pull(50_000, bad);
    const [report] = await verifyModel(findModel(home, bad.name), [50_000], { client: client(), published: bad });
    expect(report!.checks.find(({ name }) => name === 'threads')).toMatchObject({ outcome: 'not checked' });
    expect(report!.checks.some(({ outcome }) => outcome === 'fault')).toBe(false);
  });
});

