// What PyTorch and transformers saw in our exports, and what torch.save writes (test/fixtures/checkpoint/torch, made by scripts/golden/torch_checkpoint.py).
import * as tf from '@tensorflow/tfjs-core';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/checkpoint/model-folder.ts';
import { readWhole } from '../../src/checkpoint/stored-tensor.ts';
import { TorchFile } from '../../src/checkpoint/torch-zip.ts';
import { stateDictOf } from '../../src/checkpoint/weights.ts';
import { hiddenStates, SCORING_SWITCHES } from '../../src/model/gpt-neox.ts';
import { packagePath } from '../../src/package-root.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { makeTorchExports, TORCH_EXPORTS } from './torch-exports.ts';

interface SavedTensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: number[];
}
interface Golden {
  readonly rows: number[][];
  readonly positions: number[];
  readonly columns: number;
  readonly hugging_face: Record<
    string,
    { files: Record<string, string>; dtype: string; logits: number[][][]; sums: number[][] }
  >;
  readonly neox: Record<string, { files: Record<string, string>; tensors: number }>;
  readonly saved: Record<string, { sha256: string; tensors: Record<string, SavedTensor> }>;
}

const fixtures = packagePath('test', 'fixtures', 'checkpoint', 'torch');
const golden = JSON.parse(readFileSync(join(fixtures, 'golden.json'), 'utf8')) as Golden;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torch-golden-'));
  await selectBackend('cpu');
  await makeTorchExports(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

function shaByName(of: string, suffix: string): Record<string, string> {
  const entries = readdirSync(of, { recursive: true, withFileTypes: true }).filter(({ name }) => name.endsWith(suffix));
  return Object.fromEntries(entries.map((entry) => [entry.name, sha256(join(entry.parentPath, entry.name))]));
}

describe('our exports', () => {
  it('are the files that PyTorch and transformers loaded, all of them', () => {
    const seen = [
      ...Object.keys(golden.hugging_face).map((name) => `hf/${name}`),
      ...Object.keys(golden.neox).map((name) => `neox/${name}`),
    ];
    expect(seen.sort()).toEqual(Object.keys(TORCH_EXPORTS).sort());
    for (const [name, { files }] of Object.entries(golden.hugging_face))
      expect(shaByName(join(folder, 'hf', name), '.safetensors')).toEqual(files);
    for (const [name, { files, tensors }] of Object.entries(golden.neox)) {
      expect(shaByName(join(folder, 'neox', name), '.pt')).toEqual(files);
      expect(tensors).toBe(28);
    }
  });

  it.each(Object.keys(golden.hugging_face))('give the logits of transformers: %s', async (name) => {
    const { dtype, logits, sums } = golden.hugging_face[name]!; // of its own keys
    expect(dtype).toBe(name.endsWith('16') ? 'float16' : 'float32');
    const model = await loadModel(join(folder, 'hf', name));
    const [batch, length, V] = [golden.rows.length, golden.rows[0]!.length, model.config.vocabSize];
    const all = tf.tidy((): Float32Array => {
      const grid = { ids: Int32Array.from(golden.rows.flat()), batch, length };
      const hidden = hiddenStates(model.parameters, model.config, grid, SCORING_SWITCHES);
      return tf.matMul(hidden, model.parameters['embed_out.weight']!, false, true).dataSync<'float32'>();
    });
    model.dispose();
    for (const [r, row] of logits.entries()) {
      for (const [p, expected] of row.entries()) {
        const start = (r * length + golden.positions[p]!) * V;
        const found = [...all.subarray(start, start + golden.columns)];
        expect(Math.max(...found.map((x, i) => Math.abs(x - expected[i]!)))).toBeLessThan(1e-4); // logits of size 10 in fp32
      }
      for (const [t, expected] of sums[r]!.entries()) {
        const start = (r * length + t) * V;
        expect(Math.abs(all.subarray(start, start + V).reduce((sum, x) => sum + x, 0) - expected)).toBeLessThan(1e-3);
      }
    }
  });
});

describe('files of torch.save', () => {
  const REFUSED: Readonly<Record<string, RegExp>> = {
    'legacy.pt': /legacy\.pt, byte 0: expected a ZIP archive, found PyTorch's legacy form/,
    'overlapping.pt': /overlapping\.pt, byte \d+ of its pickle: tensor "b": expected values of its own/,
    'integers.pt': /integers\.pt, byte \d+ of its pickle: .* expected Float, Half or BFloat16 numbers, found Long/,
  };
  const read = (name: string): Map<string, SavedTensor> => {
    const file = new TorchFile(join(fixtures, name));
    try {
      const types = { F16: 'float16', BF16: 'bfloat16', F32: 'float32' };
      return new Map(
        [...stateDictOf(file)].map(([key, tensor]) => [
          key,
          { dtype: types[tensor.dtype], shape: [...tensor.shape], values: [...readWhole(tensor)] },
        ]),
      );
    } finally {
      file.close();
    }
  };

  it('are the ones that the golden file describes', () => {
    for (const [name, saved] of Object.entries(golden.saved)) expect(sha256(join(fixtures, name))).toBe(saved.sha256);
    expect(Object.keys(golden.saved)).toEqual(expect.arrayContaining(Object.keys(REFUSED)));
  });

  it.each(Object.keys(golden.saved).filter((name) => REFUSED[name] === undefined))('are read exactly: %s', (name) => {
    expect(Object.fromEntries(read(name))).toEqual(golden.saved[name]!.tensors); // of its own keys
  });

  it.each(Object.entries(REFUSED))('are refused by name where they are no weights of today: %s', (name, message) => {
    expect(() => read(name)).toThrow(message);
  });
});
