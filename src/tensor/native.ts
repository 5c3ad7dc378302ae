// The back ends of `native/`, one addon for the processor (oneDNN) and one for graphics cards (CUDA), registered with TensorFlow.js as `native` and `cuda`.
import * as tf from '@tensorflow/tfjs-core';
import { totalmem } from 'node:os';
import { letThreadsSleep, numThreads } from '../settings.ts';
import { loadAddon, type Addon, type Device } from './native/addon.ts';
import { NativeBackend } from './native/backend.ts';
import { FUSED } from './native/fused.ts';
import { OPERATIONS } from './native/operations.ts';
import { NATIVE_SHARE_OF_MEMORY, SHARE_OF_CARD } from './memory-limits.ts';

export interface NativeProbe {
  readonly works: boolean;
  readonly reason: string;
}

/** Whether the device's addon was built and runs on this machine; the first call that can registers the back end. */
export function probeNative(device: Device = 'native'): NativeProbe {
  const registered = tf.findBackend(device) as NativeBackend | null;
  if (registered !== null) return { works: true, reason: wordsOf(registered) };
  letThreadsSleep();
  const addon = loadAddon(device);
  if (typeof addon === 'string') return { works: false, reason: addon };
  return register(device, addon);
}

function register(device: Device, addon: Addon): NativeProbe {
  let backend: NativeBackend;
  try {
    backend = new NativeBackend(addon, { device, numThreads: device === 'cuda' ? 1 : numThreads(), limitOf });
  } catch (error) {
    if (error instanceof TypeError) return { works: false, reason: error.message }; // the machine lacks something
    throw error;
  }
  tf.registerBackend(device, () => backend);
  for (const [kernelName, kernelFunc] of [...OPERATIONS, ...Object.entries(FUSED)]) {
    tf.registerKernel({ kernelName, backendName: device, kernelFunc: kernelFunc as unknown as tf.KernelFunc });
  }
  tf.findBackend(device); // makes it
  return { works: true, reason: wordsOf(backend) };
}

/** Bytes of live tensors that are allowed: of the device's own memory, or of the machine's. */
function limitOf(memoryBytes: number): number {
  if (memoryBytes > 0) return SHARE_OF_CARD * memoryBytes;
  return NATIVE_SHARE_OF_MEMORY * Math.min(totalmem(), process.constrainedMemory() || Infinity);
}

function wordsOf({ device, level, facts }: NativeBackend): string {
  if (device === 'cuda') return `the cuda back end is built and ${facts.card} answers`;
  return `the native back end is built and this processor has ${level === 'avx512' ? 'AVX-512' : 'AVX2'}`;
}

/**
 * What decides the last bits of a device's results, besides the processor: the level of our own kernels, versions of the libraries that multiply (they choose
 * their instruction set themselves), and the number of threads. Undefined where it does not run.
 */
export function nativeFacts(device: Device): Readonly<Record<string, string | number>> | undefined {
  if (!probeNative(device).works) return undefined;
  const { level, facts, numThreads } = tf.findBackend(device) as NativeBackend;
  return { level, ...facts, ...(device === 'native' && { numThreads }) };
}

/** Bytes of the card that the cuda back end runs on; undefined where it does not run. */
export function cudaMemoryBytes(): number | undefined {
  return probeNative('cuda').works ? (tf.findBackend('cuda') as NativeBackend).memoryBytes : undefined;
}

/** The back end of `native/` that is the current one, if one is. */
export function currentNative(): NativeBackend | undefined {
  const backend = tf.backend();
  return backend instanceof NativeBackend ? backend : undefined;
}
