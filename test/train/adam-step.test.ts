// Known figures of the original optimizer: how large its first updates are after a resume that restarts Adam's count, and its
// rule of clipping.
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/tensor/backend.ts';
import { toArrays } from '../../src/model/tensors.ts';
import { disposeState, fromState, toState, withRestartedCount, type WholeArrays } from '../../src/train/state.ts';
import { clipScale, trainStep } from '../../src/train/step.ts';
import { goldenConfig } from '../model/golden.ts';
import { tinyBatch, tinySettings, tinyStart, trainTo } from './tiny-run.ts';

describe("Adam's step after a resume of ZeRO", () => {
  let mature: WholeArrays;
  beforeAll(async () => {
    await selectBackend('wasm');
    const state = await trainTo(tinyStart(), 3);
    mature = await fromState(state);
    disposeState(state);
  });

  /** L2 norm of what one update adds to the weights, decay apart, when Adam's count is this before it. */
  const sizeOfUpdate = async (adamCount: number | null): Promise<number> => {
    const settings = { ...tinySettings, adam: { ...tinySettings.adam, weightDecay: 0 } };
    const state = toState(goldenConfig, { ...mature, adamCount }, 'exact-state');
    const { state: next } = await trainStep(state, tinyBatch(3), 0.1, settings);
    const after = await toArrays(next.parameters);
    disposeState(next);
    let sum = 0;
    for (const [name, values] of mature.parameters)
      values.forEach((value, i) => (sum += (after.get(name)![i]! - value) ** 2));
    return Math.sqrt(sum);
  };

  // Against a resume without correction: (1/(1 − 0.9^s))·√(1 − 0.95^s), to three decimals.
  it.each([
    [2, 1.643],
    [3, 1.394],
    [5, 1.161],
    [8, 1.019],
    [10, 0.973],
    [20, 0.912],
    [40, 0.948],
    [60, 0.978],
    [77, 0.991],
    [100, 0.997],
  ])('with count %i is %d times the clean size', async (count, factor) => {
    const ratio = (await sizeOfUpdate(count - 1)) / (await sizeOfUpdate(null));
    expect(Number(ratio.toFixed(3))).toBe(factor);
  });

  it('begins with count 2: setting ZeRO up has counted one', () => {
    const state = withRestartedCount(toState(goldenConfig, mature, 'exact-state'));
    expect(state.adamCount).toBe(1); // the update that follows is number 2
    disposeState(state);
    expect(tf.memory().numTensors).toBe(0);
  });
});

describe('the clip factor', () => {
  it('divides by max((norm + 1e-6)/limit, 1), as DeepSpeed does', () => {
    expect(clipScale(0.5, 1)).toBe(1);
    expect(clipScale(1, 1)).toBe(1 / (1 + 1e-6)); // a norm at the limit is clipped by its last digits
    expect(clipScale(4, 1)).toBe(1 / (4 + 1e-6));
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constantFrom(0.1, 1, 3), (norm, limit) => {
        const divisor = Math.max((norm + 1e-6) / limit, 1);
        expect(Math.abs(clipScale(norm, limit) * divisor - 1)).toBeLessThan(1e-15);
      }),
      { seed: 5, numRuns: 200 },
    );
  });
});
