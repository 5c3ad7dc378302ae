// The parameters of a model as GPT-NeoX names, orders and cuts them, and their Hugging Face names. Checkpoint end of the road.
// Modules are numbered along the pipeline: 0 embedding, i + 2 block i, L + 3 last layer norm, L + 4 output (megatron/model/gpt2_model.py);
// optimizer groups as in get_params_for_weight_decay_optimization (megatron/model/utils.py): group 0 decays, group 1 does not.
import type { ModelConfig } from '../model/config.ts';
import { isDecayed, parameterShapes } from '../model/parameters.ts';

/**
 * How the ranks of a tensor-parallel model share a parameter: each has some rows, some columns, a copy, or a summand
 * (biases added before the ranks' results are added up).
 */
export type Cut = 'rows' | 'columns' | 'copies' | 'summands';

export interface NeoxParameter {
  /** Number of its module along the pipeline. */
  readonly module: number;
  /** Its name in the module, and so in a layer file. */
  readonly suffix: string;
  /** Its name in the whole model. */
  readonly neoxName: string;
  readonly name: string;
  /** Of the whole parameter. */
  readonly shape: readonly number[];
  readonly cut: Cut;
}

const BLOCK_SUFFIXES = [
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

/** All parameters, group by group, in the order in which an optimizer group's flat vector holds them. */
export function optimizerGroups(config: ModelConfig): readonly [decayed: NeoxParameter[], notDecayed: NeoxParameter[]] {
  const L = config.numLayers;
  const shapes = new Map(parameterShapes(config).map(({ name, shape }) => [name, shape]));
  const parameter = (module: number, suffix: string, name: string): NeoxParameter => {
    const shape = shapes.get(name);
    if (!shape) throw new Error(`bug: the model has no parameter ${name}`);
    return { module, suffix, neoxName: `sequential.${module}.${suffix}`, name, shape, cut: cutOf(name) };
  };
  const all = [
    parameter(0, 'word_embeddings.weight', 'gpt_neox.embed_in.weight'),
    ...Array.from({ length: L }, (_, i) =>
      BLOCK_SUFFIXES.map((suffix) => parameter(i + 2, suffix, `gpt_neox.layers.${i}.${suffix}`)),
    ).flat(),
    parameter(L + 3, 'norm.weight', 'gpt_neox.final_layer_norm.weight'),
    parameter(L + 3, 'norm.bias', 'gpt_neox.final_layer_norm.bias'),
    parameter(L + 4, 'final_linear.weight', 'embed_out.weight'),
  ];
  return [all.filter(({ name }) => isDecayed(name)), all.filter(({ name }) => !isDecayed(name))];
}

/** Shape of a rank's part of a parameter among `numRanks` tensor-parallel ranks. */
export function shapeOnRank({ shape, cut }: NeoxParameter, numRanks: number): number[] {
  const [first = 1, ...rest] = shape;
  if (cut === 'rows') return [first / numRanks, ...rest];
  return cut === 'columns' ? [first, ...rest.map((size) => size / numRanks)] : [first, ...rest];
}

/** Whether a tensor of a weight file is a buffer of GPT-NeoX or older Hugging Face code, not a parameter. */
export function isBuffer(name: string): boolean {
  return /(^|\.)attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/.test(name);
}

function cutOf(name: string): Cut {
  if (/embed_|query_key_value\.|dense_h_to_4h\./.test(name)) return 'rows';
  if (/layer_?norm\./.test(name)) return 'copies';
  return name.endsWith('.weight') ? 'columns' : 'summands';
}
