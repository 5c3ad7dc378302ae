// The last tokens of rows against what tokenLogProbs gives for every token of the vocabulary at the same place.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { scoreEnds } from '../../src/model/ends.ts';
import type { Parameters } from '../../src/model/gpt-neox.ts';
import { tokenLogProbs } from '../../src/model/likelihood.ts';
import { toTensors } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { goldenArrays, goldenConfig } from './golden.ts';

const config = goldenConfig; // 64 positions, 32 tokens
let parameters: Parameters;
beforeAll(async () => {
  await selectBackend('wasm');
  parameters = toTensors(config, goldenArrays('model.safetensors'));
});

const row = (length: number, seed: number) => Array.from({ length }, (_, i) => (7 * i * i + 3 * i + seed) % 32);

/** The likeliest token after a prompt, by scoring each of the 32. */
async function likeliestAfter(prompt: readonly number[]): Promise<number> {
  const all = await tokenLogProbs(
    { parameters, config },
    [...Array(32).keys()].map((id) => [...prompt, id]),
  );
  const last = all.map((values) => values.at(-1)!);
  return last.indexOf(Math.max(...last));
}

describe('scoreEnds', () => {
  it('gives log P and the likeliest token of the last places, whatever is beside a row', async () => {
    // 90 rows: more than one forward pass, more places in a pass than one product takes
    const rows = Array.from({ length: 90 }, (_, i) => row(5 + ((i * 37) % 59), i));
    for (const i of [3, 40]) rows[i]!.push(await likeliestAfter(rows[i]!)); // rows that do end in the likeliest
    const numLast = rows.map((_, i) => 1 + (i % 4));
    const ends = await scoreEnds({ parameters, config }, rows, numLast);
    const whole = await tokenLogProbs({ parameters, config }, rows);
    ends.forEach(({ logProbs }, i) => {
      expect(logProbs).toHaveLength(numLast[i]!);
      logProbs.forEach((value, t) => expect(value).toBeCloseTo(whole[i]!.at(t - numLast[i]!)!, 4));
    });
    for (const i of [0, 3, 40, 77]) {
      const own = rows[i]!;
      for (let back = 1; back <= numLast[i]!; back++) {
        const best = await likeliestAfter(own.slice(0, own.length - back));
        expect(ends[i]!.isLikeliest.at(-back)).toBe(best === own.at(-back));
      }
    }
    expect(ends[3]!.isLikeliest.at(-1)).toBe(true);
    expect(ends.flatMap(({ isLikeliest }) => isLikeliest)).toContain(false);
  });

  it('cuts a row beyond the positions at its beginning', async () => {
    const long = row(90, 2);
    const [end] = await scoreEnds({ parameters, config }, [long], [2]);
    const [cut] = await tokenLogProbs({ parameters, config }, [long.slice(-65)]);
    end!.logProbs.forEach((value, t) => expect(value).toBeCloseTo(cut!.at(t - 2)!, 4));
  });

  it('refuses ends that leave no context, and foreign ids; leaves no tensors behind', async () => {
    const model = { parameters, config };
    const { numTensors } = tf.memory();
    await expect(scoreEnds(model, [[1, 2]], [2])).rejects.toThrow(/row 0: 2 last tokens .* 2 tokens allow 1 to 1/);
    await expect(scoreEnds(model, [[1, 2]], [0])).rejects.toThrow(InputError);
    await expect(scoreEnds(model, [[1, 32]], [1])).rejects.toThrow(/id 32 is outside the vocabulary/);
    await scoreEnds(model, [row(10, 1), row(20, 2)], [1, 3]);
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});
