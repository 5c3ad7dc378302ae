// Names, shapes and counts of parameters against the published suite, and which of them are decayed against the two groups
// of the original optimizer.
import { describe, expect, it } from 'vitest';
import { countParameters, isDecayed, parameterShapes } from '../../src/model/parameters.ts';
import { PYTHIA_SIZES, pythiaConfig } from './pythia-sizes.ts';

describe('parameters', () => {
  it.each(PYTHIA_SIZES)('of $name number $numParameters, $numWithoutEmbeddings without embeddings', (size) => {
    const config = pythiaConfig(size.name);
    expect(countParameters(config)).toBe(size.numParameters);
    expect(countParameters(config, 'without embeddings')).toBe(size.numWithoutEmbeddings);
    expect(parameterShapes(config).length).toBe(12 * size.numLayers + 4);
  });

  it('have the names and shapes of Hugging Face, in a fixed order', () => {
    const config = { ...pythiaConfig('14m'), numLayers: 1 };
    expect(parameterShapes(config).map(({ name, shape }) => `${name} ${shape.join('×')}`)).toEqual([
      'gpt_neox.embed_in.weight 50304×128',
      'gpt_neox.layers.0.input_layernorm.weight 128',
      'gpt_neox.layers.0.input_layernorm.bias 128',
      'gpt_neox.layers.0.post_attention_layernorm.weight 128',
      'gpt_neox.layers.0.post_attention_layernorm.bias 128',
      'gpt_neox.layers.0.attention.query_key_value.weight 384×128',
      'gpt_neox.layers.0.attention.query_key_value.bias 384',
      'gpt_neox.layers.0.attention.dense.weight 128×128',
      'gpt_neox.layers.0.attention.dense.bias 128',
      'gpt_neox.layers.0.mlp.dense_h_to_4h.weight 512×128',
      'gpt_neox.layers.0.mlp.dense_h_to_4h.bias 512',
      'gpt_neox.layers.0.mlp.dense_4h_to_h.weight 128×512',
      'gpt_neox.layers.0.mlp.dense_4h_to_h.bias 128',
      'gpt_neox.final_layer_norm.weight 128',
      'gpt_neox.final_layer_norm.bias 128',
      'embed_out.weight 50304×128',
    ]);
  });

  it('are decayed in group 0 of the original optimizer, embeddings and matrices, and in no other', () => {
    const config = { ...pythiaConfig('70m'), numLayers: 2 };
    const matrices = ['attention.query_key_value', 'attention.dense', 'mlp.dense_h_to_4h', 'mlp.dense_4h_to_h'];
    const decayed = [
      'gpt_neox.embed_in.weight',
      ...[0, 1].flatMap((i) => matrices.map((matrix) => `gpt_neox.layers.${i}.${matrix}.weight`)),
      'embed_out.weight',
    ];
    const names = parameterShapes(config).map(({ name }) => name);
    expect(names.filter(isDecayed).sort()).toEqual(decayed.sort());
  });

  it('of 70m put 70,385,664 values into the decayed group', () => {
    const decayed = parameterShapes(pythiaConfig('70m')).filter(({ name }) => isDecayed(name));
    expect(decayed.reduce((sum, { shape }) => sum + shape[0]! * (shape[1] ?? 1), 0)).toBe(70_385_664);
  });
});
