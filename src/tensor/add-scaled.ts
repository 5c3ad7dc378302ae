// Sums of scaled tensors, as gradients of micro-batches are added up.
import * as tf from '@tensorflow/tfjs-core';
import { hasFused, runFused } from './fused.ts';

/** sum + x·factor, or x·factor where there is no sum yet; owned by the caller. The sum and x are disposed. */
export function addScaled(sum: tf.Tensor | undefined, x: tf.Tensor, factor: number): tf.Tensor {
  const result = hasFused('AddScaled') ? fused(sum, x, factor) : composed(sum, x, factor);
  tf.dispose(sum === undefined ? x : [sum, x]);
  return result;
}

function fused(sum: tf.Tensor | undefined, x: tf.Tensor, factor: number): tf.Tensor {
  if (sum !== undefined) return runFused('AddScaled', { sum, x }, { factor })[0]!;
  return tf.tidy(() => runFused('ScaleOwned', { x, factor: tf.scalar(factor) })[0]!);
}

function composed(sum: tf.Tensor | undefined, x: tf.Tensor, factor: number): tf.Tensor {
  return tf.tidy(() => {
    const scaled = tf.mul(x, factor);
    return sum === undefined ? scaled : tf.add(sum, scaled);
  });
}
