// Fused kernels: where the current back end has registered one for an operation of this folder, the operation is that one kernel; elsewhere it is composed of
// TensorFlow.js' own. Which back end that is, no operation asks.
import * as tf from '@tensorflow/tfjs-core';

/** Operations that a back end may offer, with their inputs and results, all row-major fp32 but ids and labels. */
export type FusedName =
  | 'AdamW' // weight, expAvg, expAvgSq, gradient; settings → the first three, updated, in their own memory where nobody else holds it
  | 'AddScaled' // sum, x; factor → sum + x·factor, in the sum's own memory where nobody else holds it
  | 'CausalAttention' // qkv, cos, sin; shape, precision → attended, log-sum-exp of each row
  | 'CausalAttentionGradient' // dy, qkv, attended, logSumExp, cos, sin; shape, precision → dQkv
  | 'CrossEntropy' // hidden, embedding, labels; precision → mean loss, and the gradients of hidden and embedding for a loss's gradient of one
  | 'LabelLogProbs' // hidden, embedding, labels → log P(label) of each row
  | 'LayerNorm' // x, weight, bias; epsilon → y, mean and 1/deviation of each row
  | 'LayerNormGradient' // dy, x, weight, mean, rstd → dx, dWeight, dBias
  | 'Linear' // x, weight, bias; precision → y
  | 'LinearGradient' // dy, x, weight; precision → dx, dWeight, dBias
  | 'Mlp' // x, up, upBias, down, downBias; form, precision → y, and the wide layer before GELU
  | 'MlpGradient' // dy, x, wide, up, down; form, precision → dx, dUp, dUpBias, dDown, dDownBias
  | 'ScaleOwned' // x, factor: one value → x·factor, in x's own memory where nobody else holds it
  | 'SquareSum'; // any number of tensors, as a list → the sum of all squares

/** Whether the current back end has it. */
export function hasFused(name: FusedName): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/** Runs it; the caller owns the results. */
export function runFused(
  name: FusedName,
  inputs: Readonly<Record<string, tf.Tensor>> | readonly tf.Tensor[],
  attributes: Readonly<Record<string, number | string | boolean>> = {},
): tf.Tensor[] {
  const results: tf.Tensor | tf.Tensor[] = tf.engine().runKernel(name, inputs as tf.NamedTensorMap, { ...attributes });
  return Array.isArray(results) ? results : [results];
}
