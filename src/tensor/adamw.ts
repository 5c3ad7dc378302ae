// AdamW with decoupled decay in the order of DeepSpeed's fused Adam: epsilon is added after the root of the corrected second
// moment, decay acts on the weights as they were before the update.
import * as tf from '@tensorflow/tfjs-core';
import { chain } from './chain.ts';
import { hasFused, runFused } from './fused.ts';

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

/** The updated three tensors, owned by the caller; the old ones are disposed, the gradient stays alive. */
export function adamWUpdate(old: AdamWTensors, gradient: tf.Tensor, settings: AdamWSettings): AdamWTensors {
  const { weight, expAvg, expAvgSq } = old;
  const updated = hasFused('AdamW') ? fused(old, gradient, settings) : composed(old, gradient, settings);
  tf.dispose([weight, expAvg, expAvgSq]);
  return updated;
}

function fused(old: AdamWTensors, gradient: tf.Tensor, settings: AdamWSettings): AdamWTensors {
  const [weight, expAvg, expAvgSq] = runFused('AdamW', { ...old, gradient }, { ...settings });
  return { weight: weight!, expAvg: expAvg!, expAvgSq: expAvgSq! };
}

function composed(old: AdamWTensors, gradient: tf.Tensor, settings: AdamWSettings): AdamWTensors {
  const { learningRate, beta1, beta2, epsilon, weightDecay, correction1, correction2 } = settings;
  return tf.tidy(() => {
    const [expAvg, expAvgSq] = tf.tidy(() => {
      const g = tf.mul(gradient, settings.gradientScale);
      return [running(old.expAvg, beta1, g), running(old.expAvgSq, beta2, chain(g, tf.square))];
    });
    const adaptive = tf.tidy(() => {
      const corrected = (x: tf.Tensor) => tf.div(x, correction2);
      const denominator = chain(expAvgSq, corrected, tf.sqrt, (x) => tf.add(x, epsilon));
      return chain(
        expAvg,
        (x) => tf.div(x, correction1),
        (x) => tf.div(x, denominator),
      );
    });
    const decayed = (x: tf.Tensor) => (weightDecay === 0 ? tf.clone(x) : tf.add(x, tf.mul(old.weight, weightDecay)));
    const weight = chain(
      adaptive,
      decayed,
      (x) => tf.mul(x, learningRate),
      (x) => tf.sub(old.weight, x),
    );
    return { weight, expAvg, expAvgSq };
  });
}

/** β·mean + (1 − β)·value. */
function running(mean: tf.Tensor, beta: number, value: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.add(tf.mul(mean, beta), tf.mul(value, 1 - beta)));
}
