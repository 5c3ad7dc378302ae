import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointFolder, makeTask, numTrainersAtOnce, prepare, removeHalfWritten } from '../../jobs/preparation.ts';
import { writeIndexedDataset } from '../../src/data/indexed-dataset.ts';
import { DataError, InputError, NotFoundError } from '../../src/errors.ts';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { packagePath } from '../../src/package-root.ts';
import { registerDataset } from '../../src/suite/datasets.ts';
import { probeNative } from '../../src/tensor/native.ts';
import { someSpec } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

const home = mkdtempSync(join(tmpdir(), 'tiresias-preparation-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));

function spec(changes: Partial<JobSpecInput> = {}) {
  return someSpec({ dataset: 'nano-stories', backend: 'wasm', ...changes });
}

const published = (step: number) => packagePath('suite', 'nano', 'nano-1m-seed1', `step${step}`);

describe('preparing a job', () => {
  it('resolves every name to files and every auto to a value', async () => {
    const { plan, model, dataset, heldBack, scorings } = await prepare(spec(), null, home);
    expect(plan).toMatchObject({
      ...{ from: 1330, to: 1430, batchSize: 16, rowsPerStep: 16, seqLength: 128 },
      ...{ resume: 'exact-state', hasPublishedEnd: true, backend: { name: 'wasm' } },
    });
    expect(plan.microBatchSize).toBeGreaterThan(0);
    expect(JSON.stringify(plan)).not.toContain('auto');
    expect(model.checkpoints.get(1330)).toBe(published(1330));
    expect(dataset.prefix).toBe(join(home, 'suite', 'nano-data-seed1', 'preshuffled'));
    expect(heldBack).toEqual({ from: 22_880, to: 22_944 }); // 1,430 steps of 16 rows are trained on
    expect(scorings.map(({ benchmark, protocol }) => [benchmark.name, protocol])).toEqual([
      ['nano-winobias', 'likelihood'],
      ['nano-crows-pairs', 'likelihood'],
    ]);
    expect(plan.scoringCosts).toEqual([
      { numItems: 640, numTexts: 1280, mostNewTokens: 0 },
      { numItems: 240, numTexts: 480, mostNewTokens: 0 },
    ]);
  });

  it('trains arms side by side only where each takes one core', () => {
    const backends = ['wasm', 'cpu', 'native', 'cuda', 'tensorflow'] as const;
    expect(backends.map((name) => numTrainersAtOnce(name, 8))).toEqual([8, 8, 1, 1, 1]);
  });

  it('keeps the stored plan of an earlier attempt, whatever would be resolved now', async () => {
    const { plan } = await prepare(spec(), null, home);
    const stored = { ...plan, to: 1400, microBatchSize: 3, benchmarks: ['nano-crows-pairs'] }; // as earlier releases stored them
    const again = await prepare(spec(), JSON.parse(JSON.stringify(stored)), home);
    const scoring = { benchmark: 'nano-crows-pairs', protocol: 'likelihood', settings: {} };
    expect(again.plan).toEqual({ ...stored, benchmarks: [scoring] });
    expect(again.scorings.map(({ benchmark }) => benchmark.name)).toEqual(['nano-crows-pairs']);
  });

  it('holds nothing back where the data end with the training', async () => {
    const prefix = join(home, 'rows');
    const rows = Array.from({ length: 1440 }, () => new Int32Array(129).fill(7));
    writeIndexedDataset(prefix, rows, 'uint16');
    const rest = { prefix, layout: 'preshuffled', seqLength: 128, batchSize: 1 } as const;
    registerDataset(home, 'all-trained', { ...rest, trainSteps: 1440 });
    registerDataset(home, 'some-left', { ...rest, trainSteps: 1435 });
    registerDataset(home, 'of-the-model', rest); // no steps of its own: the model's 1,430
    const heldBackOf = async (dataset: string) => (await prepare(spec({ dataset }), null, home)).heldBack;
    expect(await heldBackOf('all-trained')).toBeNull();
    expect(await heldBackOf('some-left')).toEqual({ from: 1435, to: 1440 });
    expect(await heldBackOf('of-the-model')).toEqual({ from: 1430, to: 1440 });
  });

  it('refuses names that are gone and windows that cannot be', async () => {
    await expect(prepare(spec({ model: 'gone' }), null, home)).rejects.toThrow(NotFoundError);
    await expect(prepare(spec({ dataset: 'gone' }), null, home)).rejects.toThrow(NotFoundError);
    await expect(prepare(spec({ checkpoint: 'step1331' }), null, home)).rejects.toThrow(InputError);
    await expect(prepare(spec({ evaluation: { benchmarks: ['glue'] } }), null, home)).rejects.toThrow(NotFoundError);
  });

  it('refuses bf16 where products are fp32, by the field', async () => {
    const refused = prepare(spec({ training: { precision: 'bf16' } }), null, home);
    await expect(refused).rejects.toMatchObject({ pointer: '/training/precision' });
    await expect(refused).rejects.toThrow(/wasm back end multiplies in fp32 only/);
  });

  it.skipIf(!probeNative().works)('plans bf16 on native, which auto takes', async () => {
    const { plan } = await prepare(spec({ backend: 'auto', training: { precision: 'bf16' } }), null, home);
    expect(plan).toMatchObject({ precision: 'bf16', backend: { name: 'native' } });
  });

  it('refuses a model whose registration is damaged, and no other job for it', async () => {
    mkdirSync(join(home, 'models'), { recursive: true });
    symlinkSync(packagePath('package.json'), join(home, 'models', 'broken.json'));
    await expect(prepare(spec({ model: 'broken' }), null, home)).rejects.toThrow(DataError);
    await expect(prepare(spec(), null, home)).resolves.toBeDefined();
    rmSync(join(home, 'models'), { recursive: true });
  });
});

describe('the task of an arm', () => {
  it('starts from the suite, or from the run’s own checkpoint; the published arm is the suite’s end', async () => {
    const preparation = await prepare(spec(), null, home);
    const task = (arm: 'published' | 'control', path?: string, isOwn = true) =>
      makeTask(preparation, spec(), arm, 'folder', path === undefined ? undefined : { path, isOwn });
    expect(task('control')).toMatchObject({ startFolder: published(1330), isOwnCheckpoint: false });
    expect(task('control', '/own')).toMatchObject({ startFolder: '/own', isOwnCheckpoint: true });
    expect(task('control', '/burn-in', false)).toMatchObject({ startFolder: '/burn-in', isOwnCheckpoint: false });
    expect(task('published')).toMatchObject({ startFolder: published(1430), isOwnCheckpoint: false });
    expect(structuredClone(task('control'))).toEqual(task('control')); // it goes to another process
  });
});

describe('the folder of checkpoints', () => {
  it('has the attempt in its path, and loses only what was half-written, of its own arm', async () => {
    expect(checkpointFolder('/home', 'id', 3, 'control')).toBe('/home/jobs/id/attempt-3/control');
    const arms = [checkpointFolder(home, 'job', 1, 'control'), checkpointFolder(home, 'job', 2, 'control')];
    const other = checkpointFolder(home, 'job', 2, 'intervention');
    for (const folder of [...arms, other]) {
      for (const name of ['step-2', 'step-4.writing-77']) mkdirSync(join(folder, name), { recursive: true });
    }
    await removeHalfWritten(home, 'job', 'control');
    expect(arms.map((folder) => readdirSync(folder))).toEqual([['step-2'], ['step-2']]);
    expect(readdirSync(other)).toEqual(['step-2', 'step-4.writing-77']);
    await removeHalfWritten(home, 'never begun', 'control');
  });
});
