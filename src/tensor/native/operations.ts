// TensorFlow.js' own operations on the back ends of `native/`: those that the model, its gradients, the optimizer and scoring ask for where no fused kernel does.
// Any other operation fails by its name.
import * as tf from '@tensorflow/tfjs-core';
import type { NativeBackend } from './backend.ts';
import { broadcastStrides, joined, reductionSizes, stridesOf } from './strides.ts';

/** In the order of native/kernels.h. */
const BINARY = ['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum'];
const UNARY = ['Exp', 'Log', 'Sqrt', 'Rsqrt', 'Square', 'Sigmoid', 'Erf'];
const REDUCTIONS = ['Sum', 'Mean', 'Max'];
const MAX_SUMMANDS = 8;

export interface KernelArguments {
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly backend: NativeBackend;
}

type Operation = (args: KernelArguments) => tf.TensorInfo | tf.TensorInfo[];

/** Operations by TensorFlow.js' names. */
export const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ...BINARY.map((name, place) => [name, (args) => binary(args, place, name)] as [string, Operation]),
  ...UNARY.map((name, place) => [name, (args) => unary(args, place, name)] as [string, Operation]),
  ...REDUCTIONS.map((name, place) => [name, (args) => reduce(args, place)] as [string, Operation]),
  ['AddN', addN],
  ['ArgMax', argMax],
  ['BatchMatMul', batchMatMul],
  ['Concat', concat],
  [
    'Fill',
    ({ attrs, backend }) => filled(backend, attrs.shape as number[], attrs.value as number, attrs.dtype as tf.DataType),
  ],
  ['GatherV2', gather],
  ['Identity', ({ inputs: { x }, backend }) => backend.share(x!)],
  ['OnesLike', ({ inputs: { x }, backend }) => filled(backend, x!.shape, 1, x!.dtype)],
  ['Pack', pack],
  ['Reshape', ({ inputs: { x }, attrs, backend }) => backend.share(x!, reshaped(x!, attrs.shape as number[]))],
  ['ScatterNd', scatter],
  ['Slice', slice],
  ['Softmax', softmax],
  ['Transpose', transpose],
  ['Unpack', unpack],
  ['ZerosLike', ({ inputs: { x }, backend }) => filled(backend, x!.shape, 0, x!.dtype)],
]);

function binary({ inputs: { a, b }, backend }: KernelArguments, operation: number, name: string): tf.TensorInfo {
  needFloats(name, a!, b!);
  const shape = tf.broadcast_util.assertAndGetBroadcastShape(a!.shape, b!.shape);
  const walk = joined(shape, [broadcastStrides(a!.shape, shape), broadcastStrides(b!.shape, shape)]);
  const out = backend.makeOutput(shape);
  backend.run('binary', [a!, b!], [out], [operation, walk.shape.length, ...walk.shape, ...walk.strides.flat()]);
  return out;
}

function unary({ inputs: { x }, backend }: KernelArguments, operation: number, name: string): tf.TensorInfo {
  needFloats(name, x!);
  const out = backend.makeOutput(x!.shape);
  backend.run('unary', [x!], [out], [operation, sizeOf(x!)]);
  return out;
}

function reduce({ inputs: { x }, attrs, backend }: KernelArguments, operation: number): tf.TensorInfo {
  needFloats(REDUCTIONS[operation]!, x!);
  const given = (attrs.axis ?? attrs.reductionIndices) as number | number[] | undefined;
  const axes = tf.util.parseAxisParam(given!, x!.shape);
  const kept = tf.backend_util.computeOutAndReduceShapes(x!.shape, axes)[0];
  const isKept = attrs.keepDims === true;
  const out = backend.makeOutput(isKept ? tf.backend_util.expandShapeToKeepDim(kept, axes) : kept);
  backend.run('reduce', [x!], [out], [operation, ...reductionSizes(x!.shape, axes)]);
  return out;
}

function addN({ inputs, backend }: KernelArguments): tf.TensorInfo {
  const summands = inputs as unknown as tf.TensorInfo[];
  needFloats('AddN', ...summands);
  if (summands.length > MAX_SUMMANDS)
    throw new Error(`the back ends native and cuda add up to ${MAX_SUMMANDS} tensors at once`);
  const out = backend.makeOutput(summands[0]!.shape);
  backend.run('addN', summands, [out], [sizeOf(out)]);
  return out;
}

function argMax({ inputs: { x }, attrs, backend }: KernelArguments): tf.TensorInfo {
  const rank = x!.shape.length;
  if (((attrs.axis as number) + rank) % rank !== rank - 1)
    throw new Error('the back ends native and cuda find the largest of rows only');
  const out = backend.makeOutput(x!.shape.slice(0, -1), 'int32');
  backend.run('argMax', [x!], [out], [sizeOf(out), x!.shape.at(-1)!]);
  return out;
}

function batchMatMul({ inputs: { a, b }, attrs, backend }: KernelArguments): tf.TensorInfo {
  needFloats('BatchMatMul', a!, b!);
  const [isATransposed, isBTransposed] = [attrs.transposeA === true, attrs.transposeB === true];
  const [aRows, aColumns] = a!.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = b!.shape.slice(-2) as [number, number];
  const [rows, inner] = isATransposed ? [aColumns, aRows] : [aRows, aColumns];
  const [bInner, columns] = isBTransposed ? [bColumns, bRows] : [bRows, bColumns];
  const [aBatch, bBatch] = [a!.shape.slice(0, -2), b!.shape.slice(0, -2)];
  const [aCount, bCount] = [tf.util.sizeFromShape(aBatch), tf.util.sizeFromShape(bBatch)];
  if (inner !== bInner || (aCount !== bCount && aCount !== 1 && bCount !== 1))
    throw new Error(`no product of [${a!.shape.join(', ')}] and [${b!.shape.join(', ')}]`);
  const batch = aCount >= bCount ? aBatch : bBatch;
  const count = Math.max(aCount, bCount);
  const out = backend.makeOutput([...batch, rows, columns]);
  const flags = [isATransposed, isBTransposed, aCount > 1 || count === 1, bCount > 1 || count === 1].map(Number);
  backend.run('product', [a!, b!], [out], [count, rows, columns, inner, ...flags]);
  return out;
}

function concat({ inputs, attrs, backend }: KernelArguments): tf.TensorInfo {
  const pieces = (inputs as unknown as tf.TensorInfo[]).filter((piece) => sizeOf(piece) > 0);
  const axis = tf.util.parseAxisParam(attrs.axis as number, pieces[0]!.shape)[0]!;
  const shape = tf.backend_util.computeOutShape(
    pieces.map((piece) => piece.shape),
    axis,
  );
  const out = backend.makeOutput(shape, pieces[0]!.dtype);
  let begin = 0;
  for (const piece of pieces) {
    copy(
      backend,
      piece,
      out,
      piece.shape,
      [0, stridesOf(piece.shape)],
      [begin * stridesOf(shape)[axis]!, stridesOf(shape)],
    );
    begin += piece.shape[axis]!;
  }
  return out;
}

function filled(
  backend: NativeBackend,
  shape: readonly number[],
  value: number,
  dtype: tf.DataType = 'float32',
): tf.TensorInfo {
  const out = backend.makeOutput(shape, dtype);
  backend.run('fill', [], [out], [sizeOf(out), value]);
  return out;
}

function gather({ inputs: { x, indices }, attrs, backend }: KernelArguments): tf.TensorInfo {
  if (attrs.axis !== 0 || attrs.batchDims !== 0)
    throw new Error('the back ends native and cuda gather along the first dimension only');
  const [rows, ...rest] = x!.shape as [number, ...number[]];
  const out = backend.makeOutput([...indices!.shape, ...rest]);
  backend.run('gather', [x!, indices!], [out], [rows, tf.util.sizeFromShape(rest), sizeOf(indices!)]);
  return out;
}

function pack({ inputs, attrs, backend }: KernelArguments): tf.TensorInfo {
  const pieces = inputs as unknown as tf.TensorInfo[];
  const own = pieces[0]!.shape;
  const axis = attrs.axis as number;
  const shape = [...own.slice(0, axis), pieces.length, ...own.slice(axis)];
  const strides = stridesOf(shape);
  const others = strides.filter((_, d) => d !== axis);
  const out = backend.makeOutput(shape, pieces[0]!.dtype);
  pieces.forEach((piece, i) => copy(backend, piece, out, own, [0, stridesOf(own)], [i * strides[axis]!, others]));
  return out;
}

function unpack({ inputs: { value }, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const axis = tf.util.parseAxisParam(attrs.axis as number, value!.shape)[0]!;
  const shape = value!.shape.filter((_, d) => d !== axis);
  const strides = stridesOf(value!.shape);
  const others = strides.filter((_, d) => d !== axis);
  return Array.from({ length: value!.shape[axis]! }, (_, i) => {
    const out = backend.makeOutput(shape, value!.dtype);
    copy(backend, value!, out, shape, [i * strides[axis]!, others], [0, stridesOf(shape)]);
    return out;
  });
}

function scatter({ inputs: { indices, updates }, attrs, backend }: KernelArguments): tf.TensorInfo {
  const shape = attrs.shape as number[];
  if (indices!.shape.length !== 2 || indices!.shape[1] !== 1)
    throw new Error('the back ends native and cuda scatter whole rows only');
  const out = backend.makeOutput(shape);
  const [rows, ...rest] = shape as [number, ...number[]];
  backend.run('scatterRows', [indices!, updates!], [out], [rows, tf.util.sizeFromShape(rest), indices!.shape[0]!]);
  return out;
}

function slice({ inputs: { x }, attrs, backend }: KernelArguments): tf.TensorInfo {
  const parsed = tf.slice_util.parseSliceParams(x as tf.Tensor, attrs.begin as number[], attrs.size as number[]);
  const [begin, size] = parsed as [number[], number[]];
  tf.slice_util.assertParamsValid(x!, begin, size);
  const strides = stridesOf(x!.shape);
  const offset = begin.reduce((sum, place, d) => sum + place * strides[d]!, 0);
  const out = backend.makeOutput(size, x!.dtype);
  copy(backend, x!, out, size, [offset, strides], [0, stridesOf(size)]);
  return out;
}

function softmax({ inputs: { logits }, attrs, backend }: KernelArguments): tf.TensorInfo {
  const rank = logits!.shape.length;
  if (((attrs.dim as number) + rank) % rank !== rank - 1)
    throw new Error('the back ends native and cuda take the softmax of rows only');
  const out = backend.makeOutput(logits!.shape);
  const columns = logits!.shape.at(-1)!;
  backend.run('softmax', [logits!], [out], [columns === 0 ? 0 : sizeOf(out) / columns, columns]);
  return out;
}

function transpose({ inputs: { x }, attrs, backend }: KernelArguments): tf.TensorInfo {
  const order = attrs.perm as number[];
  const shape = order.map((d) => x!.shape[d]!);
  const strides = stridesOf(x!.shape);
  const out = backend.makeOutput(shape, x!.dtype);
  const turned = order.map((d) => strides[d]!);
  copy(backend, x!, out, shape, [0, turned], [0, stridesOf(shape)]);
  return out;
}

/** Offset of the first value, and strides. */
type Place = readonly [offset: number, strides: readonly number[]];

function copy(
  backend: NativeBackend,
  from: tf.TensorInfo,
  to: tf.TensorInfo,
  shape: readonly number[],
  source: Place,
  target: Place,
) {
  const walk = joined(shape, [source[1], target[1]]);
  const [fromStrides, toStrides] = walk.strides as [number[], number[]];
  const numbers = [walk.shape.length, ...walk.shape, source[0], ...fromStrides, target[0], ...toStrides];
  backend.run('copy', [from], [to], numbers);
}

function reshaped(x: tf.TensorInfo, wanted: readonly number[]): number[] {
  const shape = tf.util.inferFromImplicitShape([...wanted], sizeOf(x));
  if (tf.util.sizeFromShape(shape) !== sizeOf(x))
    throw new Error(`[${x.shape.join(', ')}] has no shape [${shape.join(', ')}]`);
  return shape;
}

function needFloats(name: string, ...tensors: readonly tf.TensorInfo[]): void {
  const other = tensors.find(({ dtype }) => dtype !== 'float32');
  if (other) throw new Error(`the back ends native and cuda have ${name} for float32 only, not for ${other.dtype}`);
}

function sizeOf({ shape }: tf.TensorInfo): number {
  return tf.util.sizeFromShape(shape);
}
