// Which TensorFlow.js back end computes. Chosen once per process, told with its reason, never changed in mid-job.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import util from 'node:util';
import { InputError, messageOf } from '../errors.ts';
import { TENSORFLOW_PACKAGE } from './installed.ts';
import { probeNative } from './native.ts';
import { startWasm } from './wasm.ts';

export const BACKENDS = ['cuda', 'tensorflow', 'native', 'wasm', 'cpu'] as const;
export type BackendName = (typeof BACKENDS)[number];

export interface ChosenBackend {
  readonly name: BackendName;
  /** Why this one, in words for a researcher. */
  readonly reason: string;
}

/**
 * Starts the named back end, or with `auto` on a graphics card cuda where it was built, else tensorflow; without one native where it was built, else wasm.
 * Throws InputError when a back end was named and cannot run; it is never replaced by another one.
 */
export async function selectBackend(wanted: BackendName | 'auto'): Promise<ChosenBackend> {
  if (wanted === 'wasm') return start('wasm', 'asked for by name');
  if (wanted === 'cpu') return start('cpu', 'asked for by name');
  if (wanted === 'native' || wanted === 'cuda') {
    const { works, reason } = probeNative(wanted);
    if (!works) throw new InputError(`the ${wanted} back end cannot run here: ${reason}`);
    return start(wanted, 'asked for by name');
  }
  if (wanted === 'auto') {
    const cuda = probeNative('cuda');
    if (cuda.works) return start('cuda', cuda.reason);
  }
  const tensorflow = await probeTensorflow();
  if (wanted === 'tensorflow') {
    if (!tensorflow.works) throw new InputError(`the tensorflow back end cannot run here: ${tensorflow.reason}`);
    return start('tensorflow', 'asked for by name');
  }
  if (tensorflow.works && tensorflow.hasGpu) return start('tensorflow', tensorflow.reason);
  const native = probeNative();
  if (native.works) return start('native', native.reason);
  return start('wasm', `portable default (${tensorflow.reason}; ${native.reason})`);
}

export interface TensorflowProbe {
  readonly works: boolean;
  readonly hasGpu: boolean;
  readonly reason: string;
}

interface TensorflowBinding {
  isUsingGpuDevice?: boolean;
}

/** Whether @tensorflow/tfjs-node-gpu is installed and loads, and whether it found a GPU. */
export async function probeTensorflow(): Promise<TensorflowProbe> {
  const packageName = TENSORFLOW_PACKAGE;
  // It loads without the function and fails at its first operation.
  if (!('isNullOrUndefined' in util)) {
    const reason = `${packageName} calls a function that Node has dropped in version 23: take Node 20 or 22`;
    return { works: false, hasGpu: false, reason };
  }
  try {
    await import(packageName);
  } catch (error) {
    return { works: false, hasGpu: false, reason: `${packageName} ${whyNot(error)}` };
  }
  const backend: unknown = tf.findBackend('tensorflow');
  const hasGpu = (backend as TensorflowBinding | null)?.isUsingGpuDevice === true;
  return { works: true, hasGpu, reason: hasGpu ? `${packageName} found a GPU` : `${packageName} found no GPU` };
}

function whyNot(error: unknown): string {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  return isMissing ? 'is not installed' : `does not load: ${messageOf(error).split('\n', 1)[0]}`;
}

let starting: Promise<unknown> = Promise.resolve();

/** One after the other: TensorFlow.js gives up a start that is not over when another one begins. */
function start(name: BackendName, reason: string): Promise<ChosenBackend> {
  const started = starting.then(() => startNow(name, reason));
  starting = started.catch(() => undefined); // its caller hears of it
  return started;
}

async function startNow(name: BackendName, reason: string): Promise<ChosenBackend> {
  if (name === 'cpu') (tf.findBackend('cpu') as { firstUse: boolean } & tf.KernelBackend).firstUse = false; // no banner
  if (name === 'wasm') await startWasm();
  else if (!(await tf.setBackend(name))) throw new InputError(`the ${name} back end does not start`);
  await tf.ready();
  return { name, reason };
}

/** Bytes of all tensors that live in this process. */
export function liveTensorBytes(): number {
  return tf.memory().numBytes;
}
