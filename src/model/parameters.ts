// The parameters of a GPT-NeoX model: Hugging Face names, shapes in file order, and which of them AdamW decays.
import type { ModelConfig } from './config.ts';

export interface ParameterShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Every parameter with its shape, 12·L + 4 of them; linear weights are [out, in]. */
export function parameterShapes(config: ModelConfig): ParameterShape[] {
  const { hiddenSize: C, intermediateSize: F, vocabSize: V } = config;
  const layers = Array.from({ length: config.numLayers }, (_, i) => layerShapes(`gpt_neox.layers.${i}`, C, F)).flat();
  return [
    { name: 'gpt_neox.embed_in.weight', shape: [V, C] },
    ...layers,
    { name: 'gpt_neox.final_layer_norm.weight', shape: [C] },
    { name: 'gpt_neox.final_layer_norm.bias', shape: [C] },
    { name: 'embed_out.weight', shape: [V, C] },
  ];
}

function layerShapes(layer: string, C: number, F: number): ParameterShape[] {
  return [
    { name: `${layer}.input_layernorm.weight`, shape: [C] },
    { name: `${layer}.input_layernorm.bias`, shape: [C] },
    { name: `${layer}.post_attention_layernorm.weight`, shape: [C] },
    { name: `${layer}.post_attention_layernorm.bias`, shape: [C] },
    { name: `${layer}.attention.query_key_value.weight`, shape: [3 * C, C] },
    { name: `${layer}.attention.query_key_value.bias`, shape: [3 * C] },
    { name: `${layer}.attention.dense.weight`, shape: [C, C] },
    { name: `${layer}.attention.dense.bias`, shape: [C] },
    { name: `${layer}.mlp.dense_h_to_4h.weight`, shape: [F, C] },
    { name: `${layer}.mlp.dense_h_to_4h.bias`, shape: [F] },
    { name: `${layer}.mlp.dense_4h_to_h.weight`, shape: [C, F] },
    { name: `${layer}.mlp.dense_4h_to_h.bias`, shape: [C] },
  ];
}

/** AdamW's weight decay spares every bias and every layer norm. */
export function isDecayed(name: string): boolean {
  return name.endsWith('.weight') && !/layer_?norm\.weight$/.test(name);
}

/** Number of values of all parameters, or without both embeddings. */
export function countParameters(config: ModelConfig, which: 'all' | 'without embeddings' = 'all'): number {
  return parameterShapes(config)
    .filter(({ name }) => which === 'all' || !name.includes('embed_'))
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}
