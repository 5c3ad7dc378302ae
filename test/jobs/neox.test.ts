// What GPT-NeoX is told: settings against Pythia's own, numbers that PyYAML reads as numbers, and what is refused.
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { neoxConfig, saveInterval, vocabDivisorFor, yamlOf } from '../../jobs/neox/config.ts';
import { exportForNeox, type NeoxExport } from '../../jobs/neox/export.ts';
import { prepare } from '../../jobs/preparation.ts';
import type { ModelConfig } from '../../src/model/config.ts';
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
