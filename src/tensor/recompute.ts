// Recomputation of activations (Chen et al. 2016, "Training deep nets with sublinear memory cost"): of a part of the network only the inputs are kept; the
// backward pass runs the part once more, now with all that its gradient needs. The same operations on the same values: the same bits.
import * as tf from '@tensorflow/tfjs-core';
import { customGradient } from './custom-gradient.ts';

/**
 * part(inputs, constants), which must depend on these alone: other tensors may be gone when it runs again. Gradients flow to the inputs only, and every
 * one of them must matter. The caller owns the result.
 */
export function recomputed<T extends tf.Tensor>(
  inputs: readonly tf.Tensor[],
  constants: readonly tf.Tensor[],
  part: (inputs: tf.Tensor[], constants: tf.Tensor[]) => T,
): T {
  return customGradient([...inputs], (save) => {
    save([...inputs, ...constants]);
    const gradient = (dy: T, saved: tf.Tensor[]) => {
      const kept = saved.slice(inputs.length);
      return withOwnTape(() =>
        tf.grads((...again: tf.Tensor[]) => part(again, kept))(saved.slice(0, inputs.length), dy),
      );
    };
    return { value: part([...inputs], [...constants]), gradient };
  });
}

/** TensorFlow.js has one tape and forgets it when gradients end; those inside a backward pass must leave the outer one as it was. */
function withOwnTape<T>(work: () => T): T {
  const { state } = tf.engine();
  const outer = state.activeTape;
  try {
    return work();
  } finally {
    state.activeTape = outer;
  }
}
