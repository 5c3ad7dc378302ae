// Rotary tables: rounding to half precision as numpy does it, and the angle errors that rounding gave Pythia's models.
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { ModelConfig } from '../../src/model/config.ts';
import { roundToHalf } from '../../src/model/half.ts';
import { rotaryDimensions, rotaryTable } from '../../src/model/rotary.ts';
import { goldenPath } from './golden.ts';
import { pythiaConfig } from './pythia-sizes.ts';

const LENGTH = 2048;

describe('roundToHalf', () => {
  it("is numpy's float16 for halves, ties, their neighbours and subnormals of both signs", () => {
    const tensors = readSafetensors(goldenPath('half.safetensors'));
    const { data: xs } = tensors.get('x')!;
    const { data: halves } = tensors.get('half')!;
    expect(xs.length).toBeGreaterThan(3000);
    const wrong = [...xs].filter((x, i) => roundToHalf(x) !== halves[i]); // === takes −0 for 0, which no cosine minds
    expect(wrong).toEqual([]);
  });

  it('keeps every half as it is', () => {
    for (let bits = 0; bits < 0x7c00; bits++) {
      const exponent = bits >> 10;
      const fraction = bits & 0x3ff;
      const half = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
      if (roundToHalf(half) !== half) expect.fail(`${half} became ${roundToHalf(half)}`);
    }
  });
});

describe('the rotary table', () => {
  it.each([
    ['14m', 8],
    ['70m', 16],
    ['1b', 64],
    ['2.8b', 20],
    ['6.9b', 32],
  ])('of %s rotates the first %i dimensions and leaves the others', (size, numRotated) => {
    const config = pythiaConfig(size);
    expect(rotaryDimensions(config)).toBe(numRotated);
    const { cos, sin } = rotaryTable(config, 3, 'fp32-angles');
    const D = config.hiddenSize / config.numHeads;
    for (let t = 0; t < 3; t++) {
      expect([...cos.slice(t * D + numRotated, (t + 1) * D)]).toEqual(new Array(D - numRotated).fill(1));
      expect([...sin.slice(t * D + numRotated, (t + 1) * D)]).toEqual(new Array(D - numRotated).fill(0));
    }
  });

  it('in fp32 holds the cosines and sines of position · base^(−2j/R), halves repeated', () => {
    const config = pythiaConfig('70m');
    const { cos, sin } = rotaryTable(config, LENGTH, 'fp32-angles');
    for (const t of [0, 1, 2, 17, 2047])
      for (let j = 0; j < 8; j++) {
        const angle = t * 10000 ** ((-2 * j) / 16);
        for (const column of [j, j + 8]) {
          // an angle of 2047 rad has an fp32 rounding error of 6e-5
          expect(Math.abs(cos[t * 64 + column]! - Math.cos(angle))).toBeLessThan(2e-4);
          expect(Math.abs(sin[t * 64 + column]! - Math.sin(angle))).toBeLessThan(2e-4);
        }
      }
  });

  // Recomputed with numpy float16 for the three rotary sizes of the suite; sine and cosine, halves too, add up to 1e-3.
  it.each([
    ['70m', 0.374],
    ['410m', 0.374],
    ['1b', 0.824],
    ['1.4b', 0.824],
    ['6.9b', 0.824],
    ['2.8b', 0.416],
  ])('in fp16 is off by at most %s: %d rad', (size, expected) => {
    const { largest, mean } = angleErrors(pythiaConfig(size));
    expect(Math.abs(largest - expected)).toBeLessThan(2e-3);
    expect(mean).toBeGreaterThan(0.014);
    expect(mean).toBeLessThan(0.025);
  });

  it('in fp16 holds nothing but halves', () => {
    const { cos, sin } = rotaryTable(pythiaConfig('70m'), LENGTH, 'fp16-angles');
    for (const values of [cos, sin]) expect(values.every((value) => roundToHalf(value) === value)).toBe(true);
  });
});

/** Angles read back from the table against exact ones. */
function angleErrors(config: ModelConfig): { largest: number; mean: number } {
  const { cos, sin } = rotaryTable(config, LENGTH, 'fp16-angles');
  const D = config.hiddenSize / config.numHeads;
  const R = rotaryDimensions(config);
  let largest = 0;
  let sum = 0;
  for (let t = 0; t < LENGTH; t++)
    for (let j = 0; j < R / 2; j++) {
      const exact = t * config.rotaryBase ** ((-2 * j) / R);
      const turned = Math.atan2(sin[t * D + j]!, cos[t * D + j]!) - exact;
      const error = Math.abs(turned - 2 * Math.PI * Math.round(turned / (2 * Math.PI)));
      largest = Math.max(largest, error);
      sum += error;
    }
  return { largest, mean: sum / (LENGTH * (R / 2)) };
}
