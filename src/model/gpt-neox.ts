// The forward pass of GPT-NeoX with parallel residual, as Pythia's models are built: h ← h + attention(LN₁ h) + MLP(LN₂ h).
// Written once in TensorFlow.js operations; what decides speed and memory lies behind src/tensor.
import * as tf from '@tensorflow/tfjs-core';
import { causalAttention, type AttentionShape, type AttentionTables } from '../tensor/attention.ts';
import { crossEntropy, labelLogProbs } from '../tensor/cross-entropy.ts';
import { embed } from '../tensor/embedding.ts';
import type { GeluForm } from '../tensor/gelu.ts';
import { layerNorm } from '../tensor/layer-norm.ts';
import { linear } from '../tensor/linear.ts';
import { mlp } from '../tensor/mlp.ts';
import type { Precision } from '../tensor/precision.ts';
import { recomputed } from '../tensor/recompute.ts';
import { residual } from '../tensor/residual.ts';
import { headSize, type ModelConfig } from './config.ts';
import { attentionTables, type RopeForm } from './rotary.ts';

/** Tensors by Hugging Face name. Whoever made them disposes them. */
export type Parameters = Readonly<Record<string, tf.Tensor>>;

/** Where training and Hugging Face's scoring differ. */
export interface ForwardSwitches {
  readonly gelu: GeluForm;
  readonly rope: RopeForm;
  /** Which activations are computed again for the gradient instead of kept; changes memory and time, not one bit. */
  readonly recompute?: Recompute;
  /** Of the factors of matrix products; fp32 when left out. */
  readonly precision?: Precision;
}

export type Recompute = 'none' | 'layers';

export const SCORING_SWITCHES: ForwardSwitches = { gelu: 'erf', rope: 'fp32-angles' };

/** Token ids of a micro-batch, [B, T] row-major. */
export interface TokenGrid {
  readonly ids: Int32Array;
  readonly batch: number; // B
  readonly length: number; // T
}

/** Hidden states after the final layer norm, [B·T, C]; the caller owns the result. */
export function hiddenStates(
  parameters: Parameters,
  config: ModelConfig,
  tokens: TokenGrid,
  switches: ForwardSwitches,
): tf.Tensor2D {
  return tf.tidy(() => {
    const tables = attentionTables(config, tokens.length, switches.rope);
    const shape = { batch: tokens.batch, length: tokens.length, heads: config.numHeads, headSize: headSize(config) };
    const run = switches.recompute === 'layers' ? recomputedLayer : attentiveLayer;
    return throughLayers(parameters, config, tokens.ids, (h, i) =>
      run(parameters, `gpt_neox.layers.${i}`, h, config, shape, tables, switches),
    );
  });
}

/**
 * The same with attention left to the caller, who knows keys and values of earlier tokens: layer i's fused qkv [N, 3·C] of
 * the ids → attended values [N, C]. No gradient goes through what the caller keeps.
 */
export function hiddenStatesWith(
  parameters: Parameters,
  config: ModelConfig,
  ids: Int32Array,
  switches: ForwardSwitches,
  attend: (qkv: tf.Tensor2D, layer: number) => tf.Tensor2D,
): tf.Tensor2D {
  return throughLayers(parameters, config, ids, (h, i) =>
    layer(parameters, `gpt_neox.layers.${i}`, h, config, switches, (qkv) => attend(qkv, i)),
  );
}

/** Mean next-token loss of a micro-batch in nats; labels [B, T] row-major; scalar owned by the caller. */
export function meanLoss(
  parameters: Parameters,
  config: ModelConfig,
  inputs: TokenGrid,
  labels: Int32Array,
  switches: ForwardSwitches,
): tf.Scalar {
  return tf.tidy(() => {
    const h = hiddenStates(parameters, config, inputs, switches);
    const embedding = matrix(parameters, 'embed_out.weight');
    return crossEntropy(h, embedding, tf.tensor1d(labels, 'int32'), switches.precision);
  });
}

/** log P(label) at every position in nats, [B·T] row-major. */
export async function logProbs(
  parameters: Parameters,
  config: ModelConfig,
  inputs: TokenGrid,
  labels: Int32Array,
  switches: ForwardSwitches,
): Promise<Float32Array> {
  const result = tf.tidy(() => {
    const h = hiddenStates(parameters, config, inputs, switches);
    return labelLogProbs(h, matrix(parameters, 'embed_out.weight'), tf.tensor1d(labels, 'int32'));
  });
  try {
    return (await result.data()) as Float32Array;
  } finally {
    result.dispose();
  }
}

function throughLayers(
  parameters: Parameters,
  config: ModelConfig,
  ids: Int32Array,
  run: (h: tf.Tensor2D, layer: number) => tf.Tensor2D,
): tf.Tensor2D {
  return tf.tidy(() => {
    let h = embed(matrix(parameters, 'gpt_neox.embed_in.weight'), tf.tensor1d(ids, 'int32')); // [N, C]
    for (let i = 0; i < config.numLayers; i++) {
      const input = h;
      h = tf.tidy(() => run(input, i));
      input.dispose();
    }
    return norm(parameters, 'gpt_neox.final_layer_norm', h, config);
  });
}

function layer(
  parameters: Parameters,
  name: string,
  h: tf.Tensor2D,
  config: ModelConfig,
  { gelu, precision }: ForwardSwitches,
  attend: (qkv: tf.Tensor2D) => tf.Tensor2D,
): tf.Tensor2D {
  const before = norm(parameters, `${name}.input_layernorm`, h, config);
  const qkv = project(parameters, `${name}.attention.query_key_value`, before, precision);
  const attended = project(parameters, `${name}.attention.dense`, attend(qkv), precision);
  const weights = {
    up: matrix(parameters, `${name}.mlp.dense_h_to_4h.weight`),
    upBias: vector(parameters, `${name}.mlp.dense_h_to_4h.bias`),
    down: matrix(parameters, `${name}.mlp.dense_4h_to_h.weight`),
    downBias: vector(parameters, `${name}.mlp.dense_4h_to_h.bias`),
  };
  const after = norm(parameters, `${name}.post_attention_layernorm`, h, config);
  return residual(h, attended, mlp(after, weights, gelu, precision));
}

function attentiveLayer(
  parameters: Parameters,
  name: string,
  h: tf.Tensor2D,
  config: ModelConfig,
  shape: AttentionShape,
  tables: AttentionTables,
  switches: ForwardSwitches,
): tf.Tensor2D {
  const attend = (qkv: tf.Tensor2D) => causalAttention(qkv, shape, tables, switches.precision);
  return layer(parameters, name, h, config, switches, attend);
}

/** The same layer, of which only the input is kept for the gradient. */
const recomputedLayer: typeof attentiveLayer = (parameters, name, h, config, shape, tables, switches) => {
  const names = Object.keys(parameters).filter((key) => key.startsWith(`${name}.`));
  return recomputed(
    [h, ...names.map((key) => parameters[key]!)],
    [tables.cos, tables.sin, tables.rotateHalf, tables.mask],
    ([input, ...own], constants) => {
      const [cos, sin, rotateHalf, mask] = constants as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
      const ownParameters = Object.fromEntries(names.map((key, i) => [key, own[i]!]));
      return attentiveLayer(
        ownParameters,
        name,
        input as tf.Tensor2D,
        config,
        shape,
        { ...tables, cos, sin, rotateHalf, mask },
        switches,
      );
    },
  );
};

function project(parameters: Parameters, name: string, x: tf.Tensor2D, precision?: Precision): tf.Tensor2D {
  return linear(x, matrix(parameters, `${name}.weight`), vector(parameters, `${name}.bias`), precision);
}

function norm(parameters: Parameters, name: string, x: tf.Tensor2D, config: ModelConfig): tf.Tensor2D {
  return layerNorm(
    x,
    vector(parameters, `${name}.weight`),
    vector(parameters, `${name}.bias`),
    config.layerNormEpsilon,
  );
}

function matrix(parameters: Parameters, name: string): tf.Tensor2D {
  return parameter(parameters, name) as tf.Tensor2D;
}

function vector(parameters: Parameters, name: string): tf.Tensor1D {
  return parameter(parameters, name) as tf.Tensor1D;
}

function parameter(parameters: Parameters, name: string): tf.Tensor {
  const tensor = parameters[name];
  if (tensor === undefined) throw new Error(`bug: no parameter ${name}`);
  return tensor;
}
