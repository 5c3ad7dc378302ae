// Gradient accumulation: however a batch is cut into micro-batches, uneven ones too, the update is the same to rounding.
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { toArrays } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { disposeState, fromState, toState, type WholeArrays } from '../../src/train/state.ts';
import type { TrainingRows } from '../../src/train/rows.ts';
import { batchGradients, trainStep } from '../../src/train/step.ts';
import { BACKENDS_UNDER_TEST } from '../contract/present-backends.ts';
import { goldenConfig, hasTrueGradient, relativeError } from '../model/golden.ts';
import { tinySettings, tinyStart, trainTo } from './tiny-run.ts';

/** Each micro-batch's share is rounded and added, at most seven of them: a few times fp32's 6e-8. Measured: 2e-7. */
const ROUNDING = 1e-6;
/** A weight near 1 is stored to 6e-8, its update is of the size of the rate, 1e-2. Measured: 6e-7. */
const UPDATE_ROUNDING = 3e-6;

const batches = fc
  .record({ numRows: fc.integer({ min: 1, max: 7 }), rowLength: fc.integer({ min: 2, max: 9 }), seed: fc.nat() })
  .chain(({ numRows, rowLength, seed }) =>
    fc.record({
      rows: fc.constant<TrainingRows>({
        ...{ numRows, rowLength },
        tokens: Int32Array.from(
          { length: numRows * rowLength },
          (_, i) => ((seed + i) * 7919) % goldenConfig.vocabSize,
        ),
      }),
      microBatchSize: fc.integer({ min: 1, max: numRows + 1 }),
    }),
  );

for (const backend of BACKENDS_UNDER_TEST) {
  describe.skipIf(!backend.isPresent)(backend.title, () => {
    let start: WholeArrays;
    beforeAll(async () => {
      await selectBackend(backend.name);
      const state = await trainTo(tinyStart(), 3); // moments that are no longer zero: the update is smooth in the gradient
      start = await fromState(state);
      disposeState(state);
    });

    const updated = async (rows: TrainingRows, microBatchSize: number) => {
      const settings = { ...tinySettings, microBatchSize };
      const state = toState(goldenConfig, start, 'exact-state');
      const { gradients, lossNats } = await batchGradients(state.parameters, rows, settings);
      const arrays = await toArrays(gradients);
      tf.dispose(Object.values(gradients));
      const result = await trainStep(state, rows, 1e-2, settings);
      const after = await fromState(result.state);
      disposeState(result.state);
      const update = difference(after.parameters, start.parameters);
      return { lossNats, gradients: arrays, moments: after.moments, update };
    };

    it('gives the loss, gradients, moments and weights of one micro-batch', async () => {
      await fc.assert(
        fc.asyncProperty(batches, async ({ rows, microBatchSize }) => {
          const whole = await updated(rows, rows.numRows);
          const parts = await updated(rows, microBatchSize);
          expect(Math.abs(parts.lossNats / whole.lossNats - 1)).toBeLessThan(ROUNDING);
          expect(relativeError(parts.gradients, whole.gradients)).toBeLessThan(ROUNDING);
          expect(relativeError(parts.moments.expAvg, whole.moments.expAvg)).toBeLessThan(ROUNDING);
          expect(relativeError(parts.moments.expAvgSq, whole.moments.expAvgSq)).toBeLessThan(ROUNDING);
          const error = relativeError(parts.update, whole.update, hasTrueGradient(goldenConfig));
          expect(error, 'of what was added to the weights').toBeLessThan(UPDATE_ROUNDING);
        }),
        { seed: 23, numRuns: 12 },
      );
    });
  });
}

function difference(a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>) {
  return new Map([...a].map(([name, values]) => [name, values.map((value, i) => value - b.get(name)![i]!)]));
}
