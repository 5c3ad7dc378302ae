// In which numbers a matrix product takes its factors. Sums, parameters, gradients and moments are fp32 always.
import { hasFused } from './fused.ts';

/** In the order of native/kernels.h. */
export const PRECISIONS = ['fp32', 'bf16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Whether the current back end multiplies in this precision. */
export function hasPrecision(precision: Precision): boolean {
  return precision === 'fp32' || hasFused('Linear');
}

/** Throws where an operation composed of TensorFlow.js' own, which are fp32, is asked for another precision. */
export function needFp32(precision: Precision): void {
  if (precision !== 'fp32') throw new Error(`bug: this back end does not multiply in ${precision}`);
}
