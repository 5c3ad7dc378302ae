// The emulated loss scale: how it moves, against rules written down anew; what a skipped update changes, which is nothing but the step
// and the scale; and that a resume goes on with it.
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { NumericalError } from '../../src/errors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { travel, type LoopPlan, type Road } from '../../src/train/loop.ts';
import { learningRate } from '../../src/train/schedule.ts';
import { afterStep, FRESH_SCALER, overflows, type LossScaler } from '../../src/train/loss-scale.ts';
import { disposeState, fromState, toState, withLossScale, type TrainState } from '../../src/train/state.ts';
import type { TrainingRows } from '../../src/train/rows.ts';
import { trainStep } from '../../src/train/step.ts';
import { goldenConfig, goldenPath } from '../model/golden.ts';
import { bitsOf, tinyBatch, tinySettings, tinyStart } from './tiny-run.ts';

const after = (numSteps: number, start = FRESH_SCALER): LossScaler => {
  let scaler = start;
  for (let i = 0; i < numSteps; i++) scaler = afterStep(scaler, false);
  return scaler;
};

describe('the scale', () => {
  it('doubles after each thousand steps without an overflow, from 4096', () => {
    expect([999, 1000, 1999, 2000, 3000].map((n) => after(n).scale)).toEqual([4096, 8192, 8192, 16384, 32768]);
  });

  it('halves at the second overflow, then at each one until a thousand steps pass without', () => {
    const scales: number[] = [];
    let scaler = after(10);
    for (let i = 0; i < 4; i++) scales.push((scaler = afterStep(scaler, true)).scale);
    expect(scales).toEqual([4096, 2048, 1024, 512]);
    const recovered = after(1000, scaler);
    expect(recovered.scale).toBe(1024);
    expect(afterStep(recovered, true).scale).toBe(1024); // patient once more
    expect(recovered.numSkipped).toBe(4);
  });

  it('gives up when its least value overflows', () => {
    let scaler: LossScaler = { ...FRESH_SCALER, scale: 2, hysteresis: 1 };
    scaler = afterStep(scaler, true);
    expect(scaler.scale).toBe(1);
    expect(() => afterStep(scaler, true)).toThrow(NumericalError);
  });

  it('moves through any series of steps as its rules say', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 2500 }), { minLength: 1, maxLength: 8 }); // steps between overflows
    fc.assert(
      fc.property(lengths, (gaps) => {
        let scaler: LossScaler = { ...FRESH_SCALER, scale: 2 ** 20 };
        let [scale, patience] = [2 ** 20, 2];
        for (const gap of gaps) {
          scaler = afterStep(after(gap, scaler), true);
          // Each full thousand doubles and forgives; then one overflow is forgiven or halves.
          const numDoubled = Math.floor(gap / 1000);
          scale *= 2 ** numDoubled;
          if (numDoubled > 0) patience = 2;
          if (patience === 1) scale /= 2;
          patience = 1;
          expect({ scale: scaler.scale, hysteresis: scaler.hysteresis }).toEqual({ scale, hysteresis: patience });
        }
        expect(scaler.numSkipped).toBe(gaps.length);
      }),
      { seed: 3, numRuns: 30 },
    );
  });
});

describe('a step under a scale', () => {
  let state: TrainState;
  beforeEach(async () => {
    await selectBackend('wasm');
    state = tinyStart();
  });
  afterEach(() => {
    disposeState(state);
    expect(tf.memory().numTensors).toBe(0);
  });

  it.each([
    [65_519, false],
    [-65_519, false],
    [65_520, true], // rounds to infinity in fp16
    [-65_520, true],
    [1e30, true],
  ])('overflows where a gradient times the scale is %d: %s', async (scaled, expected) => {
    const gradients = { a: tf.tensor1d([0, 1]), b: tf.tensor2d([[0.5, scaled / 4096]]) };
    expect(await overflows(gradients, 4096)).toBe(expected);
    tf.dispose(Object.values(gradients));
  });

  const scaled = (scale: number): TrainState => ({ ...state, scaler: { ...FRESH_SCALER, scale } });

  it('that overflows changes the step and the scale, and no weight, moment or other counter', async () => {
    const before = await bitsOf(state);
    const { numTensors } = tf.memory();
    const result = await trainStep(scaled(2 ** 40), tinyBatch(0), 1e-3, tinySettings);
    state = result.state;
    expect(result.skipped).toBe('the emulated loss scale overflowed');
    expect(state.scaler).toEqual({
      ...FRESH_SCALER,
      scale: 2 ** 40,
      ...{ iteration: 1, lastOverflow: 0 },
      hysteresis: 1,
      numSkipped: 1,
    });
    expect(await bitsOf(state)).toEqual({ ...before, step: 1 });
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('that does not overflow is the step without a scale, bit for bit', async () => {
    const plain = await trainStep(tinyStart(), tinyBatch(0), 1e-3, tinySettings);
    const result = await trainStep(scaled(4096), tinyBatch(0), 1e-3, tinySettings);
    state = result.state;
    expect(result.skipped).toBeNull();
    expect(await bitsOf(state)).toEqual(await bitsOf(plain.state));
    expect(plain.state.scaler).toBeUndefined();
    disposeState(plain.state);
  });

  it('is refused with the state as it was when the least scale overflows', async () => {
    const arrays = await fromState(state);
    arrays.parameters.get('embed_out.weight')!.forEach((_, i, values) => (values[i]! *= 1e7));
    disposeState(state);
    state = { ...toState(goldenConfig, arrays, 'exact-state'), scaler: { ...FRESH_SCALER, scale: 1, hysteresis: 1 } };
    const { numTensors } = tf.memory();
    await expect(trainStep(state, tinyBatch(0), 1e-3, tinySettings)).rejects.toThrow(
      /overflow fp16 at the least loss scale/,
    );
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

describe('a run under a scale', () => {
  const plan: LoopPlan = {
    ...tinySettings,
    ...{ to: 5, schedule: { peak: 2e-3, floor: 2e-4, totalSteps: 100, warmupSteps: 0 } },
    ...{ evaluateAt: new Set<number>(), saveAt: new Set<number>() },
  };
  const road = (rates: number[]): Road<TrainingRows, null> => ({
    replay: tinyBatch,
    rewrite: (batch) => ({ batch, proof: null }),
    record: ({ learningRate }) => void rates.push(learningRate),
    evaluate: async () => undefined,
    save: async () => undefined,
  });

  it('reads the next batch after a skipped update, at the rate that was due, and resumes in the middle bit for bit', async () => {
    await selectBackend('wasm');
    const folder = mkdtempSync(join(tmpdir(), 'tiresias-scale-'));
    try {
      // The largest of the gradients is between one and two: 2^17 must be halved twice, by the second and third overflow.
      const start = () => withLossScale(tinyStart(), 'emulated', { scaler: { ...FRESH_SCALER, scale: 2 ** 17 } });
      const rates: number[] = [];
      const whole = await travel(start(), plan, road(rates));
      const due = [0, 1].map((count) => learningRate(plan.schedule, count));
      expect(rates).toEqual([0, 0, 0, ...due]);
      expect(whole).toMatchObject({ step: 5, lrCount: 2, adamCount: 2 });
      expect(whole.scaler).toMatchObject({ scale: 2 ** 15, iteration: 5, lastOverflow: 2, numSkipped: 3 });

      const half = await travel(start(), { ...plan, to: 2 }, road([]));
      await saveCheckpoint(join(folder, 'step-2'), await fromState(half), goldenConfig, goldenPath('config.json'));
      disposeState(half);
      const saved = JSON.parse(readFileSync(join(folder, 'step-2', 'state.json'), 'utf8')) as Record<string, unknown>;
      expect(saved).toMatchObject({ lossScale: 2 ** 16, skippedSteps: 2, lrCount: 0 });
      const loaded = await loadCheckpoint(join(folder, 'step-2'), goldenConfig);
      const resumed = await travel(
        withLossScale(toState(goldenConfig, loaded, 'exact-state'), 'emulated', loaded),
        plan,
        road([]),
      );
      expect(await bitsOf(resumed)).toEqual(await bitsOf(whole));
      expect(resumed.scaler).toEqual(whole.scaler);
      disposeState(resumed);
      disposeState(whole);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is not emulated unless it is asked for', () => {
    const state = withLossScale(tinyStart(), 'none', { scaler: FRESH_SCALER });
    expect(state.scaler).toBeUndefined();
    disposeState(state);
  });
});
