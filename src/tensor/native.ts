// The native back end: `native/`, an addon on oneDNN, registered with TensorFlow.js under the name `native`.
import * as tf from '@tensorflow/tfjs-core';
import { totalmem } from 'node:os';
import { letThreadsSleep, numThreads } from '../settings.ts';
import { loadAddon, type Addon } from './native/addon.ts';
import { NativeBackend } from './native/backend.ts';
import { FUSED } from './native/fused.ts';
import { OPERATIONS } from './native/operations.ts';
import { NATIVE_SHARE_OF_MEMORY } from './memory-limits.ts';

export interface NativeProbe {
  readonly works: boolean;
  readonly reason: string;
}

/** Whether the addon was built and runs on this processor; the first call that can registers the back end. */
export function probeNative(): NativeProbe {
  const registered = tf.findBackend('native') as NativeBackend | null;
  if (registered !== null) return { works: true, reason: wordsOf(registered) };
  letThreadsSleep();
  const addon = loadAddon();
  if (typeof addon === 'string') return { works: false, reason: addon };
  return register(addon);
}

function register(addon: Addon): NativeProbe {
  let backend: NativeBackend;
  try {
    const limitBytes = NATIVE_SHARE_OF_MEMORY * Math.min(totalmem(), process.constrainedMemory() || Infinity);
    backend = new NativeBackend(addon, { numThreads: numThreads(), limitBytes });
  } catch (error) {
    if (error instanceof TypeError) return { works: false, reason: error.message }; // the processor lacks something
    throw error;
  }
  tf.registerBackend('native', () => backend);
  for (const [kernelName, kernelFunc] of [...OPERATIONS, ...Object.entries(FUSED)]) {
    tf.registerKernel({ kernelName, backendName: 'native', kernelFunc: kernelFunc as unknown as tf.KernelFunc });
  }
  tf.findBackend('native'); // makes it
  return { works: true, reason: wordsOf(backend) };
}

function wordsOf({ level }: NativeBackend): string {
  return `the native back end is built and this processor has ${level === 'avx512' ? 'AVX-512' : 'AVX2'}`;
}

export interface NativeFacts {
  /** Instruction set of our own loops. */
  readonly level: string;
  /** Version of oneDNN, which chooses the instruction set of products itself. */
  readonly oneDnn: string;
  readonly numThreads: number;
}

/** What decides the last bits of its results, besides the processor; undefined where it does not run. */
export function nativeFacts(): NativeFacts | undefined {
  if (!probeNative().works) return undefined;
  const { level, oneDnn, numThreads } = tf.findBackend('native') as NativeBackend;
  return { level, oneDnn, numThreads };
}

/** The native back end, while it is the current one. */
export function currentNative(): NativeBackend | undefined {
  return tf.getBackend() === 'native' ? (tf.backend() as NativeBackend) : undefined;
}
