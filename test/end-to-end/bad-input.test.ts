// Bad input through the real stack: what the API refuses with the fault's place, and what only the files can tell, when a trainer
// opens them. Nothing half-written is left behind.
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { writeIndexedDataset } from '../../src/data/indexed-dataset.ts';
import { packagePath } from '../../src/package-root.ts';
import { registerDataset } from '../../src/suite/datasets.ts';
import { registerModel } from '../../src/suite/models.ts';
import { nanoTokenizerPath } from '../../src/suite/nano/corpus.ts';
import { nanoSpec, startTestService, type JobAnswer, type TestService } from '../support/service.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // each job that is accepted starts a trainer from sources

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  service.startWorker();
});
afterAll(async () => {
  await service.stop();
});

describe('a spec that cannot be', () => {
  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ['an unknown field', { probabilty: 0.5 }, '/probabilty', /there is no such field/],
    ['an unknown field deep inside', { training: { steps: 3 } }, '/training/steps', /there is no such field/],
    ['a wrong type', { intervention: { probability: 'all' } }, '/intervention/probability', /expected number/],
    ['a probability above one', { intervention: { probability: 1.5 } }, '/intervention/probability', /<=1/],
    ['a window that ends before it begins', { window: { to: 1330 } }, '/window/to', /before or at its start/],
    [
      'a window beyond the suite',
      { window: { steps: 101 } },
      '/window/steps',
      /ends at step 1431.*trained to step 1430/,
    ],
    ['a model nobody registered', { model: 'pythia-9000b' }, '/model', /no model "pythia-9000b".*there is: nano-1m/],
    ['a dataset nobody registered', { dataset: 'pile' }, '/dataset', /no dataset "pile".*there is: nano-stories/],
    ['a checkpoint that is not here', { checkpoint: 'step1300' }, '/checkpoint', /nearest is step1330/],
    ['more rows than a batch has', { training: { rowsPerStep: 17 } }, '/training/rowsPerStep', /has 16 rows/],
    [
      'a benchmark that does not exist',
      { evaluation: { benchmarks: ['nano-winobias', 'glue'] } },
      '/evaluation/benchmarks/1',
      /no benchmark "glue"/,
    ],
  ])('is refused at its place: %s', async (_, changes, pointer, words) => {
    const { status, body } = await service.post('/jobs', { ...nanoSpec(), ...changes });
    expect(status).toBe(422);
    expect((body as { errors: unknown }).errors).toEqual([{ pointer, detail: expect.stringMatching(words) }]);
  });

  it('is refused with all its faults at once, and no job is stored', async () => {
    const spec = { model: 'none', dataset: 'neither', checkpoint: 'step1', evaluation: { benchmarks: ['glue'] } };
    const { body } = await service.post('/jobs', spec);
    const { errors } = body as { errors: { pointer: string }[] };
    expect(errors.map(({ pointer }) => pointer)).toEqual(['/model', '/dataset', '/evaluation/benchmarks/0']);
    expect(await service.get('/jobs')).toEqual({ jobs: [], nextCursor: null });
  });
});

/** Rows of 129 tokens, one a step, so that a small file reaches step 1330. */
function registerRows(name: string): string {
  const folder = join(service.home, 'files', name);
  mkdirSync(folder, { recursive: true });
  const prefix = join(folder, 'rows');
  writeRows(prefix, 1400);
  registerDataset(service.home, name, { prefix, layout: 'preshuffled', seqLength: 128, batchSize: 1 });
  return prefix;
}

function writeRows(prefix: string, numRows: number): void {
  const rows = Array.from({ length: numRows }, (_, row) =>
    Int32Array.from({ length: 129 }, (_, i) => 1 + ((row + i) % 999)),
  );
  writeIndexedDataset(prefix, rows, 'uint16');
}

function registerWeights(name: string): string {
  const folder = join(service.home, 'files', name, 'step1330');
  mkdirSync(folder, { recursive: true });
  const published = packagePath('suite', 'nano', 'nano-1m-seed1', 'step1330');
  for (const file of ['config.json', 'model.safetensors']) copyFileSync(join(published, file), join(folder, file));
  const tokenizerPath = nanoTokenizerPath();
  registerModel(service.home, { name, step: 1330, folder, tokenizerPath, peakLearningRate: 1e-3 });
  return folder;
}

async function run(changes: { model?: string; dataset?: string }): Promise<JobAnswer> {
  const once = { window: { steps: 1 }, training: { rowsPerStep: 1 }, evaluation: { benchmarks: [] } };
  const id = await service.submit(nanoSpec({ ...once, arms: ['control'], ...changes }));
  const job = await service.untilOver(id);
  const folder = join(service.home, 'jobs', id);
  expect(existsSync(folder) ? readdirSync(folder, { recursive: true }) : []).toEqual([]);
  return job;
}

describe('a dataset that changed after it was registered', () => {
  it('fails the job with the file and both sizes when its .bin was cut short', async () => {
    const prefix = registerRows('cut-short');
    truncateSync(`${prefix}.bin`, 1400 * 258 - 100);
    const job = await run({ dataset: 'cut-short' });
    expect(job).toMatchObject({ state: 'failed', reason: 'bad-data' });
    expect(job.message).toContain(`${prefix}.bin, byte ${1400 * 258 - 100}: expected ${1400 * 258} bytes`);
    expect(job.message).toContain(`found ${1400 * 258 - 100}; the file is cut short`);
  });

  it('fails the job when the sizes in its .idx are not those of the .bin', async () => {
    const prefix = registerRows('other-index');
    writeRows(`${prefix}-other`, 1399);
    copyFileSync(`${prefix}-other.idx`, `${prefix}.idx`);
    const job = await run({ dataset: 'other-index' });
    expect(job).toMatchObject({ state: 'failed', reason: 'bad-data' });
    expect(job.message).toContain(`${prefix}.bin, byte ${1399 * 258}: expected ${1399 * 258} bytes`);
    expect(job.message).toContain(`${prefix}.idx), found ${1400 * 258}; the file is of another index`);
  });

  it('fails the job when its .bin is gone', async () => {
    const prefix = registerRows('gone');
    rmSync(`${prefix}.bin`);
    const job = await run({ dataset: 'gone' });
    expect(job).toMatchObject({ state: 'failed', reason: 'bad-data' });
    expect(job.message).toContain(`${prefix}.bin`);
  });

  it('fails the job when a token is none of the tokenizer’s', async () => {
    const prefix = registerRows('foreign-tokens');
    const foreign = Array.from({ length: 1400 }, () => new Int32Array(129).fill(60_000));
    writeIndexedDataset(prefix, foreign, 'uint16');
    const job = await run({ dataset: 'foreign-tokens' });
    expect(job).toMatchObject({ state: 'failed', reason: 'bad-data' });
    expect(job.message).toMatch(/60000/);
  });
});

describe('weights that changed after they were registered', () => {
  it('fail the job with file and tensor when one is missing', async () => {
    const folder = registerWeights('lacking');
    const path = join(folder, 'model.safetensors');
    const tensors = readSafetensors(path);
    const lacking = 'gpt_neox.layers.2.mlp.dense_4h_to_h.weight';
    expect(tensors.delete(lacking)).toBe(true);
    writeSafetensors(path, tensors);
    const job = await run({ model: 'lacking' });
    expect(job).toMatchObject({ state: 'failed', reason: 'bad-checkpoint' });
    expect(job.message).toBe(`burn-in: ${path}: tensor "${lacking}" is missing`);
  });

  it('fail the job with the file when it was cut short', async () => {
    const folder = registerWeights('half');
    const path = join(folder, 'model.safetensors');
    truncateSync(path, Math.floor(readFileSync(path).length / 2));
    const job = await run({ model: 'half' });
    expect(job).toMatchObject({ state: 'failed', reason: 'bad-checkpoint' });
    expect(job.message).toContain(path);
  });

  it('fail the job by name when an entry is no number', async () => {
    const folder = registerWeights('nan');
    const path = join(folder, 'model.safetensors');
    const tensors = readSafetensors(path);
    tensors.get('gpt_neox.final_layer_norm.weight')?.data.fill(NaN);
    writeSafetensors(path, tensors);
    const job = await run({ model: 'nan' });
    expect(job).toMatchObject({ state: 'failed', reason: 'numerical' });
    expect(job.message).toMatch(/^burn-in: step 1266: loss NaN, gradient norm NaN; not finite in: gpt_neox\./);
  });
});
