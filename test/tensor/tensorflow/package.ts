// @tensorflow/tfjs-node-gpu as the setup unpacked it without its scripts (scripts/bootstrap.mjs): its kernels and its back end, loaded
// with a stand-in for the native binding.
import * as tf from '@tensorflow/tfjs-core';
import { existsSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { join } from 'node:path';
import { packagePath } from '../../../src/package-root.ts';

const folder = packagePath('node_modules', '.cache', 'tfjs-node-gpu', 'package');

/** Whether the package is here. */
export const hasPackage = existsSync(join(folder, 'package.json'));

interface BackendModule {
  readonly NodeJSKernelBackend: new (binding: object, packageName: string) => tf.KernelBackend;
}

/** `resolve` of Node's own module system, which the package's `require` goes through. */
interface Resolver {
  _resolveFilename(request: string, ...rest: unknown[]): string;
}

/**
 * Registers the package's kernels, and its back end `tensorflow` on the given binding. `@tensorflow/tfjs` becomes the core that it passes
 * on; the protocol buffers of TensorBoard, which no kernel reads, stay out.
 */
export function registerTensorflow(binding: object): void {
  const require = createRequire(packagePath('package.json'));
  const resolver = Module as unknown as Resolver;
  const resolve = resolver._resolveFilename.bind(resolver);
  const core = require.resolve('@tensorflow/tfjs-core');
  resolver._resolveFilename = (request, ...rest) => {
    const isReplaced = request === '@tensorflow/tfjs' || request === './proto/api_pb';
    return isReplaced ? core : resolve(request, ...rest);
  };
  try {
    require(join(folder, 'dist', 'register_all_kernels.js'));
    const { NodeJSKernelBackend } = require(join(folder, 'dist', 'nodejs_kernel_backend.js')) as BackendModule;
    tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(binding, '@tensorflow/tfjs-node-gpu'));
  } finally {
    resolver._resolveFilename = resolve;
  }
}
