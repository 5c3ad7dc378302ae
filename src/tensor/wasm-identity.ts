// A clone on wasm without a copy: TensorFlow.js' own kernel copies the values, and every tensor that is kept for a gradient, weights too, is kept as a
// clone. Tensors never change, so a clone can share its data, as it does on the other back ends.
import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

/** Replaces the kernel behind tf.clone. */
export function installIdentity(backend: BackendWasm): void {
  const kernelFunc = ({ inputs: { x } }: { inputs: { x: tf.TensorInfo } }): tf.TensorInfo => {
    backend.incRef(x.dataId);
    return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
  };
  tf.unregisterKernel('Identity', 'wasm');
  tf.registerKernel({ kernelName: 'Identity', backendName: 'wasm', kernelFunc: kernelFunc as never });
}
