// AdamW with decoupled decay in the order of DeepSpeed's fused Adam: epsilon is added after the root of the corrected second
// moment, decay acts on the weights as they were before the update.
import * as tf from '@tensorflow/tfjs-core';

export interface AdamWSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** The gradient is multiplied by this first (clipping). */
  readonly gradientScale: number;
  /** 1 − β^s of both moments: what divides them before use; 1 means no correction. */
  readonly correction1: number;
  readonly correction2: number;
}

export interface AdamWTensors {
  readonly weight: tf.Tensor;
  readonly expAvg: tf.Tensor;
  readonly expAvgSq: tf.Tensor;
}

/** The updated three tensors, new and owned by the caller; the old ones stay alive. */
export function adamWUpdate(old: AdamWTensors, gradient: tf.Tensor, settings: AdamWSettings): AdamWTensors {
  const { learningRate, beta1, beta2, epsilon, weightDecay, correction1, correction2 } = settings;
  return tf.tidy(() => {
    const g = tf.mul(gradient, settings.gradientScale);
    const expAvg = tf.add(tf.mul(old.expAvg, beta1), tf.mul(g, 1 - beta1));
    const expAvgSq = tf.add(tf.mul(old.expAvgSq, beta2), tf.mul(tf.square(g), 1 - beta2));
    const denominator = tf.add(tf.sqrt(tf.div(expAvgSq, correction2)), epsilon);
    const adaptive = tf.div(tf.div(expAvg, correction1), denominator);
    const update = weightDecay === 0 ? adaptive : tf.add(adaptive, tf.mul(old.weight, weightDecay));
    return { weight: tf.sub(old.weight, tf.mul(update, learningRate)), expAvg, expAvgSq };
  });
}
