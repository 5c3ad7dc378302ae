// GELU in both forms: `tanh` is what GPT-NeoX trained with (bias-gelu fusion), `erf` what Hugging Face evaluates with.
import * as tf from '@tensorflow/tfjs-core';
import { customGradient } from './custom-gradient.ts';

export type GeluForm = 'tanh' | 'erf';

const TANH_SCALE = 0.79788456; // NeoX's rounding of √(2/π)
const TANH_CUBIC = 0.044715;

/** Element-wise GELU, any shape; the caller owns the result. */
export function gelu<T extends tf.Tensor>(x: T, form: GeluForm): T {
  return form === 'tanh' ? geluTanh(x) : geluErf(x);
}

/** ½x(1 + tanh u) = x·σ(2u) with u = 0.79788456·x·(1 + 0.044715·x²); σ is vectorised on wasm, tanh is not. */
function geluTanh<T extends tf.Tensor>(x: T): T {
  return customGradient([x], (save) => {
    const square = tf.square(x);
    const doubleU = tf.mul(tf.mul(x, tf.add(tf.mul(square, TANH_CUBIC), 1)), 2 * TANH_SCALE);
    const gate = tf.sigmoid(doubleU);
    save([x, gate]);
    const gradient = (dy: tf.Tensor, [x, gate]: tf.Tensor[]) => {
      const slope = tf.mul(tf.add(tf.mul(tf.square(x!), 3 * TANH_CUBIC), 1), 2 * TANH_SCALE);
      const inner = tf.mul(tf.mul(tf.sub(1, gate!), slope), x!);
      return [tf.mul(dy, tf.mul(gate!, tf.add(inner, 1)))];
    };
    return { value: tf.mul(x, gate) as T, gradient };
  });
}

function geluErf<T extends tf.Tensor>(x: T): T {
  return customGradient([x], (save) => {
    const gate = tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
    save([x, gate]);
    const gradient = (dy: tf.Tensor, [x, gate]: tf.Tensor[]) => {
      const density = tf.mul(tf.exp(tf.mul(tf.square(x!), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return [tf.mul(dy, tf.add(gate!, tf.mul(x!, density)))];
    };
    return { value: tf.mul(x, gate) as T, gradient };
  });
}
