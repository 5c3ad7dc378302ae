// One update on every back end: no tensor left over, the same bits every time, no step on numbers that are not finite.
import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DataError, NumericalError } from '../../src/errors.ts';
import { toArrays } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { batchGradients, trainStep } from '../../src/train/step.ts';
import { disposeState, fromState, toState, type TrainState } from '../../src/train/state.ts';
import { BACKENDS_UNDER_TEST } from '../contract/present-backends.ts';
import { goldenConfig, relativeError } from '../model/golden.ts';
import { bitsOf, tinyBatch, tinySettings, tinyStart, trainTo } from './tiny-run.ts';

for (const backend of BACKENDS_UNDER_TEST) {
  describe.skipIf(!backend.isPresent)(backend.title, () => {
    let numBefore: number;
    let state: TrainState;
    beforeAll(async () => void (await selectBackend(backend.name)));
    beforeEach(() => {
      numBefore = tf.memory().numTensors;
      state = tinyStart();
    });
    afterEach(() => {
      disposeState(state);
      expect(tf.memory().numTensors).toBe(numBefore);
    });

    it('keeps the number of tensors and bytes level, step after step', async () => {
      const { numTensors, numBytes } = tf.memory();
      for (let step = 1; step <= 5; step++) {
        state = await trainTo(state, step);
        expect(tf.memory()).toMatchObject({ numTensors, numBytes });
      }
    });

    it('gives bit-identical weights and moments when run twice', async () => {
      state = await trainTo(state, 3);
      const again = await trainTo(tinyStart(), 3);
      expect(await bitsOf(again)).toEqual(await bitsOf(state));
      disposeState(again);
    });

    it('goes on after a copy out of the back end and into it as if nothing had been', async () => {
      state = await trainTo(state, 2);
      const copied = await fromState(state);
      state = await trainTo(state, 4);
      const resumed = await trainTo(toState(goldenConfig, copied, 'exact-state'), 4);
      expect(await bitsOf(resumed)).toEqual(await bitsOf(state));
      disposeState(resumed);
    });

    it('forgets moments and their count when it resumes from weights alone', async () => {
      state = await trainTo(state, 2);
      const fresh = toState(goldenConfig, await fromState(state), 'weights-only');
      expect({ step: fresh.step, lrCount: fresh.lrCount, adamCount: fresh.adamCount }).toEqual({
        step: 2,
        lrCount: 2,
        adamCount: 0,
      });
      for (const moments of [fresh.expAvg, fresh.expAvgSq]) {
        for (const values of (await toArrays(moments)).values())
          expect(values.every((value) => value === 0)).toBe(true);
      }
      disposeState(fresh);
    });

    it('has bit for bit the same update when layers are computed again for the gradient', async () => {
      const switches = { ...tinySettings.switches, recompute: 'layers' } as const;
      const again = await trainStep(tinyStart(), tinyBatch(0), 1e-3, { ...tinySettings, switches });
      const kept = await trainStep(tinyStart(), tinyBatch(0), 1e-3, tinySettings);
      expect([again.lossNats, again.gradientNorm]).toEqual([kept.lossNats, kept.gradientNorm]);
      expect(await bitsOf(again.state)).toEqual(await bitsOf(kept.state));
      for (const { state: made } of [again, kept]) disposeState(made);
    });

    it('clips only gradients longer than the limit, and tells the length before', async () => {
      const { gradients } = await batchGradients(state.parameters, tinyBatch(0), tinySettings);
      const plain = await toArrays(gradients);
      tf.dispose(Object.values(gradients));
      const norm = Math.sqrt([...plain.values()].flatMap((v) => [...v]).reduce((sum, v) => sum + v * v, 0));
      for (const clipNorm of [norm / 2, norm * 2]) {
        const settings = { ...tinySettings, adam: { ...tinySettings.adam, clipNorm } };
        const result = await trainStep(tinyStart(), tinyBatch(0), 0, settings);
        expect(Math.abs(result.gradientNorm! / norm - 1)).toBeLessThan(1e-5);
        const scale = 0.1 * Math.min(1, clipNorm / (norm + 1e-6)); // what (1 − β₁)·gradient leaves in the first moment
        const expected = new Map([...plain].map(([name, values]) => [name, values.map((value) => value * scale)]));
        expect(relativeError(await toArrays(result.state.expAvg), expected)).toBeLessThan(1e-5);
        disposeState(result.state);
      }
    });

    it('at learning rate zero fills the moments and leaves the weights', async () => {
      const before = await toArrays(state.parameters);
      const result = await trainStep(state, tinyBatch(0), 0, tinySettings);
      state = result.state;
      expect(relativeError(await toArrays(state.parameters), before)).toBe(0);
    });

    it.each([NaN, Infinity])(
      'refuses to step on a weight of %d, naming step and tensors, and keeps the state',
      async (bad) => {
        const arrays = await fromState(state);
        arrays.parameters.get('gpt_neox.layers.1.mlp.dense_4h_to_h.weight')![7] = bad;
        disposeState(state);
        state = toState(goldenConfig, { ...arrays, step: 1234 }, 'exact-state');
        const { numTensors } = tf.memory();
        const stepping = trainStep(state, tinyBatch(0), 1e-3, tinySettings);
        await expect(stepping).rejects.toThrow(NumericalError);
        await expect(stepping).rejects.toThrow(/^step 1234: loss NaN.*gpt_neox\.layers\.1\.mlp\.dense_4h_to_h\.weight/);
        await expect(stepping).rejects.toThrow(
          /; all 3 rows are not finite by themselves: 0 \(SHA-256 [0-9a-f]{64}\), 1 /,
        );
        expect(tf.memory().numTensors).toBe(numTensors);
      },
    );

    it('leaves out a step that one row spoils where that is asked for, and names the row', async () => {
      const row = 1;
      const read = tinyBatch(0);
      const own = Array.from({ length: goldenConfig.vocabSize }, (_, id) => id).find(
        (id) => !read.tokens.includes(id),
      )!;
      const batch = { ...read, tokens: read.tokens.with(row * read.rowLength, own) };
      const ids = [...batch.tokens.slice(row * batch.rowLength, (row + 1) * batch.rowLength)];
      const arrays = await fromState(state);
      const width = goldenConfig.hiddenSize;
      arrays.parameters.get('gpt_neox.embed_in.weight')!.fill(NaN, own * width, own * width + 1);
      disposeState(state);
      state = toState(goldenConfig, { ...arrays, step: 1234 }, 'exact-state');
      const before = await bitsOf(state);
      const { numTensors } = tf.memory();
      const result = await trainStep(state, batch, 1e-3, { ...tinySettings, badSteps: 'skip' });
      const sha256 = createHash('sha256')
        .update(Buffer.from(Int32Array.from(ids).buffer))
        .digest('hex');
      expect(result).toMatchObject({ lossNats: null, gradientNorm: null });
      expect(result.skipped).toMatch(
        new RegExp(`; 1 of 3 rows are not finite by themselves: 1 \\(SHA-256 ${sha256}\\)$`),
      );
      expect(tf.memory().numTensors).toBe(numTensors);
      state = result.state;
      expect(await bitsOf(state)).toEqual({ ...before, step: 1235 }); // weights, moments and the other counters stay
    });

    it.each([
      ['an input', 3, 32],
      ['the last label', 12, 32],
      ['a negative one', 14, -1],
    ])('refuses an id outside the vocabulary by its place: %s', async (_, place, id) => {
      const rows = tinyBatch(0);
      const tokens = rows.tokens.slice();
      tokens[place] = id;
      const stepping = trainStep(state, { ...rows, tokens }, 1e-3, tinySettings);
      await expect(stepping).rejects.toThrow(DataError);
      const [row, token] = [Math.floor(place / 13), place % 13];
      await expect(stepping).rejects.toThrow(`step 0, row ${row}, token ${token}: id ${id} is outside`);
    });
  });
}
