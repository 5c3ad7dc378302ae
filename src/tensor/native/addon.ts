// The addon of `native/` as TypeScript sees it, and how its failures become the program's errors.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { DataError, OutOfMemoryError, TransientError, messageOf } from '../../errors.ts';
import { packagePath } from '../../package-root.ts';

/** A device buffer: opaque, checked by the addon wherever it is handed in. */
export type Handle = object & { readonly __isHandle: never };

export const DTYPES = { float32: 0, int32: 1, bool: 2 } as const;
export type NativeDtype = keyof typeof DTYPES;
export type Values = Float32Array | Int32Array | Uint8Array;

/** What kernels run on: the processor's cores, or a graphics card. */
export type Device = 'native' | 'cuda';

export interface Addon {
  start(numThreads: number, level?: string): Started;
  allocate(dtype: number, count: number): Handle;
  upload(dtype: number, values: Values): Handle;
  dispose(handle: Handle): void;
  /** Checks the arguments and queues the kernel; it runs after all that were queued before it. */
  run(kernel: number, inputs: readonly Handle[], outputs: readonly Handle[], numbers: readonly number[]): void;
  read(handle: Handle): Promise<Values>;
  readSync(handle: Handle): Values;
  pooledBytes(): number;
  times(): KernelTime[];
  /** Waits for the kernel in progress and drops the rest; nothing can be queued after. */
  stop(): void;
}

export interface Started {
  /** Instruction set of our own kernels. */
  readonly level: string;
  /** Names and versions that decide the last bits of results besides. */
  readonly facts: Readonly<Record<string, string>>;
  /** Of the device's own memory; 0 where it is the machine's. */
  readonly memoryBytes: number;
  readonly kernels: readonly string[];
}

/** What a kernel has taken since the start. */
export interface KernelTime {
  readonly kernel: string;
  readonly numCalls: number;
  readonly seconds: number;
}

const FILES = { native: 'tiresias.node', cuda: 'tiresias-cuda.node' };

/** Where the set-up puts a device's addon. */
export function addonPath(device: Device): string {
  return packagePath('native', 'build', FILES[device]);
}

/** The addon of a device, or why it cannot be loaded here, in words. */
export function loadAddon(device: Device): Addon | string {
  const path = addonPath(device);
  if (!existsSync(path))
    return `the ${device} back end is not built; \`npm run setup\` builds it or says what it needs`;
  try {
    return createRequire(import.meta.url)(path) as Addon;
  } catch (error) {
    return `the ${device} back end does not load: ${messageOf(error).split('\n', 1)[0]}`;
  }
}

/** A failure of a kernel, as it comes out of a read, as an error of ours; anything else as it is. */
export function explained(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'memory')
    return new OutOfMemoryError(`${messageOf(error)}; take a smaller micro-batch or another machine`);
  if (code === 'device')
    return new TransientError(`${messageOf(error)}; a new process may find the device well again`, { cause: error });
  if (code === 'index') return new DataError(`in a tensor of indices, ${messageOf(error)}`, { cause: error });
  return error;
}
