// Layer normalisation over the last dimension, biased variance, as GPT-NeoX computes it.
import * as tf from '@tensorflow/tfjs-core';
import { customGradient } from './custom-gradient.ts';
import { hasFused, runFused } from './fused.ts';
import { columnSums } from './linear.ts';

/** [N, C] → [N, C]: (x − mean)/√(variance + epsilon)·weight + bias; the caller owns the result. */
export function layerNorm(x: tf.Tensor2D, weight: tf.Tensor1D, bias: tf.Tensor1D, epsilon: number): tf.Tensor2D {
  return customGradient([x, weight, bias], (save) => {
    if (hasFused('LayerNorm')) {
      const [value, mean, rstd] = runFused('LayerNorm', { x, weight, bias }, { epsilon }) as [
        tf.Tensor2D,
        tf.Tensor,
        tf.Tensor,
      ];
      save([x, weight, mean, rstd]);
      return { value, gradient: (dy, saved) => fusedGradient(dy, saved) };
    }
    const centred = tf.sub(x, tf.mean(x, 1, true));
    const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), epsilon)); // [N, 1]
    const normal = tf.mul(centred, rstd) as tf.Tensor2D; // [N, C]
    save([normal, rstd, weight]);
    const value = tf.add(tf.mul(normal, weight), bias) as tf.Tensor2D;
    return { value, gradient: (dy, saved) => layerNormGradient(dy, saved) };
  });
}

function fusedGradient(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
  const [x, weight, mean, rstd] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  return runFused('LayerNormGradient', { dy, x, weight, mean, rstd });
}

function layerNormGradient(dy: tf.Tensor2D, [normal, rstd, weight]: tf.Tensor[]): tf.Tensor[] {
  const dNormal = tf.mul(dy, weight!);
  const projection = tf.mean(tf.mul(dNormal, normal!), 1, true); // [N, 1]
  const dx = tf.mul(tf.sub(tf.sub(dNormal, tf.mean(dNormal, 1, true)), tf.mul(normal!, projection)), rstd!);
  return [dx, columnSums(tf.mul(dy, normal!)), columnSums(dy)];
}
