// A model folder in Hugging Face's layout is loaded whole or refused by what is wrong with it.
import * as tf from '@tensorflow/tfjs-core';
import { cpSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/checkpoint/model-folder.ts';
import { DataError, InputError, messageOf } from '../../src/errors.ts';
import { toArrays } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { goldenArrays, goldenConfig, goldenPath } from '../model/golden.ts';

describe('loadModel', () => {
  let folder: string;
  beforeAll(async () => void (await selectBackend('cpu')));
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'model-'));
    for (const name of ['config.json', 'model.safetensors']) cpSync(goldenPath(name), join(folder, name));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gives configuration and parameters, and frees them when it is disposed', async () => {
    const { numTensors } = tf.memory();
    const model = await loadModel(folder);
    expect(model.config).toEqual(goldenConfig);
    expect(await toArrays(model.parameters)).toEqual(goldenArrays('model.safetensors'));
    expect(tf.memory().numTensors).toBe(numTensors + 28);
    model.dispose();
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('says that a folder is not there', async () => {
    const missing = join(folder, 'none');
    await expect(loadModel(missing)).rejects.toThrow(InputError);
    await expect(loadModel(missing)).rejects.toThrow(missing);
  });

  it.each([
    ['without config.json', () => rmSync(join(folder, 'config.json')), /has no config\.json/],
    ['without weights', () => rmSync(join(folder, 'model.safetensors')), /model\.safetensors/],
    [
      'with weights cut short',
      () => truncateSync(join(folder, 'model.safetensors'), 4000),
      /model\.safetensors.*cut short/,
    ],
    [
      'with the configuration of another size',
      () => writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...FILE, vocab_size: 33 })),
      /tensor "gpt_neox\.embed_in\.weight" has shape \[32, 12\], expected \[33, 12\]/,
    ],
    [
      'with more layers in the configuration than in the file',
      () => writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...FILE, num_hidden_layers: 3 })),
      /tensor "gpt_neox\.layers\.2\.input_layernorm\.weight" is missing/,
    ],
    [
      'with fewer layers in the configuration than in the file',
      () => writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...FILE, num_hidden_layers: 1 })),
      /"gpt_neox\.layers\.1\./,
    ],
  ])('refuses a folder %s, and keeps no tensors', async (_, damage, message) => {
    damage();
    const { numTensors } = tf.memory();
    const refusal = await loadModel(folder).then(
      () => 'loaded',
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(DataError);
    expect(messageOf(refusal)).toMatch(message);
    expect(messageOf(refusal)).toContain(folder);
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

const FILE = {
  model_type: 'gpt_neox',
  hidden_size: 12,
  intermediate_size: 48,
  num_attention_heads: 2,
  num_hidden_layers: 2,
  vocab_size: 32,
  rotary_pct: 0.7,
};
