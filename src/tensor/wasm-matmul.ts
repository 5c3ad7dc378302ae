// Matrix products on wasm. TensorFlow.js hands only plain 2-D products to XNNPACK (26–34 GFLOP/s); one with a batch dimension
// or a transpose flag runs a naive loop (2.3). This kernel transposes first and calls the plain product once per matrix of
// the batch, on views into the operands' memory: 31 ms → 8 ms for the attention products of the nano model. Plain products
// go through views too: the back end keeps a packed copy of each right operand under its id, whatever its shape, so a tensor used
// in one shape and, reshaped, in another would read beyond that copy, and no guard counts the copies.
import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

interface MatMulArguments {
  readonly inputs: { readonly a: tf.TensorInfo; readonly b: tf.TensorInfo };
  readonly backend: BackendWasm;
  readonly attrs: { readonly transposeA: boolean; readonly transposeB: boolean };
}

type PlainProduct = (
  a: number,
  aShape: Uint8Array,
  aRank: number,
  b: number,
  bShape: Uint8Array,
  bRank: number,
  transposeA: number,
  transposeB: number,
  out: number,
) => void;

/** Replaces the back end's BatchMatMul kernel; call once, after the back end has started. */
export function installMatMul(backend: BackendWasm): void {
  const original = tf.getKernel('BatchMatMul', 'wasm').kernelFunc;
  const transpose = tf.getKernel('Transpose', 'wasm').kernelFunc;
  const number = 'number';
  const module = backend.wasm as unknown as { cwrap(name: string, result: null, types: string[]): PlainProduct };
  const types = [number, 'array', number, number, 'array', number, number, number, number];
  const product = module.cwrap('BatchMatMul', null, types);

  const kernelFunc = (args: MatMulArguments): tf.TensorInfo => {
    const { a, b } = args.inputs;
    const { transposeA, transposeB } = args.attrs;
    const rank = a.shape.length;
    const isBatched = rank === 3 && b.shape.length === 3 && a.shape[0] === b.shape[0];
    const isPlain = rank === 2 && b.shape.length === 2;
    if (!isPlain && !isBatched) return original(args as never) as tf.TensorInfo;
    const swap = (x: tf.TensorInfo) => {
      const perm = rank === 2 ? [1, 0] : [0, 2, 1];
      return transpose({ inputs: { x }, backend, attrs: { perm } } as never) as tf.TensorInfo;
    };
    const left = transposeA ? swap(a) : a;
    const right = transposeB ? swap(b) : b;
    const out = multiplyEach(backend, product, left, right);
    if (left !== a) backend.disposeData(left.dataId);
    if (right !== b) backend.disposeData(right.dataId);
    return out;
  };
  tf.unregisterKernel('BatchMatMul', 'wasm');
  tf.registerKernel({ kernelName: 'BatchMatMul', backendName: 'wasm', kernelFunc: kernelFunc as never });
}

/** a [n, rows, inner] × b [n, inner, columns] → [n, rows, columns], or all three without n. */
function multiplyEach(backend: BackendWasm, product: PlainProduct, a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo {
  const [rows, inner] = a.shape.slice(-2) as [number, number];
  const columns = b.shape.at(-1)!;
  if (b.shape.at(-2) !== inner) throw new Error(`bug: product of [${a.shape.join(', ')}] and [${b.shape.join(', ')}]`);
  const count = a.shape.length === 2 ? 1 : a.shape[0]!;
  const out = backend.makeOutput([...a.shape.slice(0, -1), columns], 'float32');
  const aShape = shapeBytes([1, rows, inner]);
  const bShape = shapeBytes([1, inner, columns]);
  for (let i = 0; i < count; i++) {
    const views = [
      view(backend, a, i, rows * inner),
      view(backend, b, i, inner * columns),
      view(backend, out, i, rows * columns),
    ] as const;
    product(views[0], aShape, 3, views[1], bShape, 3, 0, 0, views[2]);
    for (const id of views) backend.wasm.tfjs.disposeData(id);
  }
  return out;
}

/** Registers the i-th matrix of a batch as a tensor of its own inside the WebAssembly module; it owns no memory. */
function view(backend: BackendWasm, tensor: tf.TensorInfo, i: number, size: number): number {
  const counter = backend as unknown as { dataIdNextNumber: number }; // the back end's own source of ids
  const id = counter.dataIdNextNumber++;
  const offset = backend.getMemoryOffset(tensor.dataId) + i * size * Float32Array.BYTES_PER_ELEMENT;
  backend.wasm.tfjs.registerTensor(id, size, offset);
  return id;
}

function shapeBytes(shape: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(shape).buffer);
}
