// Weights of GPT-NeoX checkpoints apart from the optimizer: layer files, and the model file of the smallest models, alone or beside fp32 masters. The fixtures'
// values tell where they belong (test/fixtures/checkpoint/README.md).
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importCheckpoint } from '../../src/checkpoint/import.ts';
import { optimizerGroups } from '../../src/checkpoint/names.ts';
import { readSafetensors } from '../../src/checkpoint/safetensors.ts';
import { DataError } from '../../src/errors.ts';
import { readModelConfig } from '../../src/model/config.ts';
import { countParameters } from '../../src/model/parameters.ts';
import { roundToHalf } from '../../src/model/half.ts';
import { packagePath } from '../../src/package-root.ts';

const fixtures = packagePath('test', 'fixtures', 'checkpoint');
const configPath = join(fixtures, 'config.json');
const step = 'global_step1200';
const NO_LOSS_SCALE = { step: 1200, lrCount: 1197, skippedSteps: 3 };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'layers-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// The number of a parameter in the order of GPT-NeoX's modules, by which the fixture counts its values.
function numberOf(name: string): number {
  const all = optimizerGroups(readModelConfig(configPath)).flat();
  const inBlock = [
    'input_layernorm.weight',
    'input_layernorm.bias',
    'attention.query_key_value.weight',
    'attention.query_key_value.bias',
    'attention.dense.weight',
    'attention.dense.bias',
    'post_attention_layernorm.weight',
    'post_attention_layernorm.bias',
    'mlp.dense_h_to_4h.weight',
    'mlp.dense_h_to_4h.bias',
    'mlp.dense_4h_to_h.weight',
    'mlp.dense_4h_to_h.bias',
  ];
  const { module, suffix } = all.find((parameter) => parameter.name === name)!;
  if (module === 0) return 0;
  if (module < 4) return 1 + 12 * (module - 2) + inBlock.indexOf(suffix);
  return ['norm.weight', 'norm.bias', 'final_linear.weight'].indexOf(suffix) + 25;
}

// A copy of a fixture without the files whose names match.
function copyWithout(fixture: string, pattern: RegExp): string {
  const copy = mkdtempSync(join(folder, 'copy-'));
  cpSync(join(fixtures, fixture), copy, { recursive: true, filter: (path) => !pattern.test(path) });
  return copy;
}

/** An archive with the first such bytes of it changed (Latin-1, "X" for the four bytes of a text's length) and the CRC-32 of its entries left out. */
function withEntryChanged(bytes: Buffer, from: string, to: string): Buffer {
  const changed = Buffer.from(bytes);
  const [before, after] = [from, to].map((text) => Buffer.from(text.replace(/^X/, '\t\0\0\0'), 'latin1'));
  const at = changed.indexOf(before!);
  if (at === -1) throw new Error('the bytes to change are not there');
  after!.copy(changed, at);
  for (let record = changed.indexOf('PK\x01\x02', 0, 'latin1'); record !== -1;) {
    changed.writeUInt32LE(0, record + 16);
    record = changed.indexOf('PK\x01\x02', record + 4, 'latin1');
  }
  return changed;
}

describe('importCheckpoint', () => {
  it.each([
    ['zero-2x3', 'in half precision, of two tensor-parallel ranks'],
    ['zero-1x2', 'in bfloat16'],
    ['whole', 'in the model file'],
  ])('finds the weights of %s equal to the masters, rounded (%s)', (from) => {
    const to = join(mkdtempSync(join(folder, 'compared-')), 'imported');
    const imported = importCheckpoint(join(fixtures, from, step), to, { configPath });
    // Biases that ranks add up and layer norms are there once for each rank.
    const numTwice = from === 'zero-2x3' ? 2 * 8 * (2 + 4) + 2 * 8 : 0;
    expect(imported).toMatchObject({
      weights: 'fp32 masters',
      hasOptimizer: true,
      comparison: { numCompared: countParameters(readModelConfig(configPath)) + numTwice, numDifferent: 0 },
    });
  });

  it('takes the weights of layer files when there are no shards, and writes no moments', () => {
    const to = join(mkdtempSync(join(folder, 'layers-')), 'imported');
    const imported = importCheckpoint(copyWithout('zero-2x3', /zero_pp_rank/), to, { configPath });
    expect(imported).toEqual({ state: NO_LOSS_SCALE, weights: 'layer files', hasOptimizer: false });
    expect(JSON.parse(readFileSync(join(to, 'state.json'), 'utf8'))).toEqual(NO_LOSS_SCALE);
    expect(readdirSync(to).sort()).toEqual(['config.json', 'model.safetensors', 'state.json']);
    const tensors = readSafetensors(join(to, 'model.safetensors'));
    for (const { name, cut } of optimizerGroups(readModelConfig(configPath)).flat()) {
      const found = [...tensors.get(name)!.data];
      // Of the summands rank 0 has one and rank 1 the rest; each is rounded by itself.
      const value = (i: number): number => 1000 * numberOf(name) + i;
      const rounded = (i: number): number =>
        cut === 'summands' ? 1 + roundToHalf(value(i) - 1) : roundToHalf(value(i));
      expect([name, found]).toEqual([name, found.map((_, i) => Math.fround(rounded(i)))]);
    }
  });

  it('takes the weights of a model file that has lost its optimizer', () => {
    const to = join(mkdtempSync(join(folder, 'module-')), 'imported');
    const copy = mkdtempSync(join(folder, 'copy-'));
    // "optimizer" as a key that nobody reads: the pickle keeps its length.
    const bytes = readFileSync(join(fixtures, 'whole', step, 'mp_rank_00_model_states.pt'));
    writeFileSync(join(copy, 'mp_rank_00_model_states.pt'), withEntryChanged(bytes, 'Xoptimizer', 'Xoptimized'));
    expect(importCheckpoint(copy, to, { configPath })).toEqual({
      state: NO_LOSS_SCALE,
      weights: 'model file',
      hasOptimizer: false,
    });
    const { data } = readSafetensors(join(to, 'model.safetensors')).get('embed_out.weight')!;
    expect([...data]).toEqual(Array.from(data, (_, i) => roundToHalf(27_000 + i)));
  });

  it('leaves the moments out when asked to, and keeps the masters', () => {
    const to = join(mkdtempSync(join(folder, 'weights-')), 'imported');
    const imported = importCheckpoint(join(fixtures, 'zero-1x2', step), to, { configPath, weightsOnly: true });
    expect(imported).toMatchObject({
      state: { ...NO_LOSS_SCALE, lossScale: 4096 },
      weights: 'fp32 masters',
      hasOptimizer: false,
    });
    expect(readdirSync(to).sort()).toEqual(['config.json', 'model.safetensors', 'state.json']);
    const { data } = readSafetensors(join(to, 'model.safetensors')).get('embed_out.weight')!;
    expect([...data]).toEqual(Array.from(data, (_, i) => 27_000 + i)); // not rounded
  });

  it('reports few values that differ from the masters, and refuses a file of another checkpoint', () => {
    const layer = join(step, 'layer_03-model_01-model_states.pt');
    const copy = copyWithout('zero-2x3', /nothing/);
    const to = join(copy, 'imported');
    // In layer 3, rank 1: the place of one value of input_layernorm.bias, 14,004 = 0x72d7 in half precision.
    const bytes = readFileSync(join(copy, layer));
    writeFileSync(join(copy, layer), withEntryChanged(bytes, '\xd7\x72', '\xd8\x72'));
    expect(importCheckpoint(copy, to, { configPath }).comparison).toMatchObject({ numDifferent: 1 });
    rmSync(to, { recursive: true });
    cpSync(join(copy, step, 'layer_02-model_01-model_states.pt'), join(copy, layer));
    expect(() => importCheckpoint(copy, to, { configPath })).toThrow(
      /layer_03-model_01-model_states\.pt: expected the optimizer's fp32 weights, rounded, found \d+ of \d+ values different/,
    );
    expect(existsSync(to)).toBe(false);
  });

  it.each<[string, (copy: string) => void, RegExp]>([
    [
      'a layer that is missing',
      (c) => rmSync(join(c, step, 'layer_05-model_01-model_states.pt')),
      /layer_05-model_01-model_states\.pt: expected the file with gpt_neox\.final_layer_norm\.weight, found none/,
    ],
    [
      'a layer in the place of another',
      (c) =>
        cpSync(join(c, step, 'layer_05-model_00-model_states.pt'), join(c, step, 'layer_06-model_00-model_states.pt')),
      /layer_06-model_00-model_states\.pt: tensor "final_linear\.weight" is missing/,
    ],
    [
      'a layer of a rank that has no model file',
      (c) =>
        cpSync(join(c, step, 'layer_06-model_00-model_states.pt'), join(c, step, 'layer_06-model_02-model_states.pt')),
      /expected layer files of 2 tensor-parallel ranks, .* found one of model_02/,
    ],
    [
      'neither shards nor layers',
      (c) =>
        readdirSync(join(c, step))
          .filter((name) => name.startsWith('layer_'))
          .forEach((name) => rmSync(join(c, step, name))),
      /expected files such as zero_pp_rank_0.* or layer_00-model_00.*, found neither/,
    ],
  ])('refuses %s when there are no shards', (_, damage, message) => {
    const copy = copyWithout('zero-2x3', /zero_pp_rank/);
    damage(copy);
    expect(() => importCheckpoint(copy, join(copy, 'imported'), { configPath })).toThrow(DataError);
    expect(() => importCheckpoint(copy, join(copy, 'imported'), { configPath })).toThrow(message);
    expect(existsSync(join(copy, 'imported'))).toBe(false);
  });
});
