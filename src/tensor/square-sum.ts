// The squares of many tensors in one sum: what a global norm is the root of.
import * as tf from '@tensorflow/tfjs-core';
import { hasFused, runFused } from './fused.ts';

/** Sum of the squares of all values of all tensors, which stay alive. */
export async function squareSum(tensors: readonly tf.Tensor[]): Promise<number> {
  if (hasFused('SquareSum')) return valueOf(runFused('SquareSum', tensors)[0]!);
  let sum = 0;
  for (const tensor of tensors) sum += await valueOf(tf.tidy(() => tf.sum(tf.square(tensor))));
  return sum;
}

async function valueOf(scalar: tf.Tensor): Promise<number> {
  try {
    return (await scalar.data())[0]!;
  } finally {
    scalar.dispose();
  }
}
