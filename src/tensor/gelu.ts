// GELU in both forms: `tanh` is what GPT-NeoX trained with (bias-gelu fusion), `erf` what Hugging Face evaluates with.
import * as tf from '@tensorflow/tfjs-core';
import { chain } from './chain.ts';
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
    const inCubic = (y: T) => tf.mul(x, tf.add(tf.mul(y, TANH_CUBIC), 1));
    const gate = chain(x, tf.square, inCubic, (y) => tf.mul(y, 2 * TANH_SCALE), tf.sigmoid);
    save([x, gate]);
    const gradient = (dy: tf.Tensor, [x, gate]: tf.Tensor[]) => {
      const cubic = (y: tf.Tensor) => tf.add(tf.mul(y, 3 * TANH_CUBIC), 1);
      const slope = chain(x!, tf.square, cubic, (y) => tf.mul(y, 2 * TANH_SCALE));
      const inner = tf.tidy(() => tf.mul(tf.mul(tf.sub(1, gate!), slope), x!));
      return [
        chain(
          inner,
          (y) => tf.add(y, 1),
          (y) => tf.mul(gate!, y),
          (y) => tf.mul(dy, y),
        ),
      ];
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
