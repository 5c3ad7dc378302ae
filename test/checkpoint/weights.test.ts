// The forms in which Hugging Face's model folders hold their weights.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { findWeights, readWeights } from '../../src/checkpoint/weights.ts';
import { packagePath } from '../../src/package-root.ts';

let root: string;
let folder: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'weights-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = mkdtempSync(join(root, 'model-'));
});

function write(name: string, tensors: Record<string, number[]>): void {
  const named = Object.entries(tensors).map(
    ([tensor, values]) => [tensor, { shape: [values.length], data: Float32Array.from(values) }] as const,
  );
  writeSafetensors(join(folder, name), named);
}

const index = (map: unknown): void =>
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));

describe('readWeights', () => {
  it('reads one file, without the buffers of older code', () => {
    const buffers = ['bias', 'masked_bias', 'rotary_emb.inv_freq'].map((name) => [
      `gpt_neox.layers.0.attention.${name}`,
      [1],
    ]);
    write('model.safetensors', { 'gpt_neox.layers.0.attention.dense.bias': [1, 2], ...Object.fromEntries(buffers) });
    expect([...readWeights(folder)].map(([name, { shape, data }]) => [name, shape, [...data]])).toEqual([
      ['gpt_neox.layers.0.attention.dense.bias', [2], [1, 2]],
    ]);
  });

  it('reads shards through their index', () => {
    write('model-00001-of-00002.safetensors', { a: [1], b: [2] });
    write('model-00002-of-00002.safetensors', { c: [3] });
    const [one, two] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    index({ a: one, b: one, c: two });
    expect([...readWeights(folder).keys()].sort()).toEqual(['a', 'b', 'c']);
    expect(findWeights(folder)).toBe(join(folder, 'model.safetensors.index.json'));
  });

  it('refuses a shard outside the folder, a missing one, and a tensor in two', () => {
    write('one.safetensors', { a: [1] });
    write('two.safetensors', { a: [2] });
    index({ a: '../one.safetensors' });
    expect(() => readWeights(folder)).toThrow(/expected names of files beside it, found "\.\.\/one\.safetensors"/);
    index({ a: 'one.safetensors', b: 'three.safetensors' });
    expect(() => readWeights(folder)).toThrow(/three\.safetensors: expected a readable file/);
    index({ a: 'one.safetensors', b: 'two.safetensors' });
    expect(() => readWeights(folder)).toThrow(/two\.safetensors: expected each tensor in one file, found "a" in two/);
    index(7);
    expect(() => readWeights(folder)).toThrow(/expected "weight_map"/);
  });

  it('names the forms it looks for when there is none', () => {
    expect(findWeights(folder)).toBeUndefined();
    expect(() => readWeights(folder)).toThrow(/expected one of model\.safetensors, .*pytorch_model\.bin.*, found none/);
  });

  it('names a tensor of pytorch_model.bin that is not floating-point', () => {
    cpSync(packagePath('test', 'fixtures', 'checkpoint', 'tensors.pt'), join(folder, 'pytorch_model.bin'));
    expect(() => readWeights(folder)).toThrow(
      /pytorch_model\.bin, byte 515 of its pickle: storage "5": expected Float, Half or BFloat16 numbers, found Long/,
    );
  });
});
