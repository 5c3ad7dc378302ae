// The forward pass against float64 programs: a numpy one of ours for every combination of switches, on every back end.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { logProbs, meanLoss, type Parameters } from '../../src/model/gpt-neox.ts';
import { toArrays, toTensors } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { batchGradients, PYTHIA_ADAM } from '../../src/train/step.ts';
import { BACKENDS_UNDER_TEST } from '../contract/present-backends.ts';
import { expectEachClose, golden, goldenArrays, goldenConfig, gridOf, rowsOf } from './golden.ts';

/** fp32 rounding over two layers; the two forms of GELU and of the angles differ by 6e-4 and more in these values. */
const LOG_PROB_TOLERANCE = 2e-5;

for (const backend of BACKENDS_UNDER_TEST) {
  describe.skipIf(!backend.isPresent)(backend.title, () => {
    let parameters: Parameters;
    beforeAll(async () => {
      await selectBackend(backend.name);
      parameters = toTensors(goldenConfig, goldenArrays('model.safetensors'));
    });
    const { grid, labels } = gridOf(golden.batches[0]!);

    it.each(golden.forward)('agrees with numpy for $gelu GELU and $rope', async (expected) => {
      const switches = { gelu: expected.gelu, rope: expected.rope };
      const loss = tf.tidy(() => meanLoss(parameters, goldenConfig, grid, labels, switches).dataSync()[0]!);
      expect(Math.abs(loss - expected.lossNats)).toBeLessThan(LOG_PROB_TOLERANCE);
      const values = await logProbs(parameters, goldenConfig, grid, labels, switches);
      expected.logProbs.flat().forEach((logProb, i) => {
        expect(Math.abs(values[i]! - logProb), `position ${i}`).toBeLessThan(LOG_PROB_TOLERANCE);
      });
    });

    // Relative to each tensor's own size; the worst are sums with much cancellation.
    it.each([
      { gelu: 'tanh', rope: 'fp16-angles' },
      { gelu: 'erf', rope: 'fp32-angles' },
    ] as const)('has the gradients of every parameter that numpy has, $gelu GELU and $rope', async (switches) => {
      const settings = { config: goldenConfig, switches, adam: PYTHIA_ADAM, microBatchSize: 3 };
      const { gradients } = await batchGradients(parameters, rowsOf(golden.batches[0]!), settings);
      expectEachClose(await toArrays(gradients), goldenArrays(`gradients-${switches.gelu}.safetensors`), 2e-5);
      tf.dispose(Object.values(gradients));
    });

    it('sees no token to the right of a position, and none of another row', async () => {
      const switches = { gelu: 'tanh', rope: 'fp16-angles' } as const;
      const changed = { ...grid, ids: grid.ids.slice() };
      changed.ids[grid.length + 5] = (changed.ids[grid.length + 5]! + 1) % goldenConfig.vocabSize; // row 1, position 5
      const before = await logProbs(parameters, goldenConfig, grid, labels, switches);
      const after = await logProbs(parameters, goldenConfig, changed, labels, switches);
      before.forEach((value, i) => {
        const isSeen = i >= grid.length + 5 && i < 2 * grid.length;
        expect(after[i] === value, `position ${i}`).toBe(!isSeen);
      });
    });

    it('leaves nothing in memory but what it returns', async () => {
      const switches = { gelu: 'erf', rope: 'fp32-angles' } as const;
      const { numTensors } = tf.memory();
      await logProbs(parameters, goldenConfig, grid, labels, switches);
      expect(tf.memory().numTensors).toBe(numTensors);
      meanLoss(parameters, goldenConfig, grid, labels, switches).dispose();
      expect(tf.memory().numTensors).toBe(numTensors);
    });
  });
}
