// Operations one after the other on large tensors: what lies between two of them is freed at once.
import * as tf from '@tensorflow/tfjs-core';

/** The last operation's result, owned by the caller; `x` stays alive. At most two of the results live at a time. */
export function chain<T extends tf.Tensor>(x: T, ...operations: readonly ((x: T) => tf.Tensor)[]): T {
  let reached: T = x;
  for (const operation of operations) {
    const next = tf.tidy(() => operation(reached)) as T;
    if (reached !== x) reached.dispose();
    reached = next;
  }
  return reached;
}
