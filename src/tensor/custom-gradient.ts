// A typed door to TensorFlow.js' custom gradients: its own signature takes `save` as a hidden last argument. What a gradient makes and what was saved
// for it are freed as soon as it has run; TensorFlow.js itself keeps both until the whole backward pass is over, twice the activations' memory.
import * as tf from '@tensorflow/tfjs-core';

export interface WithGradient<T extends tf.Tensor> {
  readonly value: T;
  /** dy and the saved tensors → one gradient per input, in order. */
  readonly gradient: (dy: T, saved: tf.Tensor[]) => tf.Tensor[];
}

/** Runs `forward` and registers its hand-written gradient, which may run once; tensors kept for it go through `save`. */
export function customGradient<T extends tf.Tensor>(
  inputs: readonly tf.Tensor[],
  forward: (save: (tensors: tf.Tensor[]) => void) => WithGradient<T>,
): T {
  const operation = tf.customGrad((...args) => {
    // The last argument is the save function, whatever the published type says.
    const save = args[inputs.length] as unknown as (tensors: tf.Tensor[]) => void;
    const { value, gradient } = forward(save);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const gradients = tf.tidy(() => gradient(dy as T, saved));
      tf.dispose(saved); // clones that the engine made; it does not mind that they are gone
      return gradients;
    };
    return { value, gradFunc };
  });
  return operation(...inputs) as T;
}
