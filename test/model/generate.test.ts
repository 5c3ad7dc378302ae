// Cached greedy continuation against the uncached pass over prompt and continuation: each token is the most likely after those before it.
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { continueGreedily, generateGreedy, type GeneratingModel } from '../../src/model/generate.ts';
import { hiddenStates, SCORING_SWITCHES } from '../../src/model/gpt-neox.ts';
import { selectBackend, type BackendName } from '../../src/tensor/backend.ts';
import { BACKENDS_UNDER_TEST } from '../contract/present-backends.ts';
import { randomModel } from './random-model.ts';

const VOCABULARY = 40;
const POSITIONS = 96;

const sizes = { vocabSize: VOCABULARY, maxPositions: POSITIONS };

/** The most likely token after each place of the continuation but its last, in one pass without a cache. */
async function continueUncached(model: GeneratingModel, prompt: readonly number[], found: readonly number[]) {
  const tokens = [...prompt, ...found.slice(0, -1)];
  const best = tf.tidy(() => {
    const grid = { ids: Int32Array.from(tokens), batch: 1, length: tokens.length };
    const hidden = hiddenStates(model.parameters, model.config, grid, SCORING_SWITCHES);
    return tf.argMax(tf.matMul(hidden, model.parameters['embed_out.weight']!, false, true), 1);
  });
  const after = await best.data();
  best.dispose();
  return [...after].slice(prompt.length - 1);
}

const prompts = fc.array(fc.array(fc.nat(VOCABULARY - 1), { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 7,
});

for (const backend of BACKENDS_UNDER_TEST) {
  describe.skipIf(!backend.isPresent)(`cached greedy continuation, ${backend.title}`, () => {
    const start = () => selectBackend(backend.name satisfies BackendName);

    it('has the tokens of the uncached one, whatever prompts are beside it and whenever each ends', async () => {
      await start();
      const cases = fc.tuple(fc.nat(1000), fc.constantFrom(1, 3), prompts, fc.array(fc.integer({ min: 1, max: 9 })));
      await fc.assert(
        fc.asyncProperty(cases, async ([seed, numHeads, rows, ends]) => {
          const model = randomModel(seed, numHeads, sizes);
          const { numTensors } = tf.memory();
          const endOf = (row: number) => ends[row] ?? 9;
          const isDone = (row: number, tokens: readonly number[]) => tokens.length >= endOf(row);
          const found = await continueGreedily(model, rows, { maxNew: 8, isDone });
          expect(tf.memory().numTensors).toBe(numTensors);
          for (const [row, prompt] of rows.entries()) {
            expect(found[row]!.length).toBe(Math.min(8, endOf(row)));
            expect(found[row]).toEqual(await continueUncached(model, prompt, found[row]!));
          }
          tf.dispose(Object.values(model.parameters));
        }),
        { seed: 7, numRuns: backend.name === 'cpu' ? 3 : 8 },
      );
    });

    it('goes on over many pieces of the cache', async () => {
      await start();
      const model = randomModel(3, 2, sizes);
      const found = await generateGreedy(model, [5, 1], 70);
      expect(new Set(found).size).toBeGreaterThan(3); // no model that says one thing for ever
      expect(found).toEqual(await continueUncached(model, [5, 1], found));
      tf.dispose(Object.values(model.parameters));
    });
  });
}

describe('continueGreedily', () => {
  it('tells how many prompts are finished, and asks about each by its place', async () => {
    await selectBackend('wasm');
    const model = randomModel(1, 1, sizes);
    const told: number[] = [];
    const asked = new Set<number>();
    const isDone = (row: number) => {
      asked.add(row);
      return row === 1;
    };
    const found = await continueGreedily(model, [[1, 2], [3], [4, 5]], {
      maxNew: 3,
      isDone,
      onProgress: (n) => told.push(n),
    });
    expect(found.map(({ length }) => length)).toEqual([3, 1, 3]);
    expect(told).toEqual([1, 2, 3]);
    expect([...asked].sort()).toEqual([0, 1, 2]);
    tf.dispose(Object.values(model.parameters));
  });

  it('refuses a bad prompt by its place before it continues any, and leaves no tensors when it is broken off', async () => {
    await selectBackend('wasm');
    const model = randomModel(1, 1, sizes);
    const { numTensors } = tf.memory();
    const isDone = () => {
      throw new Error('asked');
    };
    const long = Array.from({ length: 90 }, () => 1);
    await expect(continueGreedily(model, [[1], []], { maxNew: 2, isDone })).rejects.toThrow(/prompt 1 is empty/);
    await expect(continueGreedily(model, [[1], [40]], { maxNew: 2, isDone })).rejects.toThrow(/prompt 1: id 40/);
    await expect(continueGreedily(model, [[1], long], { maxNew: 8, isDone })).rejects.toThrow(InputError);
    await expect(continueGreedily(model, [[1], long], { maxNew: 7, isDone })).rejects.toThrow('asked');
    expect(tf.memory().numTensors).toBe(numTensors);
    tf.dispose(Object.values(model.parameters));
  });
});
