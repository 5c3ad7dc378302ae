// The two linear layers of a transformer's MLP with GELU between them.
import * as tf from '@tensorflow/tfjs-core';
import { customGradient } from './custom-gradient.ts';
import { hasFused, runFused } from './fused.ts';
import { gelu, type GeluForm } from './gelu.ts';
import { linear } from './linear.ts';
import type { Precision } from './precision.ts';

export interface MlpWeights {
  readonly up: tf.Tensor2D; // [F, C]
  readonly upBias: tf.Tensor1D; // [F]
  readonly down: tf.Tensor2D; // [C, F]
  readonly downBias: tf.Tensor1D; // [C]
}

/** down·gelu(up·x + upBias) + downBias: [N, C] → [N, C]; the caller owns the result. */
export function mlp(
  x: tf.Tensor2D,
  { up, upBias, down, downBias }: MlpWeights,
  form: GeluForm,
  precision: Precision = 'fp32',
): tf.Tensor2D {
  if (!hasFused('Mlp')) {
    return tf.tidy(() => linear(gelu(linear(x, up, upBias, precision), form), down, downBias, precision));
  }
  return customGradient([x, up, upBias, down, downBias], (save) => {
    const attributes = { form, precision };
    const [value, wide] = runFused('Mlp', { x, up, upBias, down, downBias }, attributes) as [tf.Tensor2D, tf.Tensor2D];
    save([x, wide, up, down]);
    const gradient = (dy: tf.Tensor, [x, wide, up, down]: tf.Tensor[]) =>
      runFused('MlpGradient', { dy, x: x!, wide: wide!, up: up!, down: down! }, attributes);
    return { value, gradient };
  });
}
