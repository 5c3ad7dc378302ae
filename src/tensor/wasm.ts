// The WebAssembly back end with a guard: past its 4 GB heap TensorFlow.js returns wrong values without an error, so live
// bytes are counted here and an allocation that would pass the limit is refused by name.
import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-wasm';
import { InputError, OutOfMemoryError } from '../errors.ts';
import { WASM_LIMIT_BYTES } from './memory-limits.ts';
import { watchHeap } from './wasm-heap.ts';
import { installIdentity } from './wasm-identity.ts';
import { installMatMul } from './wasm-matmul.ts';

export interface TensorMemory {
  readonly liveBytes: number;
  /** The most that lived at once since the back end was started. */
  readonly peakLiveBytes: number;
}

const guarded = new WeakMap<BackendWasm, { liveBytes: number; peakLiveBytes: number }>();

/** What the tensors of the wasm back end take, those inside its kernels too; undefined while another one computes. */
export function wasmMemory(): TensorMemory | undefined {
  const count = guarded.get(tf.backend() as BackendWasm);
  return count && { ...count };
}

/** Makes wasm the current back end, guarded. Throws InputError when WebAssembly cannot start. */
export async function startWasm(): Promise<void> {
  await withoutCrashHandlers(async () => {
    if (!(await tf.setBackend('wasm'))) throw new InputError('the wasm back end does not start');
    await tf.ready();
  });
  const backend = tf.backend() as BackendWasm;
  if (guarded.has(backend)) return;
  guarded.set(backend, guardMemory(backend, WASM_LIMIT_BYTES));
  installMatMul(backend);
  installIdentity(backend);
}

/** Emscripten adds process-wide handlers that print its whole source on any uncaught error; they are taken off again. */
async function withoutCrashHandlers(start: () => Promise<void>): Promise<void> {
  const events = ['uncaughtException', 'unhandledRejection'];
  const before = new Map(events.map((event) => [event, process.rawListeners(event)]));
  await start();
  for (const event of events) {
    for (const listener of process.rawListeners(event)) {
      if (!before.get(event)?.includes(listener)) process.off(event, listener as () => void);
    }
  }
}

function guardMemory(backend: BackendWasm, limitBytes: number) {
  const sizes = new WeakMap<object, number>();
  const memory = { liveBytes: 0, peakLiveBytes: 0 };
  const move = backend.move.bind(backend);
  const makeOutput = backend.makeOutput.bind(backend);
  const disposeData = backend.disposeData.bind(backend);

  const count = (dataId: object, numBytes: number) => {
    sizes.set(dataId, numBytes);
    memory.liveBytes += numBytes;
    memory.peakLiveBytes = Math.max(memory.peakLiveBytes, memory.liveBytes);
  };
  const sizeOf = (shape: readonly number[], dtype: tf.DataType) =>
    dtype === 'string' ? 0 : tf.util.sizeFromShape([...shape]) * tf.util.bytesPerElement(dtype);

  const heap = watchHeap(backend);
  const checkHeap = () => {
    const why = heap.distrust();
    if (why === undefined) return;
    throw new OutOfMemoryError(`the wasm back end's heap ${why}; take a smaller micro-batch or another back end`);
  };
  const [read, readSync] = [backend.read.bind(backend), backend.readSync.bind(backend)];
  backend.read = async (...place) => {
    checkHeap();
    return read(...place);
  };
  backend.readSync = (...place) => {
    checkHeap();
    return readSync(...place);
  };
  backend.move = (dataId, values, shape, dtype, refCount) => {
    checkHeap();
    const numBytes = sizeOf(shape, dtype);
    if (memory.liveBytes + numBytes > limitBytes) {
      throw new OutOfMemoryError(
        `a tensor of shape [${shape.join(', ')}] would bring the wasm back end to ` +
          `${((memory.liveBytes + numBytes) / 1024 ** 3).toFixed(2)} GiB; beyond ${(limitBytes / 1024 ** 3).toFixed(0)} GiB its ` +
          'results cannot be trusted: take a smaller micro-batch or another back end',
      );
    }
    if (dtype === 'string') return move(dataId, values, shape, dtype, refCount);
    // First the room, then the values: the back end itself does not notice when its heap has none and writes over address 0.
    move(dataId, null, shape, dtype, refCount);
    count(dataId, numBytes);
    const offset = backend.getMemoryOffset(dataId);
    if (offset === 0 && numBytes > 0) {
      backend.disposeData(dataId, true);
      heap.forgive();
      throw new OutOfMemoryError(
        `a tensor of shape [${shape.join(', ')}] finds no hole of ${(numBytes / 1024 ** 3).toFixed(2)} GiB in the wasm back ` +
          "end's heap: take a smaller micro-batch or another back end",
      );
    }
    if (values !== null && values !== undefined) {
      const { HEAPU8 } = backend.wasm as unknown as { HEAPU8: Uint8Array }; // replaced whenever the heap grows
      const { buffer, byteOffset } = values as tf.TypedArray;
      HEAPU8.set(new Uint8Array(buffer, byteOffset, numBytes), offset);
    }
  };
  backend.makeOutput = (shape, dtype, memoryOffset, values) => {
    const info = makeOutput(shape, dtype, memoryOffset, values);
    if (memoryOffset !== undefined && memoryOffset !== null) count(info.dataId, sizeOf(shape, dtype));
    return info;
  };
  backend.disposeData = (dataId, force) => {
    const released = disposeData(dataId, force);
    if (released) {
      memory.liveBytes -= sizes.get(dataId) ?? 0;
      sizes.delete(dataId);
    }
    return released;
  };
  return memory;
}
