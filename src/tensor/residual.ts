// The parallel residual h + a + m. Written with its own gradient, as every differentiated operation here is: nothing depends
// on TensorFlow.js' separate registry of gradients.
import * as tf from '@tensorflow/tfjs-core';
import { customGradient } from './custom-gradient.ts';

/** Sum of three [N, C] tensors; the caller owns the result. */
export function residual(h: tf.Tensor2D, attended: tf.Tensor2D, wide: tf.Tensor2D): tf.Tensor2D {
  return customGradient([h, attended, wide], () => ({
    value: tf.add(tf.add(h, attended), wide),
    gradient: (dy) => [tf.clone(dy), tf.clone(dy), tf.clone(dy)],
  }));
}
