// Rotary position angles. GPT-NeoX v1 cast inv_freq to fp16 and rounded angle, cosine and sine to fp16 (`fp16-angles`, what
// Pythia trained with); Hugging Face computes the table in fp32 (`fp32-angles`, what scores are compared with).
import * as tf from '@tensorflow/tfjs-core';
import type { AttentionTables } from '../tensor/attention.ts';
import { headSize, type ModelConfig } from './config.ts';
import { roundToHalf } from './half.ts';

export type RopeForm = 'fp16-angles' | 'fp32-angles';

const MASKED = -1e9;

/** Constants of all layers for T tokens, the first of them at position `start`. The caller disposes the four tensors. */
export function attentionTables(config: ModelConfig, length: number, rope: RopeForm, start = 0): AttentionTables {
  const D = headSize(config);
  const R = rotaryDimensions(config);
  const { cos, sin } = rotaryTable(config, length, rope, start);
  const half = R / 2;
  const rotateHalf = new Float32Array(D * D);
  for (let i = 0; i < half; i++) {
    rotateHalf[(half + i) * D + i] = -1; // −x₂ to the first half
    rotateHalf[i * D + half + i] = 1; // x₁ to the second half
  }
  const mask = new Float32Array(length * length);
  for (let row = 0; row < length; row++) mask.fill(MASKED, row * length + row + 1, (row + 1) * length);
  return {
    cos: tf.tensor2d(cos, [length, D]),
    sin: tf.tensor2d(sin, [length, D]),
    rotateHalf: tf.tensor2d(rotateHalf, [D, D]),
    mask: tf.tensor2d(mask, [length, length]),
    rotated: R,
  };
}

/** How many leading dimensions of a head are rotated. */
export function rotaryDimensions(config: ModelConfig): number {
  return Math.floor(headSize(config) * config.rotaryFraction);
}

/** Radians per position of each rotated pair of dimensions, [R / 2]. */
export function rotaryFrequencies(config: ModelConfig): Float32Array {
  const R = rotaryDimensions(config);
  return Float32Array.from({ length: R / 2 }, (_, j) => 1 / Math.fround(config.rotaryBase ** ((2 * j) / R)));
}

/** cos and sin of T positions from `start` on, each [T, D] row-major, with 1 and 0 beyond the rotary dimensions. */
export function rotaryTable(
  config: ModelConfig,
  length: number,
  rope: RopeForm,
  start = 0,
): { cos: Float32Array; sin: Float32Array } {
  const D = headSize(config);
  const R = rotaryDimensions(config);
  const round = rope === 'fp16-angles' ? roundToHalf : Math.fround;
  const inverseFrequencies = rotaryFrequencies(config).map(round);
  const cos = new Float32Array(length * D).fill(1);
  const sin = new Float32Array(length * D);
  for (let j = 0; j < R / 2; j++) {
    for (let row = 0; row < length; row++) {
      const angle = round((start + row) * inverseFrequencies[j]!);
      for (const column of [j, j + R / 2]) {
        cos[row * D + column] = round(Math.cos(angle));
        sin[row * D + column] = round(Math.sin(angle));
      }
    }
  }
  return { cos, sin };
}
