// A config.json is read as Hugging Face means it, and one of a model that the engine would compute wrongly is refused by field.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { headSize, readModelConfig } from '../../src/model/config.ts';

const PYTHIA_70M = {
  architectures: ['GPTNeoXForCausalLM'],
  bos_token_id: 0,
  hidden_act: 'gelu',
  hidden_size: 512,
  intermediate_size: 2048,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 2048,
  model_type: 'gpt_neox',
  num_attention_heads: 8,
  num_hidden_layers: 6,
  rotary_emb_base: 10000,
  rotary_pct: 0.25,
  tie_word_embeddings: false,
  torch_dtype: 'float16',
  use_parallel_residual: true,
  vocab_size: 50304,
};

describe('readModelConfig', () => {
  let path: string;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-'));
    path = join(folder, 'config.json');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const read = (changes: Record<string, unknown> = {}) => {
    writeFileSync(path, JSON.stringify({ ...PYTHIA_70M, ...changes }));
    return readModelConfig(path);
  };

  it('reads the configuration of Pythia 70m', () => {
    const config = read();
    expect(config).toEqual({
      numLayers: 6,
      hiddenSize: 512,
      numHeads: 8,
      intermediateSize: 2048,
      vocabSize: 50304,
      maxPositions: 2048,
      rotaryFraction: 0.25,
      rotaryBase: 10000,
      layerNormEpsilon: 1e-5,
    });
    expect(headSize(config)).toBe(64);
  });

  it('takes the defaults of Hugging Face where older files say nothing', () => {
    const silent = { rotary_pct: undefined, rotary_emb_base: undefined, use_parallel_residual: undefined };
    expect(read(silent)).toEqual(read());
    expect(read({ rope_scaling: null })).toEqual(read());
  });

  it.each([
    ['another kind of model', { model_type: 'llama' }, /model_type/],
    ['a sequential residual', { use_parallel_residual: false }, /use_parallel_residual/],
    ['tied embeddings', { tie_word_embeddings: true }, /tie_word_embeddings/],
    ['no layers', { num_hidden_layers: 0 }, /num_hidden_layers/],
    ['a fractional width', { hidden_size: 512.5 }, /hidden_size/],
    ['a width that heads do not divide', { num_attention_heads: 7 }, /not a multiple of num_attention_heads/],
    ['a huge vocabulary', { vocab_size: 1e12 }, /vocab_size/],
    ['a text for a number', { vocab_size: '50304' }, /vocab_size/],
    ['an odd number of rotated dimensions', { rotary_pct: 0.05 }, /rotary_pct/], // 3 of 64
    ['another activation', { hidden_act: 'relu' }, /hidden_act/],
    ['scaled rotary positions', { rope_scaling: { type: 'linear', factor: 2 } }, /rope_scaling/],
  ])('refuses %s, naming file and field', (_, changes, message) => {
    expect(() => read(changes)).toThrow(DataError);
    expect(() => read(changes)).toThrow(message);
    expect(() => read(changes)).toThrow(path);
  });

  it('refuses a file that is missing or no JSON', () => {
    expect(() => readModelConfig(join(folder, 'none.json'))).toThrow(DataError);
    writeFileSync(path, '{"model_type":');
    expect(() => readModelConfig(path)).toThrow(DataError);
    expect(() => readModelConfig(path)).toThrow(path);
  });
});
