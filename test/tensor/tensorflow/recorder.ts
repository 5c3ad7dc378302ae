// Records what a back end's kernels are asked: name, attributes with their kinds, types of the inputs – and which attributes each reads.
import * as tf from '@tensorflow/tfjs-core';

export interface Recorder {
  /** `Kernel(input: type, …; attribute: kind, …)`, each once, as the operations of TensorFlow.js ask for it. */
  readonly calls: ReadonlySet<string>;
  /** `Kernel.attribute` of attributes that were given to a kernel and that no call of it read. */
  unread(): string[];
  /** Puts the plain kernels back. */
  stop(): void;
}

/** Wraps every kernel of the back end; kernels that a kernel itself runs are not recorded. */
export function recordKernels(backendName: string): Recorder {
  const calls = new Set<string>();
  const given = new Set<string>();
  const read = new Set<string>();
  let depth = 0;
  const plain = tf.getKernelsForBackend(backendName);
  for (const config of plain) {
    const kernelFunc: tf.KernelFunc = (args) => {
      if (depth === 0) {
        calls.add(describe(config.kernelName, args.inputs, args.attrs ?? {}));
        for (const name of Object.keys(args.attrs ?? {})) given.add(`${config.kernelName}.${name}`);
      }
      const attrs = new Proxy(args.attrs ?? {}, {
        get: (target, name) => {
          read.add(`${config.kernelName}.${String(name)}`);
          return target[String(name)];
        },
      });
      depth += 1;
      try {
        return config.kernelFunc({ ...args, attrs });
      } finally {
        depth -= 1;
      }
    };
    tf.unregisterKernel(config.kernelName, backendName);
    tf.registerKernel({ ...config, kernelFunc });
  }
  return {
    calls,
    unread: () => [...given].filter((name) => !read.has(name)).sort(),
    stop: () => {
      for (const config of plain) {
        tf.unregisterKernel(config.kernelName, backendName);
        tf.registerKernel(config);
      }
    },
  };
}

function describe(kernel: string, inputs: tf.NamedTensorInfoMap, attrs: tf.NamedAttrMap): string {
  const types = Array.isArray(inputs)
    ? [`[${[...new Set((inputs as tf.TensorInfo[]).map(({ dtype }) => dtype))].join()}]`]
    : Object.entries(inputs).map(([name, info]) => `${name}: ${info?.dtype ?? 'none'}`);
  const kinds = Object.entries(attrs).map(
    ([name, value]) => `${name}: ${Array.isArray(value) ? 'list' : typeof value}`,
  );
  return `${kernel}(${types.join(', ')}; ${kinds.sort().join(', ')})`;
}
