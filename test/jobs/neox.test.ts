// What GPT-NeoX is told: settings against Pythia's own, numbers that PyYAML reads as numbers, and what is refused.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { neoxConfig, saveInterval, vocabDivisorFor, yamlOf } from '../../jobs/neox/config.ts';
import { exportForNeox, type NeoxExport } from '../../jobs/neox/export.ts';
import { importForJob } from '../../jobs/neox/import.ts';
import { prepare } from '../../jobs/preparation.ts';
import { verifyCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { exportCheckpoint } from '../../src/checkpoint/export.ts';
import { readSafetensors } from '../../src/checkpoint/safetensors.ts';
import { InputError } from '../../src/errors.ts';
import type { ModelConfig } from '../../src/model/config.ts';
import { packagePath } from '../../src/package-root.ts';
import { someSpec } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

const home = mkdtempSync(join(tmpdir(), 'tiresias-neox-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));

const spec = someSpec({
  dataset: 'nano-stories',
  backend: 'wasm',
  window: { steps: 2 },
  training: { rowsPerStep: 2, resume: 'exact-state' },
});
const prepared = prepare(spec, null, home);

function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

async function request(changes: Partial<NeoxExport> = {}): Promise<NeoxExport> {
  return {
    ...{ job: { id: '0', name: 'some' }, spec, preparation: await prepared, arm: 'intervention', home },
    ...{ to: join(home, 'out'), microBatchSize: 2, tensorParallel: 1, weightsOnly: false, recorded: new Map() },
    ...changes,
  };
}

describe('the settings for GPT-NeoX', () => {
  const model: ModelConfig = {
    ...{ numLayers: 32, hiddenSize: 4096, numHeads: 32, intermediateSize: 16_384, vocabSize: 50_432 },
    ...{ maxPositions: 2048, rotaryFraction: 0.25, rotaryBase: 10_000, layerNormEpsilon: 1e-5 },
  };
  const schedule = { peak: 1.2e-4, floor: 1.2e-5, totalSteps: 143_000, warmupSteps: 1430 };

  it("are Pythia's own for Pythia 6.9B", async () => {
    const { plan } = await prepared;
    const window = { from: 133_000, to: 143_000, rowsPerStep: 1024, seqLength: 2048, schedule };
    const settings = { microBatchSize: 8, tensorParallel: 2, vocabDivisor: 128, seed: 1234 };
    expect(neoxConfig({ ...plan, ...window }, model, settings)).toMatchObject({
      ...{ pipe_parallel_size: 1, model_parallel_size: 2, num_layers: 32, hidden_size: 4096, num_attention_heads: 32 },
      ...{
        seq_length: 2048,
        max_position_embeddings: 2048,
        pos_emb: 'rotary',
        rotary_pct: 0.25,
        no_weight_tying: true,
      },
      ...{ gpt_j_residual: true, output_layer_parallelism: 'column', bias_gelu_fusion: true },
      optimizer: { type: 'Adam', params: { lr: 0.00012, betas: [0.9, 0.95], eps: 1e-8 } },
      ...{ min_lr: 0.000012, weight_decay: 0.1, gradient_clipping: 1, warmup: 0.01, lr_decay_style: 'cosine' },
      ...{ train_iters: 143_000, lr_decay_iters: 143_000, train_batch_size: 1024, data_impl: 'mmap' },
    });
  });

  it('pad the vocabulary to the size that the model has', () => {
    for (const [size, ranks] of [
      [50_304, 1],
      [50_432, 2],
      [50_688, 4],
    ] as const)
      expect(vocabDivisorFor(size, 50_277, ranks)).toBe(128);
    expect(vocabDivisorFor(50_432, 50_277, 1)).toBe(50_432);
    expect(vocabDivisorFor(1024, 1024, 1)).toBe(128);
    expect(() => vocabDivisorFor(50_304, 50_400, 1)).toThrow(/choose another --tensor-parallel/);
  });

  it('are YAML whose numbers PyYAML takes for numbers', () => {
    // Its pattern of a floating-point number (yaml/resolver.py) wants a point before an exponent.
    const text = yamlOf({ a: 1e-8, b: [0.9, 1.2e-5, 2.5e-7], c: { d: 143_000, e: 1e21, f: false, g: 'x: "y"' } });
    expect(text).toBe(
      '"a": 1.0e-8\n"b": [0.9, 0.000012, 2.5e-7]\n"c": {"d": 143000, "e": 1.0e+21, "f": false, "g": "x: \\"y\\""}\n',
    );
  });

  it('save where the plan scores', async () => {
    const { plan } = await prepared;
    const every = (evaluateAt: number[]) => saveInterval({ ...plan, from: 1330, to: 1430, evaluateAt });
    expect([every([1330, 1340, 1350, 1430]), every([1400, 1430]), every([1430])]).toEqual([10, 1400, 1430]);
  });

  it('are refused where GPT-NeoX cannot do it', async () => {
    const { plan } = await prepared;
    const settings = { microBatchSize: 3, tensorParallel: 1, vocabDivisor: 128, seed: 1 };
    expect(() => neoxConfig({ ...plan, rowsPerStep: 16 }, model, settings)).toThrow(/does not divide the 16 rows/);
    const one = { ...settings, microBatchSize: 1 };
    expect(() => neoxConfig({ ...plan, from: 5, to: 6 }, model, one)).toThrow(/single step/);
    expect(() => neoxConfig(plan, { ...model, intermediateSize: 4096 }, one)).toThrow(/inner width/);
  });
});

describe('a checkpoint that GPT-NeoX trained', () => {
  const fixture = packagePath('test', 'fixtures', 'engine');
  const jobId = '01900000-0000-7000-8000-000000000000';

  /** GPT-NeoX's save folder in an export of some job, with the fixture's weights at step 1332. */
  async function trainedIn(folder: string, job = jobId): Promise<string> {
    const to = join(home, folder);
    mkdirSync(to);
    const manifest = { format: 'tiresias-neox-export-1', job: { id: job }, arm: 'control' };
    writeFileSync(join(to, 'manifest.json'), JSON.stringify(manifest));
    const schedule = { peak: 1, floor: 0, totalSteps: 1430, warmupSteps: 0 };
    await exportCheckpoint(fixture, join(to, 'trained'), {
      ...{ format: 'neox', precision: 'fp16', tensorParallel: 2, step: 1332 },
      ...{ tokenizer: packagePath('test', 'fixtures', 'tokenizer', 'tokenizer.json') },
      training: { schedule, moments: null, vocabDivisor: 128 },
    });
    return join(to, 'trained');
  }

  it('becomes a whole checkpoint of the job, bit for bit, with the hashes of what it was made of', async () => {
    const from = await trainedIn('one');
    const given = { jobId, arm: 'control' as const, window: { from: 1330, to: 1334 }, from, home };
    const request = { ...given, configPath: join(fixture, 'config.json') };
    const { checkpoint } = await importForJob(request);
    const { path, manifestSha256, origin } = checkpoint;
    expect(path).toBe(join(home, 'jobs', jobId, 'outside', 'control', 'step-1332'));
    await verifyCheckpoint(path);
    expect(sha256Of(join(path, 'manifest.json'))).toBe(manifestSha256);
    expect(readSafetensors(join(path, 'model.safetensors'))).toEqual(
      readSafetensors(join(fixture, 'model.safetensors')),
    );
    const step = join(from, 'global_step1332');
    expect(origin.files).toEqual(
      Object.fromEntries(readdirSync(step).map((name) => [name, sha256Of(join(step, name))])),
    );
    expect(origin.exportManifestSha256).toBe(sha256Of(join(home, 'one', 'manifest.json')));

    await expect(importForJob(request)).rejects.toThrow(/step-1332: step 1332 of control has been imported before/);
    await expect(importForJob({ ...request, arm: 'intervention' })).rejects.toThrow(
      /is the export of control of job .*, not of intervention/,
    );
    await expect(importForJob({ ...request, window: { from: 1332, to: 1334 } })).rejects.toThrow(
      /is step 1332; the window/,
    );
    await expect(importForJob({ ...request, step: 1333 })).rejects.toThrow(/global_step1333: expected a checkpoint/);
    const other = await trainedIn('two', '01900000-0000-7000-8000-000000000001');
    await expect(importForJob({ ...request, from: other })).rejects.toThrow(InputError);
    expect(
      readdirSync(join(home, 'jobs', jobId, 'outside'), { recursive: true })
        .map(String)
        .sort(),
    ).toEqual([
      ...['control', 'control/step-1332', 'control/step-1332/config.json', 'control/step-1332/manifest.json'],
      ...['control/step-1332/model.safetensors', 'control/step-1332/state.json'],
    ]);
    for (const folder of ['one', 'two', 'jobs']) rmSync(join(home, folder), { recursive: true });
  });
});

describe('an export for GPT-NeoX', () => {
  it('is refused, and leaves nothing behind, where it would not be the job', async () => {
    const unchanged = { ...spec, intervention: { ...spec.intervention, probability: 0 } };
    await expect(exportForNeox(await request({ spec: unchanged }))).rejects.toThrow(/no pronoun was changed/);
    const hashes = { sha256Before: 'a'.repeat(64), sha256After: 'b'.repeat(64) };
    const recorded = new Map([[1331, hashes]]);
    await expect(exportForNeox(await request({ recorded }))).rejects.toThrow(
      /^step 1331: the job was trained on rows a{64}/,
    );
    const preparation = await prepared;
    const plan = { ...preparation.plan, resume: 'burn-in' as const, burnInSteps: 8 };
    const burnIn = request({ preparation: { ...preparation, plan } });
    await expect(exportForNeox(await burnIn)).rejects.toThrow(/resumes by a burn-in, and none .* --weights-only/);
    expect(readdirSync(home)).toEqual(['suite']);
  });
});
