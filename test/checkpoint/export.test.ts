// Exports are read back as what they were made of: in single precision bit for bit, in half precision rounded once and then exact.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { exportCheckpoint, type ExportOptions } from '../../src/checkpoint/export.ts';
import { importCheckpoint } from '../../src/checkpoint/import.ts';
import {
  readSafetensors,
  readSafetensorsShapes,
  SafetensorsFile,
  type Tensor,
  writeSafetensors,
} from '../../src/checkpoint/safetensors.ts';
import { TorchFile } from '../../src/checkpoint/torch-zip.ts';
import { readWeights } from '../../src/checkpoint/weights.ts';
import { addCheckpointExportCommand } from '../../src/cli/checkpoint-export.ts';
import { numpyRandom } from '../../src/data/numpy-random.ts';
import { DataError, InputError } from '../../src/errors.ts';
import { readModelConfig } from '../../src/model/config.ts';
import { roundToHalf } from '../../src/model/half.ts';
import { packagePath } from '../../src/package-root.ts';

const fixture = packagePath('test', 'fixtures', 'engine');
const original = readSafetensors(join(fixture, 'model.safetensors'));
const HF: ExportOptions = { format: 'hugging-face', precision: 'fp32' };
const NEOX: ExportOptions = { format: 'neox', precision: 'fp32' };

let root: string;
let out: string;
let source: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'export-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  out = mkdtempSync(join(root, 'out-'));
  source = join(out, 'source');
  for (const name of ['config.json', 'model.safetensors']) cpSync(join(fixture, name), join(source, name));
  writeFileSync(join(source, 'state.json'), JSON.stringify({ step: 1200, lrCount: 1197, skippedSteps: 3 }));
});
afterEach(() => vi.restoreAllMocks());

type Values = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

function expectSame(found: Values, expected: Values): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { shape, data }] of expected) {
    expect([name, found.get(name)!.shape]).toEqual([name, shape]);
    expect(Buffer.from(found.get(name)!.data.buffer).equals(Buffer.from(data.buffer)), name).toBe(true);
  }
}

function halved(tensors: Values): Values {
  return new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: data.map(roundToHalf) }]));
}

/** Path → bytes of every file below a folder. */
function contents(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [path.slice(folder.length), readFileSync(path).toString('base64')]));
}

describe("Hugging Face's form", () => {
  it('holds single precision bit for bit', async () => {
    const to = join(out, 'hf');
    const exported = await exportCheckpoint(source, to, HF);
    expect(exported.files).toEqual(['config.json', 'model.safetensors']);
    expect(exported.sizeBytes).toBe(exported.files.reduce((sum, file) => sum + statSync(join(to, file)).size, 0));
    expectSame(readSafetensors(join(to, 'model.safetensors')), original);
    expect(readModelConfig(join(to, 'config.json'))).toEqual(readModelConfig(join(fixture, 'config.json')));
    expect(readdirSync(out).sort()).toEqual(['hf', 'source']);
  });

  it('rounds to half precision once, and then keeps every byte', async () => {
    const [once, twice] = [join(out, 'once'), join(out, 'twice')];
    await exportCheckpoint(source, once, { ...HF, precision: 'fp16' });
    expect(readSafetensorsShapes(join(once, 'model.safetensors')).get('embed_out.weight')!.dtype).toBe('F16');
    expectSame(readSafetensors(join(once, 'model.safetensors')), halved(original));
    await exportCheckpoint(once, twice, { ...HF, precision: 'fp16' });
    expect(contents(twice)).toEqual(contents(once));
  });

  it('is cut into shards no larger than asked for, with an index', async () => {
    const to = join(out, 'shards');
    const maxShardBytes = 3000;
    await exportCheckpoint(source, to, { ...HF, maxShardBytes });
    expectSame(readWeights(to) as Values, original);
    const index = JSON.parse(readFileSync(join(to, 'model.safetensors.index.json'), 'utf8')) as {
      metadata: { total_size: number };
      weight_map: Record<string, string>;
    };
    const names = [...new Set(Object.values(index.weight_map))];
    expect(names.length).toBeGreaterThan(5);
    expect(names[0]).toBe(`model-00001-of-${String(names.length).padStart(5, '0')}.safetensors`);
    let total = 0;
    for (const name of names) {
      const tensors = [...readSafetensors(join(to, name))];
      expect(tensors.every(([tensor]) => index.weight_map[tensor] === name)).toBe(true);
      const sizeBytes = tensors.reduce((sum, [, { data }]) => sum + data.byteLength, 0);
      if (tensors.length > 1) expect(sizeBytes).toBeLessThanOrEqual(maxShardBytes);
      total += sizeBytes;
    }
    expect(index.metadata.total_size).toBe(total);
  });

  it('has the fields that transformers reads, what the source says of them, and its tokenizer files', async () => {
    const config = { ...(JSON.parse(readFileSync(join(fixture, 'config.json'), 'utf8')) as object), eos_token_id: 7 };
    writeFileSync(join(source, 'config.json'), JSON.stringify({ ...config, dtype: 'bfloat16', torch_dtype: 'x' }));
    writeFileSync(join(source, 'tokenizer_config.json'), '{}');
    writeFileSync(join(out, 'other.json'), '{"version":"1.0"}');
    await exportCheckpoint(source, join(out, 'a'), { ...HF, precision: 'fp16' });
    const written = JSON.parse(readFileSync(join(out, 'a', 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(written).toMatchObject({
      architectures: ['GPTNeoXForCausalLM'],
      model_type: 'gpt_neox',
      torch_dtype: 'float16',
      hidden_act: 'gelu',
      rotary_pct: 0.7,
      rotary_emb_base: 100,
      rope_parameters: { rope_type: 'default', rope_theta: 100, partial_rotary_factor: 0.7 },
      use_parallel_residual: true,
      tie_word_embeddings: false,
      layer_norm_eps: 0.001,
      bos_token_id: 0,
      eos_token_id: 7,
    });
    expect(written).not.toHaveProperty('dtype');
    expect(existsSync(join(out, 'a', 'tokenizer_config.json'))).toBe(true);
    await exportCheckpoint(source, join(out, 'b'), { ...HF, tokenizer: join(out, 'other.json') });
    expect(readFileSync(join(out, 'b', 'tokenizer.json'), 'utf8')).toBe('{"version":"1.0"}');
  });
});

describe("GPT-NeoX's form", () => {
  const imported = (from: string): Values => {
    const to = mkdtempSync(join(out, 'imported-'));
    const result = importCheckpoint(from, join(to, 'model'));
    expect(result).toEqual({
      state: { step: 1200, lrCount: 1197, skippedSteps: 3 },
      weights: 'layer files',
      hasOptimizer: false,
    });
    return readSafetensors(join(to, 'model', 'model.safetensors'));
  };

  it.each([1, 2])('is imported again bit for bit, of %i tensor-parallel ranks', async (tensorParallel) => {
    const to = join(out, 'neox');
    const { files } = await exportCheckpoint(source, to, { ...NEOX, tensorParallel });
    expectSame(imported(to), original);
    expect(readFileSync(join(to, 'latest'), 'utf8')).toBe('global_step1200');
    const modules = ['00', '02', '03', '05', '06'];
    const ranks = ['00', '01'].slice(0, tensorParallel);
    expect(files).toEqual(
      [
        'config.json',
        ...modules.flatMap((nn) => ranks.map((mm) => `global_step1200/layer_${nn}-model_${mm}-model_states.pt`)),
        ...ranks.map((mm) => `global_step1200/mp_rank_${mm}_model_states.pt`),
        'latest',
      ].sort(),
    );
  });

  it('is rounded to half precision once, and then imported and exported exactly, byte for byte', async () => {
    const options: ExportOptions = { ...NEOX, precision: 'fp16', tensorParallel: 2, step: 1200 };
    await exportCheckpoint(source, join(out, 'once'), options);
    importCheckpoint(join(out, 'once'), join(out, 'imported'));
    const found = readSafetensors(join(out, 'imported', 'model.safetensors'));
    // Halves of a bias are rounded by themselves; that is the bias rounded, unless it is below 2^-13, where half precision thins out.
    for (const [name, { data }] of halved(original)) {
      const worst = Math.max(...data.map((value, i) => Math.abs(value - found.get(name)!.data[i]!)));
      expect([name, worst]).toEqual([name, worst <= 2 ** -23 ? worst : 0]);
    }
    await exportCheckpoint(join(out, 'imported'), join(out, 'twice'), options);
    expect(contents(join(out, 'twice'))).toEqual(contents(join(out, 'once')));
  });

  it.each([1, 2])(
    'takes the optimizer along, which is imported again bit for bit, of %i ranks',
    async (tensorParallel) => {
      const draw = numpyRandom(7);
      const values = (sign: number, { shape, data }: Tensor) => ({
        ...{ shape, data: data.map(() => sign * (draw.nextWord() / 2 ** 32)) },
      });
      const moments = [...original].flatMap(([name, tensor]) => [
        [`exp_avg.${name}`, values(-1, tensor)] as const,
        [`exp_avg_sq.${name}`, values(1, tensor)] as const,
      ]);
      writeSafetensors(join(out, 'optimizer.safetensors'), moments);
      const file = new SafetensorsFile(join(out, 'optimizer.safetensors'));
      const schedule = { peak: 1e-3, floor: 1e-4, totalSteps: 143_000, warmupSteps: 1430 };
      const training = { schedule, moments: file.tensors, vocabDivisor: 128 };
      await exportCheckpoint(source, join(out, 'neox'), { ...NEOX, precision: 'fp16', tensorParallel, training });
      file.close();
      const result = importCheckpoint(join(out, 'neox'), join(out, 'again'));
      expect(result.state).toEqual({ step: 1200, lrCount: 1197, skippedSteps: 3, lossScale: 4096 });
      expect(result).toMatchObject({ weights: 'fp32 masters', hasOptimizer: true });
      expectSame(readSafetensors(join(out, 'again', 'model.safetensors')), original);
      expectSame(readSafetensors(join(out, 'again', 'optimizer.safetensors')), new Map(moments));
      const model = new TorchFile(join(out, 'neox', 'global_step1200', 'mp_rank_00_model_states.pt'));
      const written = new Map(Object.entries({ start_lr: 1e-3, warmup_iter: 1430, decay_style: 'cosine' }));
      for (const [key, value] of Object.entries({ end_iter: 143_000, min_lr: 1e-4, num_iters: 1197 }))
        written.set(key, value);
      expect((model.value as Map<string, unknown>).get('lr_scheduler')).toEqual(written);
      model.close();
    },
  );

  it('starts moments from zero where there are none', async () => {
    const schedule = { peak: 1, floor: 0, totalSteps: 2000, warmupSteps: 0 };
    const training = { schedule, moments: null, vocabDivisor: 128 };
    await exportCheckpoint(source, join(out, 'neox'), { ...NEOX, precision: 'fp16', training });
    importCheckpoint(join(out, 'neox'), join(out, 'again'));
    const moments = readSafetensors(join(out, 'again', 'optimizer.safetensors'));
    expect(moments.size).toBe(2 * original.size);
    for (const { data } of moments.values()) expect(data.every((value) => value === 0)).toBe(true);
    expectSame(readSafetensors(join(out, 'again', 'model.safetensors')), original);
  });

  it('needs a step, and ranks that can share the model', async () => {
    rmSync(join(source, 'state.json'));
    await expect(exportCheckpoint(source, join(out, 'x'), NEOX)).rejects.toThrow(/has no state\.json .* stepN/);
    await expect(exportCheckpoint(source, join(out, 'x'), { ...NEOX, step: 1, tensorParallel: 3 })).rejects.toThrow(
      /3 tensor-parallel ranks cannot share/,
    );
    expect(readdirSync(out)).toEqual(['source']);
  });
});

describe('an export', () => {
  it('refuses a weight that half precision cannot hold, by name, and leaves nothing behind', async () => {
    const tensors = readSafetensors(join(fixture, 'model.safetensors'));
    const { data } = tensors.get('gpt_neox.layers.1.attention.dense.weight')!;
    data[5] = Infinity;
    writeSafetensors(join(source, 'model.safetensors'), tensors);
    await exportCheckpoint(source, join(out, 'infinite'), { ...HF, precision: 'fp16' });
    data[5] = -65520;
    writeSafetensors(join(source, 'model.safetensors'), tensors);
    for (const options of [HF, NEOX]) {
      const exported = exportCheckpoint(source, join(out, 'x'), { ...options, precision: 'fp16' });
      await expect(exported).rejects.toThrow(DataError);
      await expect(exported).rejects.toThrow(/attention\.dense\.weight".*found -65520, which fp16 cannot hold/);
    }
    expect(readdirSync(out).sort()).toEqual(['infinite', 'source']);
  });

  it('touches nothing that is there, and refuses what is no model', async () => {
    const to = join(out, 'taken');
    writeFileSync(to, 'mine');
    await expect(exportCheckpoint(source, to, HF)).rejects.toThrow(InputError);
    expect(readFileSync(to, 'utf8')).toBe('mine');
    await expect(exportCheckpoint(join(out, 'nowhere'), join(out, 'x'), HF)).rejects.toThrow(/expected a checkpoint/);
    rmSync(join(source, 'model.safetensors'));
    await expect(exportCheckpoint(source, join(out, 'x'), HF)).rejects.toThrow(/expected one of model\.safetensors/);
  });

  it('is written by the command, which prints what it wrote', async () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const program = new Command().exitOverride();
    addCheckpointExportCommand(program);
    const to = join(out, 'by-command');
    const args = ['checkpoint', 'export', '--from', source, '--to', to, '--format', 'hugging-face'];
    await program.parseAsync([...args, '--precision', 'fp16', '--max-shard-size', '4kB'], { from: 'user' });
    const printed = JSON.parse(write.mock.calls.map(([text]) => String(text)).join('')) as { files: string[] };
    expect(printed.files).toContain('model-00001-of-00003.safetensors');
    expectSame(readWeights(to) as Values, halved(original));
  });
});

describe('a model folder of half-precision shards', () => {
  it('is imported as single precision, by the step of its name or the one that is said', async () => {
    const from = join(out, 'step133000');
    await exportCheckpoint(source, from, { ...HF, precision: 'fp16', maxShardBytes: 2000 });
    const imported = importCheckpoint(from, join(out, 'imported'));
    expect(imported).toMatchObject({ state: { step: 133_000, lrCount: 133_000 }, weights: 'Hugging Face files' });
    expectSame(readSafetensors(join(out, 'imported', 'model.safetensors')), halved(original));
    expect(() => importCheckpoint(join(out, 'imported'), join(out, 'x'))).toThrow(/is a checkpoint folder already/);
    cpSync(from, join(out, 'main'), { recursive: true });
    expect(() => importCheckpoint(join(out, 'main'), join(out, 'x'))).toThrow(/say the step with --step/);
    expect(importCheckpoint(join(out, 'main'), join(out, 'x'), { step: 143_000 }).state.step).toBe(143_000);
  });
});
