// Checkpoints whose values tell where they belong (test/fixtures/checkpoint/README.md) are put together; what does not fit is refused, and then
// nothing is left behind.
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { importCheckpoint } from '../../src/checkpoint/import.ts';
import { optimizerGroups } from '../../src/checkpoint/names.ts';
import { readSafetensors, type Tensor } from '../../src/checkpoint/safetensors.ts';
import { addCheckpointImportCommand } from '../../src/cli/checkpoint-import.ts';
import { DataError, InputError } from '../../src/errors.ts';
import { readModelConfig } from '../../src/model/config.ts';
import { parameterShapes } from '../../src/model/parameters.ts';
import { packagePath } from '../../src/package-root.ts';

const fixtures = packagePath('test', 'fixtures', 'checkpoint');
const configPath = join(fixtures, 'config.json');
const STATE = { step: 1200, lrCount: 1197, lossScale: 4096, skippedSteps: 3 };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'import-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

// The order in which the fixture numbers the parameters: that of GPT-NeoX's modules.
const block = (i: number): string[] =>
  [
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
  ].map((suffix) => `gpt_neox.layers.${i}.${suffix}`);
const NAMES = [
  'gpt_neox.embed_in.weight',
  ...block(0),
  ...block(1),
  'gpt_neox.final_layer_norm.weight',
  'gpt_neox.final_layer_norm.bias',
  'embed_out.weight',
];

function expectValues(tensors: Map<string, Tensor>, prefix: string, scale: number): void {
  for (const { name, shape } of parameterShapes(readModelConfig(configPath))) {
    const found = tensors.get(prefix + name)!;
    expect([name, found.shape]).toEqual([name, shape]);
    const number = NAMES.indexOf(name);
    expect([...found.data]).toEqual(Array.from(found.data, (_, i) => scale * (1000 * number + i)));
  }
}

describe('importCheckpoint', () => {
  it.each([
    ['two tensor-parallel ranks, three data-parallel ones and two intervals', 'zero-2x3'],
    ['one tensor-parallel rank', 'zero-1x2/global_step1200'],
    ['an optimizer without ZeRO', 'whole/global_step1200'],
  ])('puts every value of %s in its place', (_, from) => {
    const to = join(folder, from.replace('/', '-'), 'imported');
    expect(importCheckpoint(join(fixtures, from), to, { configPath }).state).toEqual(STATE);
    expect(JSON.parse(readFileSync(join(to, 'state.json'), 'utf8'))).toEqual(STATE);
    expect(readFileSync(join(to, 'config.json')).equals(readFileSync(configPath))).toBe(true);
    expectValues(readSafetensors(join(to, 'model.safetensors')), '', 1);
    const moments = readSafetensors(join(to, 'optimizer.safetensors'));
    expectValues(moments, 'exp_avg.', -1);
    expectValues(moments, 'exp_avg_sq.', 0.5);
    expect(moments.size).toBe(2 * NAMES.length);
    expect(readdirSync(join(to, '..'))).toEqual(['imported']);
  });

  const step = 'global_step1200';
  const shard = (worker: number, rank: number): string =>
    join(step, `zero_pp_rank_${worker}_mp_rank_0${rank}_optim_states.pt`);
  it.each<[string, (copy: string) => void, RegExp]>([
    [
      'a shard that is missing',
      (c) => rmSync(join(c, shard(1, 1))),
      /expected the ranks 0 to 2 of zero_pp_rank_0_mp_rank_01_optim_states\.pt, found none of rank 1/,
    ],
    ['a last shard that is missing', (c) => rmSync(join(c, shard(2, 0))), /"partition_count": expected 2, found 3/],
    [
      'no shards',
      (c) => [0, 1, 2].forEach((r) => rmSync(join(c, shard(r, 0)))),
      /expected files such as zero_pp_rank_0_mp_rank_00_optim_states\.pt, found none/,
    ],
    [
      'a tensor-parallel rank that is missing',
      (c) => rmSync(join(c, step, 'mp_rank_01_model_states.pt')),
      /was written by 2 tensor-parallel ranks, found the files of 1/,
    ],
    [
      'a shard that is cut short',
      (c) => truncateSync(join(c, shard(0, 1)), 5000),
      /zero_pp_rank_0_mp_rank_01.*expected a ZIP archive's directory/,
    ],
    [
      'a shard of another checkpoint',
      (c) =>
        cpSync(join(fixtures, 'zero-1x2', step, 'zero_pp_rank_0_mp_rank_00_optim_states.pt'), join(c, shard(0, 0)), {
          force: true,
        }),
      /"partition_count": expected 3, found 2/,
    ],
    [
      'a model file of something else',
      (c) => cpSync(join(fixtures, 'tensors.pt'), join(c, step, 'mp_rank_00_model_states.pt')),
      /mp_rank_00_model_states\.pt: "global_steps": expected a number, found nothing/,
    ],
    [
      '"latest" that leads elsewhere',
      (c) => writeFileSync(join(c, 'latest'), '../elsewhere'),
      /latest: expected the name of a folder beside it, found "\.\.\/elsewhere"/,
    ],
    ['"latest" of dots', (c) => writeFileSync(join(c, 'latest'), '..'), /latest: expected the name of a folder/],
    [
      '"latest" of a folder that is not there',
      (c) => writeFileSync(join(c, 'latest'), 'global_step7'),
      /latest: names global_step7, which is not there/,
    ],
    [
      'a folder with the name of another step',
      (c) => {
        renameSync(join(c, step), join(c, 'global_step1300'));
        writeFileSync(join(c, 'latest'), 'global_step1300');
      },
      /expected step 1300 by the folder's name, found step 1200/,
    ],
  ])('refuses %s and leaves nothing behind', (_, damage, message) => {
    const copy = mkdtempSync(join(folder, 'copy-'));
    cpSync(join(fixtures, 'zero-2x3'), copy, { recursive: true });
    damage(copy);
    const out = mkdtempSync(join(folder, 'out-'));
    expect(() => importCheckpoint(copy, join(out, 'imported'), { configPath })).toThrow(DataError);
    expect(() => importCheckpoint(copy, join(out, 'imported'), { configPath })).toThrow(message);
    expect(readdirSync(out)).toEqual([]);
  });

  it.each<[object, RegExp]>([
    [
      { hidden_size: 16, intermediate_size: 64 },
      /sequential\.0\.word_embeddings\.weight: expected the shape \[8, 16\] by the model's configuration, found \[8, 8\]/,
    ],
    [
      { num_hidden_layers: 3 },
      /sequential\.4\.attention\.query_key_value\.weight: expected the shape \[12, 8\] .* found none/,
    ],
    [{ vocab_size: 15 }, /2 tensor-parallel ranks cannot share gpt_neox\.embed_in\.weight/],
    [{ num_attention_heads: 1 }, /2 tensor-parallel ranks cannot share 1 heads/],
  ])('refuses the configuration of another model: %j', (change, message) => {
    const path = join(folder, 'other.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(configPath, 'utf8')), ...change }));
    expect(() => importCheckpoint(join(fixtures, 'zero-2x3'), join(folder, 'other'), { configPath: path })).toThrow(
      message,
    );
    expect(existsSync(join(folder, 'other'))).toBe(false);
  });

  it('finds by the lengths alone that a configuration does not fit an optimizer without ZeRO', () => {
    const path = join(folder, 'more-words.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(configPath, 'utf8')), vocab_size: 17 }));
    expect(() => importCheckpoint(join(fixtures, 'whole', step), join(folder, 'other'), { configPath: path })).toThrow(
      /expected 1808 values of master in group 0 .* found 1792; a shard is missing, or the configuration is of another model/,
    );
  });

  it('does not touch what is already there', () => {
    const to = mkdtempSync(join(folder, 'taken-'));
    expect(() => importCheckpoint(join(fixtures, 'zero-2x3'), to, { configPath })).toThrow(InputError);
    expect(readdirSync(to)).toEqual([]);
    expect(() => importCheckpoint(join(folder, 'nowhere'), join(to, 'x'), { configPath })).toThrow(
      /expected a folder with a GPT-NeoX checkpoint, found none/,
    );
  });
});

describe('optimizerGroups', () => {
  it('decays matrices and embeddings, and neither biases nor layer norms, in the order of the modules', () => {
    const [decayed, notDecayed] = optimizerGroups(readModelConfig(configPath)).map((group) =>
      group.map(({ name }) => name),
    );
    expect(decayed).toEqual(NAMES.filter((name) => name.endsWith('weight') && !name.includes('norm')));
    expect(notDecayed).toEqual(NAMES.filter((name) => !name.endsWith('weight') || name.includes('norm')));
  });
});

describe('tiresias checkpoint import', () => {
  it('prints the state that it wrote', () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const words = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const program = new Command().exitOverride();
    addCheckpointImportCommand(program);
    const to = join(folder, 'by-command');
    const args = ['checkpoint', 'import', '--from', join(fixtures, 'zero-2x3'), '--config', configPath, '--to', to];
    program.parse(args, { from: 'user' });
    expect(JSON.parse(write.mock.calls.map(([text]) => String(text)).join(''))).toEqual(STATE);
    expect(words.mock.calls.map(([text]) => String(text)).join('')).toBe(
      "weights: from the fp32 masters\n0 of 2128 values of the model's own weights differ from the fp32 masters rounded to their type\n",
    );
    expect(readdirSync(to).sort()).toEqual(['config.json', 'model.safetensors', 'optimizer.safetensors', 'state.json']);
  });
});
