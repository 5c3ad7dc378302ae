// Shapes and strides as the addon's kernels take them: dimensions that lie one behind the other in all operands are one dimension there.
import * as tf from '@tensorflow/tfjs-core';

/** Values from one place to the next along each dimension of a row-major tensor. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides: number[] = new Array<number>(shape.length);
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= shape[d]!;
  }
  return strides;
}

/** Strides of an operand within a result that it is broadcast to; 0 where it repeats. */
export function broadcastStrides(shape: readonly number[], result: readonly number[]): number[] {
  const own = stridesOf(shape);
  const missing = result.length - shape.length;
  return result.map((_, d) => (d < missing || shape[d - missing] === 1 ? 0 : own[d - missing]!));
}

export interface Walk {
  readonly shape: number[];
  /** One list an operand. */
  readonly strides: number[][];
}

/** The same walk over fewer dimensions: sizes of one go, neighbours that every operand steps through evenly are joined. */
export function joined(shape: readonly number[], strides: readonly (readonly number[])[]): Walk {
  const walk: Walk = { shape: [], strides: strides.map(() => []) };
  shape.forEach((size, d) => {
    if (size === 1) return;
    const last = walk.shape.length - 1;
    const fits = last >= 0 && strides.every((own, i) => walk.strides[i]![last] === own[d]! * size);
    if (fits) {
      walk.shape[last]! *= size;
      strides.forEach((own, i) => (walk.strides[i]![last] = own[d]!));
    } else {
      walk.shape.push(size);
      strides.forEach((own, i) => walk.strides[i]!.push(own[d]!));
    }
  });
  return walk;
}

/** [outer, reduced, inner] around the reduced axes, which must be neighbours; null or undefined means all. */
export function reductionSizes(shape: readonly number[], axes: readonly number[]): [number, number, number] {
  const sorted = [...axes].sort((a, b) => a - b);
  const [first, last] = [sorted[0] ?? 0, sorted.at(-1) ?? -1];
  if (last - first + 1 !== sorted.length) {
    throw new Error(
      `the back ends native and cuda reduce over neighbouring dimensions only, not over [${sorted.join(', ')}]`,
    );
  }
  const size = (from: number, to: number) => tf.util.sizeFromShape(shape.slice(from, to));
  return [size(0, first), size(first, last + 1), size(last + 1, shape.length)];
}
