// Rows of an embedding table by token id, and the sum that is its gradient. wasm has no UnsortedSegmentSum, the usual
// gradient of a gather; ScatterNd adds up repeated rows on every back end.
import * as tf from '@tensorflow/tfjs-core';
import { customGradient } from './custom-gradient.ts';

/** table [V, C], ids [N] int32 → [N, C]; the caller owns the result. */
export function embed(table: tf.Tensor2D, ids: tf.Tensor1D): tf.Tensor2D {
  return customGradient([table], (save) => {
    save([ids]);
    const value = tf.gather(table, ids) as tf.Tensor2D;
    return { value, gradient: (dy, [ids]) => [scatterRows(ids as tf.Tensor1D, dy, table.shape)] };
  });
}

/** Sum of the rows that share an id: ids [N], rows [N, C] → [V, C]. */
export function scatterRows(ids: tf.Tensor1D, rows: tf.Tensor2D, shape: [number, number]): tf.Tensor2D {
  return tf.scatterND(tf.reshape(ids, [-1, 1]), rows, shape) as tf.Tensor2D;
}
