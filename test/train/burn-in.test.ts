// Estimated moments against their definition in float64, on every back end; and what Adam's count does to the updates after a resume.
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NumericalError } from '../../src/errors.ts';
import { toArrays } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { burnIn, type BurnInStep } from '../../src/train/burn-in.ts';
import { disposeState, withRestartedCount, type TrainState } from '../../src/train/state.ts';
import { batchGradients, trainStep, type StepSettings } from '../../src/train/step.ts';
import { BACKENDS_UNDER_TEST } from '../contract/present-backends.ts';
import { relativeError } from '../model/golden.ts';
import { bitsOf, tinyBatch, tinySettings, tinyStart, trainTo } from './tiny-run.ts';

type Arrays = Map<string, Float64Array>;

/** Σ (1 − β) β^(K−1−k) f(g_k) / (1 − β^K) over the clipped gradients, oldest first. */
function weightedMean(gradients: readonly Arrays[], beta: number, value: (g: number) => number) {
  const K = gradients.length;
  const mean = new Map<string, Float32Array>();
  for (const [name, first] of gradients[0]!) {
    const sums = new Float64Array(first.length);
    for (const [k, ofStep] of gradients.entries()) {
      const weight = ((1 - beta) * beta ** (K - 1 - k)) / (1 - beta ** K);
      ofStep.get(name)!.forEach((g, i) => (sums[i]! += weight * value(g)));
    }
    mean.set(name, Float32Array.from(sums));
  }
  return mean;
}

async function clippedGradients(state: TrainState, step: number, clipNorm: number): Promise<Arrays> {
  const { gradients } = await batchGradients(state.parameters, tinyBatch(step), tinySettings);
  const arrays = await toArrays(gradients);
  tf.dispose(Object.values(gradients));
  const norm = Math.sqrt([...arrays.values()].reduce((sum, values) => sum + values.reduce((s, v) => s + v * v, 0), 0));
  const scale = Math.min(1, clipNorm / (norm + 1e-6));
  return new Map([...arrays].map(([name, values]) => [name, Float64Array.from(values, (v) => v * scale)]));
}

for (const backend of BACKENDS_UNDER_TEST) {
  describe.skipIf(!backend.isPresent)(backend.title, () => {
    let numBefore: number;
    let state: TrainState;
    beforeAll(async () => void (await selectBackend(backend.name)));
    beforeEach(async () => {
      numBefore = tf.memory().numTensors;
      state = await trainTo(tinyStart(), 4);
    });
    afterEach(() => {
      disposeState(state);
      expect(tf.memory().numTensors).toBe(numBefore);
    });

    it.each([1, 3])('means the clipped gradients of the %i steps before the checkpoint', async (numSteps) => {
      const clipNorm = 0.05; // shorter than any of these gradients
      const settings: StepSettings = { ...tinySettings, adam: { ...tinySettings.adam, clipNorm } };
      const steps = Array.from({ length: numSteps }, (_, i) => state.step - numSteps + i);
      const gradients: Arrays[] = [];
      for (const step of steps) gradients.push(await clippedGradients(state, step, clipNorm));
      const before = await bitsOf(state);
      const seen: BurnInStep[] = [];
      state = await burnIn(state, numSteps, tinyBatch, settings, (step) => seen.push(step));
      expect(seen.map(({ step }) => step)).toEqual(steps);
      expect(seen.every(({ lossNats, gradientNorm }) => lossNats > 0 && gradientNorm > clipNorm)).toBe(true);
      const after = await bitsOf(state);
      expect(after['parameters']).toEqual(before['parameters']);
      expect(after).toMatchObject({ step: 4, lrCount: 4, adamCount: null });
      const { beta1, beta2 } = settings.adam;
      const expAvg = weightedMean(gradients, beta1, (g) => g);
      const expAvgSq = weightedMean(gradients, beta2, (g) => g * g);
      // Float32 sums of a few terms: a few times 2^-24 relative.
      expect(relativeError(await toArrays(state.expAvg), expAvg)).toBeLessThan(1e-6);
      expect(relativeError(await toArrays(state.expAvgSq), expAvgSq)).toBeLessThan(1e-6);
    });

    it('leaves the state as it was when a gradient is not finite', async () => {
      const before = await bitsOf(state);
      const weight = state.parameters['embed_out.weight']!;
      const broken = { ...state, parameters: { ...state.parameters, 'embed_out.weight': tf.mul(weight, Infinity) } };
      await expect(burnIn(broken, 2, tinyBatch, tinySettings)).rejects.toThrow(NumericalError);
      broken.parameters['embed_out.weight']!.dispose();
      expect(await bitsOf(state)).toEqual(before);
    });

    it('is followed by updates without bias correction', async () => {
      state = await burnIn(state, 3, tinyBatch, tinySettings);
      const other = copyOf(state, 100_000); // so many that 1 − β^s is one
      state = (await trainStep(state, tinyBatch(4), 1e-3, tinySettings)).state;
      const corrected = (await trainStep(other, tinyBatch(4), 1e-3, tinySettings)).state;
      expect(state.adamCount).toBeNull();
      expect({ ...(await bitsOf(state)), adamCount: 0 }).toEqual({ ...(await bitsOf(corrected)), adamCount: 0 });
      disposeState(corrected);
    });

    it('takes steps of the published sizes after a restart of the count', async () => {
      state = await burnIn(state, 3, tinyBatch, tinySettings);
      const name = 'embed_out.weight';
      const still: StepSettings = { ...tinySettings, adam: { ...tinySettings.adam, weightDecay: 0, epsilon: 0 } };
      const stepFrom = async (start: TrainState) => {
        const weight = async ({ parameters }: TrainState) => (await toArrays(parameters)).get(name)!;
        const before = await weight(start);
        const reached = (await trainStep(start, tinyBatch(4), 1e-2, still)).state;
        const after = await weight(reached);
        disposeState(reached);
        return Math.sqrt(after.reduce((sum, value, i) => sum + (value - before[i]!) ** 2, 0));
      };
      const clean = await stepFrom(copyOf(state, null));
      const restarted = withRestartedCount(copyOf(state, null));
      expect(restarted.adamCount).toBe(1);
      // (1 / (1 − 0.9^s)) · √(1 − 0.95^s) for the update that is number s to Adam.
      const published = [
        [2, 1.643],
        [3, 1.394],
        [5, 1.161],
        [8, 1.019],
        [10, 0.973],
        [20, 0.912],
        [40, 0.948],
        [60, 0.979],
        [77, 0.991],
        [100, 0.997],
      ] as const;
      for (const [s, size] of published) {
        const reached = await stepFrom(s === 2 ? restarted : copyOf(state, s - 1));
        expect(Math.abs(reached / clean - size)).toBeLessThan(6e-4); // the table has three decimals
      }
    });
  });
}

function copyOf(state: TrainState, adamCount: number | null): TrainState {
  const clone = (tensors: TrainState['parameters']) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tf.clone(tensor)]));
  const { step, lrCount, parameters, expAvg, expAvgSq } = state;
  return {
    ...{ step, lrCount, adamCount },
    parameters: clone(parameters),
    expAvg: clone(expAvg),
    expAvgSq: clone(expAvgSq),
  };
}
