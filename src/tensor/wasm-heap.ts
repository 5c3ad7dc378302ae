// Whether the wasm back end's heap could give what was asked of it. Its kernels take scratch memory and packed weights from the same heap, and where there
// is none some of them only warn and leave their result unwritten: so a heap that could not grow, or is nearly full, ends the trust in every result.
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

/** 32-bit addresses end at 4 GiB; what is left there is for the scratch memory of the kernels in progress. */
const FULL_HEAP_BYTES = (4 * 1024 - 256) * 1024 ** 2;

export interface HeapWatch {
  /** Why results cannot be trusted any more, in words; undefined while they can. */
  distrust(): string | undefined;
  /** The failure was noticed and nothing was computed with it. */
  forgive(): void;
}

/** Watches the heap of a started back end. WebAssembly tells only its caller that a growth failed, so that call is listened to. */
export function watchHeap(backend: BackendWasm): HeapWatch {
  const { memory } = (backend.wasm as unknown as { asm: { memory: WebAssembly.Memory } }).asm;
  const size = () => memory.buffer.byteLength;
  const grow = memory.grow.bind(memory);
  let hasFailed = false;
  memory.grow = (numPages) => {
    hasFailed = true;
    const before = grow(numPages); // throws when there is no more
    hasFailed = false;
    return before;
  };
  return {
    distrust: () => {
      if (hasFailed) return `could not grow beyond ${gib(size())} GiB: the machine has no more memory for it`;
      return size() > FULL_HEAP_BYTES ? `is full: ${gib(size())} of 4 GiB` : undefined;
    },
    forgive: () => {
      hasFailed = false;
    },
  };
}

function gib(numBytes: number): string {
  return (numBytes / 1024 ** 3).toFixed(2);
}
