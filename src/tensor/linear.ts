// y = x·Wᵀ + b with W stored [out, in] as Hugging Face stores it. Gradients are written with explicit transposes: on wasm a
// plain 2-D matMul runs at 26–34 GFLOP/s, one with a transpose flag at 2.3.
import * as tf from '@tensorflow/tfjs-core';
import { customGradient } from './custom-gradient.ts';
import { hasFused, runFused } from './fused.ts';
import { needFp32, type Precision } from './precision.ts';

/** [N, in] × [out, in] (+ [out]) → [N, out]; the caller owns the result. */
export function linear(
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D,
  precision: Precision = 'fp32',
): tf.Tensor2D {
  return customGradient([x, weight, bias], (save) => {
    save([x, weight]);
    if (hasFused('Linear')) {
      const [value] = runFused('Linear', { x, weight, bias }, { precision }) as [tf.Tensor2D];
      const gradient = (dy: tf.Tensor, [x, weight]: tf.Tensor[]) =>
        runFused('LinearGradient', { dy, x: x!, weight: weight! }, { precision });
      return { value, gradient };
    }
    needFp32(precision);
    const value: tf.Tensor2D = tf.add(tf.matMul(x, tf.transpose(weight)), bias);
    const gradient = (dy: tf.Tensor, [x, weight]: tf.Tensor[]): tf.Tensor[] => {
      const dy2 = dy as tf.Tensor2D;
      return [tf.matMul(dy2, weight as tf.Tensor2D), outerSum(dy2, x as tf.Tensor2D), columnSums(dy2)];
    };
    return { value, gradient };
  });
}

/** dyᵀ·x: [N, out], [N, in] → [out, in], transposing whichever of the two is narrower. */
export function outerSum(dy: tf.Tensor2D, x: tf.Tensor2D): tf.Tensor2D {
  if (dy.shape[1] <= x.shape[1]) return tf.matMul(tf.transpose(dy), x);
  const transposed: tf.Tensor2D = tf.matMul(tf.transpose(x), dy);
  return tf.transpose(transposed);
}

/** [N, C] → [C]; as a product with ones, forty times faster on wasm than a reduction over rows. */
export function columnSums(x: tf.Tensor): tf.Tensor1D {
  const ones = tf.ones([1, x.shape[0]!]) as tf.Tensor2D;
  return tf.reshape(tf.matMul(ones, x), [-1]);
}
