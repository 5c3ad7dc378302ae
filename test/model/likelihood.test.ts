// Rows of any length, scored together, have the log-likelihoods they have alone; prompts are continued token by token.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { generateGreedy } from '../../src/model/generate.ts';
import type { Parameters } from '../../src/model/gpt-neox.ts';
import { tokenLogProbs } from '../../src/model/likelihood.ts';
import { toTensors } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { golden, goldenArrays, goldenConfig } from './golden.ts';

const config = goldenConfig; // 64 positions, 32 tokens
let parameters: Parameters;
beforeAll(async () => {
  await selectBackend('wasm');
  parameters = toTensors(config, goldenArrays('model.safetensors'));
});

/** Row of a given length, its ids spread over the vocabulary. */
const row = (length: number, seed: number) => Array.from({ length }, (_, i) => (7 * i * i + 3 * i + seed) % 32);

describe('tokenLogProbs', () => {
  it("gives numpy's log-probabilities, with Hugging Face's GELU and angles unless told otherwise", async () => {
    const expected = golden.forward.find(({ gelu, rope }) => gelu === 'erf' && rope === 'fp32-angles')!;
    const rows = await tokenLogProbs({ parameters, config }, golden.batches[0]!);
    rows.forEach((values, i) => {
      expect(values.length).toBe(golden.batches[0]![i]!.length - 1);
      values.forEach((value, t) => expect(value).toBeCloseTo(expected.logProbs[i]![t]!, 4));
    });
  });

  it('gives each row what it has alone, in the order they came, whatever is beside it', async () => {
    // 100 rows of 1 to 65 tokens: more than one forward pass, several lengths in each
    const rows = Array.from({ length: 100 }, (_, i) => row(1 + ((i * 37) % 65), i));
    const together = await tokenLogProbs({ parameters, config }, rows);
    expect(together.map(({ length }) => length)).toEqual(rows.map(({ length }) => length - 1));
    for (const i of [0, 1, 13, 50, 64, 99]) {
      const [alone] = await tokenLogProbs({ parameters, config }, [rows[i]!]);
      together[i]!.forEach((value, t) => expect(value).toBeCloseTo(alone![t]!, 4));
    }
  });

  it('gives no values for a row of one token, and none for no rows', async () => {
    expect(await tokenLogProbs({ parameters, config }, [[5]])).toEqual([new Float64Array(0)]);
    expect(await tokenLogProbs({ parameters, config }, [])).toEqual([]);
  });

  it.each([
    ['an empty row', [], /row 1 is empty/],
    ['a row beyond the positions', row(66, 0), /row 1 has 66 tokens; .* at most 64/],
    ['an id beyond the vocabulary', [1, 32], /row 1, token 1: id 32 is outside the vocabulary of 32/],
    ['a negative id', [-1, 2], /row 1, token 0: id -1/],
    ['a fractional id', [1, 2.5], /row 1, token 1: id 2.5/],
  ])('refuses %s by its place', async (_, bad, message) => {
    const scoring = tokenLogProbs({ parameters, config }, [[1, 2], bad]);
    await expect(scoring).rejects.toThrow(InputError);
    await expect(tokenLogProbs({ parameters, config }, [[1, 2], bad])).rejects.toThrow(message);
  });

  it('leaves no tensors behind', async () => {
    const { numTensors } = tf.memory();
    await tokenLogProbs({ parameters, config }, [row(10, 1), row(20, 2)]);
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

describe('generateGreedy', () => {
  it('takes at each place the token that tokenLogProbs finds most likely', async () => {
    const prompt = row(5, 3);
    const continuation = await generateGreedy({ parameters, config }, prompt, 4);
    expect(continuation.length).toBe(4);
    for (let i = 0; i < 4; i++) {
      const before = [...prompt, ...continuation.slice(0, i)];
      const all = await tokenLogProbs(
        { parameters, config },
        [...Array(32).keys()].map((id) => [...before, id]),
      );
      const last = all.map((values) => values.at(-1)!);
      expect(last.indexOf(Math.max(...last))).toBe(continuation[i]);
    }
  });

  it('takes the lowest id of equals', async () => {
    const level = { ...parameters, 'embed_out.weight': tf.zeros([32, config.hiddenSize]) };
    expect(await generateGreedy({ parameters: level, config }, [9], 3)).toEqual([0, 0, 0]);
  });

  it('refuses an empty prompt, a foreign id and too many tokens', async () => {
    const model = { parameters, config };
    await expect(generateGreedy(model, [], 1)).rejects.toThrow(/prompt is empty/);
    await expect(generateGreedy(model, [32], 1)).rejects.toThrow(/id 32 is outside the vocabulary of 32/);
    await expect(generateGreedy(model, row(60, 1), 6)).rejects.toThrow(/need 65 positions; the model has 64/);
    expect((await generateGreedy(model, row(60, 1), 5)).length).toBe(5);
    const { numTensors } = tf.memory();
    expect(await generateGreedy(model, [1], 0)).toEqual([]);
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});
