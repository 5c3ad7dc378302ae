// Registering a model or a dataset over HTTP, on the real catalog of a home folder.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import { openCatalog } from '../../src/catalog.ts';
import { writeIndexedDataset } from '../../src/data/indexed-dataset.ts';
import { packagePath } from '../../src/package-root.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { testDatabaseUrl } from '../support/database.ts';
import { somePage } from '../support/api.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tiresias-registering-'));
const home = join(scratch, 'home');
const folder = join(scratch, 'step1430');
const prefix = join(scratch, 'rows');
const tokenizer = packagePath('suite', 'nano', 'tokenizer.json');
let database: Database;
let app: ReturnType<typeof createApp>;
beforeAll(async () => {
  database = await openDatabase(await testDatabaseUrl());
  app = createApp({ database, catalog: openCatalog(home), webFolder: somePage() });
  mkdirSync(home);
  mkdirSync(folder);
  const nano = packagePath('suite', 'nano', 'nano-1m-seed1');
  cpSync(join(nano, 'step1430', 'model.safetensors'), join(folder, 'model.safetensors'));
  cpSync(join(nano, 'config.json'), join(folder, 'config.json'));
  writeIndexedDataset(prefix, rowsOf(1500 * 4), 'uint16');
});
afterAll(async () => {
  await database.close();
  rmSync(scratch, { recursive: true });
});

function* rowsOf(count: number): Generator<number[]> {
  for (let row = 0; row < count; row++) yield Array.from({ length: 9 }, (_, i) => (row + i) % 1000);
}

const model = { name: 'mine-14m', checkpoint: 'step142000', folder, tokenizer };
const dataset = { name: 'rows', prefix, layout: 'preshuffled', seqLength: 8, batchSize: 4 };
const register = (kind: 'models' | 'datasets', body: object) => request(app).post(`/v1/${kind}`).send(body);

describe('registering over HTTP', () => {
  it('makes a folder a model and files a dataset that a job can name', async () => {
    const first = await register('models', model);
    expect(first.body).toMatchObject({
      model: { name: 'mine-14m', checkpoints: [{ checkpoint: 'step142000', hasOptimizerState: false }] },
    });
    expect(first.status).toBe(201);
    const second = await register('models', { ...model, checkpoint: 'step143000' });
    expect(second.body).toMatchObject({
      model: { checkpoints: [{ checkpoint: 'step142000' }, { checkpoint: 'step143000' }] },
    });
    const files = await register('datasets', dataset);
    expect(files.status).toBe(201);
    expect(files.body).toMatchObject({ dataset: { name: 'rows', numSamples: 6000, layout: 'preshuffled' } });
    for (const [kind, name] of [
      ['models', 'mine-14m'],
      ['datasets', 'rows'],
    ] as const) {
      const { body } = await request(app).get(`/v1/${kind}`);
      expect((body as Record<string, { name: string }[]>)[kind]!.map((entry) => entry.name)).toContain(name);
    }
    const job = { model: 'mine-14m', checkpoint: 'step142000', dataset: 'rows', window: { to: 142500 } };
    // Of this job only the dataset is at fault: it has 1,500 steps.
    const { body } = await request(app)
      .post('/v1/jobs')
      .send({ ...job, evaluation: { benchmarks: [] } });
    expect(body).toMatchObject({ status: 422, errors: [{ pointer: '/dataset' }] });
  });

  it.each([
    ['a field that is not known', 'models', { ...model, steps: 1 }, '/steps', 'there is no such field'],
    ['a relative path', 'models', { ...model, folder: 'step1' }, '/folder', "give an absolute path of the server's"],
    ['a folder that is not there', 'models', { ...model, folder: '/no/such' }, '/folder', '/no/such holds no weights'],
    ['a checkpoint of another form', 'models', { ...model, checkpoint: '143000' }, '/checkpoint', 'is written stepN'],
    ['a name with a path in it', 'models', { ...model, name: '../x' }, '/name', 'is no model name'],
    [
      'a model without a learning rate',
      'models',
      { ...model, name: 'other' },
      '/peakLearningRate',
      'peak learning rate',
    ],
    ['a layout that is none', 'datasets', { ...dataset, layout: 'rows' }, '/layout', 'expected one of'],
    ['files that are not there', 'datasets', { ...dataset, prefix: '/no/such' }, '/prefix', '/no/such.idx'],
    ['another sequence length', 'datasets', { ...dataset, seqLength: 9 }, '/prefix', 'sequence length may be 8'],
    [
      'documents without a seed',
      'datasets',
      { ...dataset, layout: 'documents' },
      '/prefix',
      'the seed of the original',
    ],
  ] as const)('refuses %s with its pointer, and registers nothing', async (_, kind, body, pointer, words) => {
    const before = listHome();
    const response = await register(kind, body);
    expect(response.status).toBe(422);
    const { errors } = response.body as { errors: { pointer: string; detail: string }[] };
    expect(errors).toHaveLength(1);
    expect(errors[0]!.pointer).toBe(pointer);
    expect(errors[0]!.detail).toContain(words);
    expect(listHome()).toEqual(before);
  });

  it('refuses damaged files by name', async () => {
    const damaged = join(scratch, 'damaged');
    writeIndexedDataset(damaged, rowsOf(8), 'uint16');
    truncateSync(`${damaged}.bin`, 7);
    const cut = await register('datasets', { ...dataset, name: 'damaged', prefix: damaged });
    expect(cut.body).toMatchObject({ status: 422, errors: [{ pointer: '/prefix' }] });
    expect(JSON.stringify(cut.body)).toContain('damaged.bin, byte 7: expected 144 bytes');
    const spoilt = join(scratch, 'spoilt');
    cpSync(folder, spoilt, { recursive: true });
    writeFileSync(join(spoilt, 'config.json'), '{"model_type": "gpt2"}');
    const other = await register('models', { ...model, name: 'spoilt-14m', folder: spoilt });
    expect(JSON.stringify(other.body)).toContain('field \\"model_type\\"');
    expect(listHome()).not.toContain('spoilt-14m.json');
  });
});

describe('GET /v1/models/:name', () => {
  interface Told {
    readonly checkpoints: readonly {
      step: number;
      isHere: boolean;
      hasOptimizerState: boolean;
      fault: string | null;
    }[];
    readonly learningRates: { readonly step: number[]; readonly learningRate: number[] };
  }

  it('tells all 154 published checkpoints, those that are here, and the learning rate up to the end', async () => {
    const { status, body } = await request(app).get('/v1/models/nano-1m');
    expect(status).toBe(200);
    const { checkpoints, learningRates } = body as Told;
    expect(checkpoints).toHaveLength(154);
    expect(checkpoints.filter(({ isHere }) => isHere).map(({ step }) => step)).toEqual([1130, 1330, 1430]);
    expect(checkpoints.filter(({ hasOptimizerState }) => hasOptimizerState).map(({ step }) => step)).toEqual([1330]);
    expect(learningRates.step).toHaveLength(learningRates.learningRate.length);
    expect(learningRates.step.at(-1)).toBe(1430);
    expect(learningRates.step.filter((step) => !Number.isInteger(step))).toEqual([]); // the warm-up ends at 14.3
    expect(learningRates.learningRate[0]).toBe(0);
  });

  it('tells of a model that is not here how to fetch a checkpoint, and which revision holds something else', async () => {
    const { body } = await request(app).get('/v1/models/pythia-2.8b');
    const { checkpoints, learningRates } = body as Told;
    const at = (step: number) => checkpoints.find((one) => one.step === step);
    expect(at(1000)).toMatchObject({ isHere: false, fault: 'this revision serves weights of the end of training' });
    // Of the published configuration: 1.6e-4 at the top, a tenth of it at the end.
    expect(at(142_000)).toMatchObject({
      fault: null,
      pullCommand: 'tiresias models pull pythia-2.8b --checkpoint step142000',
    });
    expect(Math.max(...learningRates.learningRate)).toBeCloseTo(1.6e-4, 10);
    expect(learningRates.learningRate.at(-1)).toBeCloseTo(1.6e-5, 10);
  });

  it('answers 404 for a name that is none', async () => {
    expect((await request(app).get('/v1/models/none')).status).toBe(404);
  });
});

function listHome(): string[] {
  return readdirSync(home, { recursive: true }).map(String).sort();
}
