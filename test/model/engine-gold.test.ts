// The forward pass, its gradients, greedy continuation and four optimizer steps against an independent float64 program
// (PyTorch, plain formulas; 2 layers, width 64, vocabulary 512; fp32 rotary angles).
import * as tf from '@tensorflow/tfjs-core';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModelConfig, type ModelConfig } from '../../src/model/config.ts';
import { generateGreedy } from '../../src/model/generate.ts';
import { hiddenStates, logProbs, meanLoss, type Parameters } from '../../src/model/gpt-neox.ts';
import { tokenLogProbs } from '../../src/model/likelihood.ts';
import { toArrays, toTensors } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { batchGradients, PYTHIA_ADAM, trainStep } from '../../src/train/step.ts';
import { disposeState, toState } from '../../src/train/state.ts';
import { BACKENDS_UNDER_TEST } from '../contract/present-backends.ts';
import { hasShared, sharedPath } from '../support/shared.ts';
import { arraysOf, expectEachClose, gridOf, hasTrueGradient, relativeError, rowsOf, type Arrays } from './golden.ts';

interface Forward {
  readonly loss_first_batch: number;
  readonly sum_logprob_per_row: number[];
  readonly logits_row0_pos0_first8: number[];
  readonly logits_row0_last_first8: number[];
  readonly argmax_row0: number[];
}

interface GoldFile {
  readonly forward: {
    readonly erf: Forward;
    readonly tanh: Forward;
    readonly greedy_erf: { readonly prompt: number[]; readonly continuation: number[] };
  };
  readonly train: { readonly log: { step: number; lr: number; loss: number; grad_norm: number }[] };
}

const read = <T>(name: string): T => JSON.parse(readFileSync(sharedPath('gold', 'engine', name), 'utf8')) as T;

for (const backend of BACKENDS_UNDER_TEST) {
  const title = `the engine against a float64 program in PyTorch, ${backend.title}`;
  describe.skipIf(!hasShared || !backend.isPresent)(title, () => {
    let config: ModelConfig;
    let weights: Arrays;
    let parameters: Parameters;
    let gold: GoldFile;
    let batches: number[][][];
    const settings = () => ({
      config,
      switches: { gelu: 'tanh', rope: 'fp32-angles' } as const,
      adam: PYTHIA_ADAM,
      microBatchSize: 3,
    });

    beforeAll(async () => {
      await selectBackend(backend.name);
      config = readModelConfig(sharedPath('gold', 'engine', 'config.json'));
      weights = arraysOf(sharedPath('gold', 'engine', 'model.safetensors'));
      gold = read('golden.json');
      batches = read('batches.json');
      parameters = toTensors(config, weights);
    });
    afterAll(() => tf.dispose(Object.values(parameters)));

    it.each(['erf', 'tanh'] as const)('has its loss, log-probabilities and logits with %s GELU', async (gelu) => {
      const expected = gold.forward[gelu];
      const switches = { gelu, rope: 'fp32-angles' } as const;
      const { grid, labels } = gridOf(batches[0]!);
      const T = grid.length;
      const loss = tf.tidy(() => meanLoss(parameters, config, grid, labels, switches).dataSync()[0]!);
      expect(Math.abs(loss / expected.loss_first_batch - 1)).toBeLessThan(1e-6); // the two forms differ by 6.6e-6
      const values = await logProbs(parameters, config, grid, labels, switches);
      expected.sum_logprob_per_row.forEach((sum, row) => {
        const ours = values.slice(row * T, (row + 1) * T).reduce((a, b) => a + b, 0);
        expect(Math.abs(ours - sum), `row ${row}`).toBeLessThan(1e-3); // 32 terms; the two forms differ by 1e-3 and more
      });
      const [logits, best] = tf.tidy(() => {
        const all = tf.matMul(
          hiddenStates(parameters, config, grid, switches),
          tf.transpose(parameters['embed_out.weight']!),
        );
        return [all.dataSync(), tf.argMax(all, 1).dataSync()] as const;
      });
      const V = config.vocabSize;
      expected.logits_row0_pos0_first8.forEach((logit, v) => expect(Math.abs(logits[v]! - logit)).toBeLessThan(5e-5));
      expected.logits_row0_last_first8.forEach((logit, v) => {
        expect(Math.abs(logits[(T - 1) * V + v]! - logit)).toBeLessThan(5e-5);
      });
      expect([...best.slice(0, T)]).toEqual(expected.argmax_row0);
    });

    it('scores rows of tokens as Hugging Face would: erf GELU, fp32 angles', async () => {
      const rows = await tokenLogProbs({ parameters, config }, batches[0]!);
      gold.forward.erf.sum_logprob_per_row.forEach((sum, i) => {
        expect(Math.abs(rows[i]!.reduce((a, b) => a + b, 0) - sum)).toBeLessThan(1e-3);
      });
    });

    it('continues a prompt greedily with the same tokens', async () => {
      const { prompt, continuation } = gold.forward.greedy_erf;
      expect(await generateGreedy({ parameters, config }, prompt, continuation.length)).toEqual(continuation);
    });

    it('has every gradient of the first batch', async () => {
      const { lossNats, gradients } = await batchGradients(parameters, rowsOf(batches[0]!), settings());
      const expected = arraysOf(sharedPath('gold', 'engine', 'grads_step0_unclipped_tanh.safetensors'));
      const actual = await toArrays(gradients);
      expect(Math.abs(lossNats / gold.forward.tanh.loss_first_batch - 1)).toBeLessThan(1e-6);
      expectEachClose(actual, expected, 1e-4);
      expect(relativeError(actual, expected)).toBeLessThan(1e-5);
      tf.dispose(Object.values(gradients));
    });

    it('makes the same four AdamW steps', async () => {
      const start = { step: 0, lrCount: 0, adamCount: 0, parameters: weights };
      let state = toState(config, start, 'weights-only');
      for (const { step, lr, loss, grad_norm } of gold.train.log) {
        const result = await trainStep(state, rowsOf(batches[step]!), lr, settings());
        state = result.state;
        expect(Math.abs(result.lossNats! / loss - 1), `loss of step ${step}`).toBeLessThan(1e-5);
        expect(Math.abs(result.gradientNorm! / grad_norm - 1), `norm of step ${step}`).toBeLessThan(1e-4);
      }
      const after = arraysOf(sharedPath('gold', 'engine', 'weights_after.safetensors'));
      const actual = await toArrays(state.parameters);
      expect(relativeError(actual, after)).toBeLessThan(1e-4); // measured 1e-5 on wasm, 3e-6 on cpu, of which nearly all is rounding noise:
      const isDriven = hasTrueGradient(config);
      expectEachClose(actual, after, 1e-4, isDriven); // measured 1.0e-5 for the worst tensor
      // Key biases without a true gradient, where noise makes the steps: measured 9.8e-4 on wasm, 2.8e-4 on cpu, 1.7e-5 on native.
      expectEachClose(actual, after, 1e-3);
      const mostSteps = 2 * gold.train.log.reduce((sum, { lr }) => sum + lr, 0);
      for (const [name, values] of after) {
        const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - actual.get(name)![i]!)), 0);
        expect(worst, name).toBeLessThan(mostSteps); // the noise, too, makes at most full steps
      }
      const moments = sharedPath('gold', 'engine', 'adam_after.safetensors');
      expectEachClose(await toArrays(state.expAvg), arraysOf(moments, 'exp_avg.'), 1e-4);
      expectEachClose(await toArrays(state.expAvgSq), arraysOf(moments, 'exp_avg_sq.'), 1e-4);
      disposeState(state);
    });
  });
}
