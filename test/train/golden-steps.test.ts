// Four AdamW steps with clipping against a numpy float64 program, on every back end: losses, norms, weights and moments.
import { beforeAll, describe, expect, it } from 'vitest';
import { toArrays } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { disposeState, toState } from '../../src/train/state.ts';
import { PYTHIA_ADAM, trainStep } from '../../src/train/step.ts';
import { BACKENDS_UNDER_TEST } from '../contract/present-backends.ts';
import {
  expectEachClose,
  golden,
  goldenArrays,
  goldenConfig,
  hasTrueGradient,
  relativeError,
  rowsOf,
} from '../model/golden.ts';

for (const backend of BACKENDS_UNDER_TEST) {
  describe.skipIf(!backend.isPresent)(backend.title, () => {
    beforeAll(async () => void (await selectBackend(backend.name)));

    it('makes the same four steps', async () => {
      const start = { step: 0, lrCount: 0, adamCount: 0, parameters: goldenArrays('model.safetensors') };
      let state = toState(goldenConfig, start, 'weights-only');
      const switches = { gelu: 'tanh', rope: 'fp16-angles' } as const;
      const settings = { config: goldenConfig, switches, adam: PYTHIA_ADAM, microBatchSize: 2 };
      for (const expected of golden.train) {
        const rows = rowsOf(golden.batches[expected.step]!);
        const result = await trainStep(state, rows, expected.learningRate, settings);
        state = result.state;
        expect(Math.abs(result.lossNats! / expected.lossNats - 1), `loss of step ${expected.step}`).toBeLessThan(1e-5);
        expect(Math.abs(result.gradientNorm! / expected.gradientNorm - 1), 'norm before clipping').toBeLessThan(1e-5);
      }
      expect({ ...state, parameters: 0, expAvg: 0, expAvgSq: 0 }).toEqual({
        ...{ step: 4, lrCount: 4, adamCount: 4 },
        ...{ parameters: 0, expAvg: 0, expAvgSq: 0 },
      });
      const actual = await toArrays(state.parameters);
      const after = goldenArrays('weights-after.safetensors');
      expect(relativeError(actual, after)).toBeLessThan(1e-4);
      // Adam divides by the gradient's size, so the smallest gradients carry their rounding into the step undiminished.
      expectEachClose(actual, after, 1e-4, hasTrueGradient(goldenConfig));
      expectEachClose(await toArrays(state.expAvg), goldenArrays('moments-after.safetensors', 'exp_avg.'), 1e-4);
      expectEachClose(await toArrays(state.expAvgSq), goldenArrays('moments-after.safetensors', 'exp_avg_sq.'), 1e-4);
      disposeState(state);
    });
  });
}
