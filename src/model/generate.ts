// Greedy continuation. The whole prefix is run again for each token: right before fast.
import * as tf from '@tensorflow/tfjs-core';
import { InputError } from '../errors.ts';
import type { ModelConfig } from './config.ts';
import { hiddenStates, SCORING_SWITCHES, type Parameters } from './gpt-neox.ts';

/** The `maxNew` most likely next tokens, one after another (ties: the lowest id). Throws InputError on a bad prompt. */
export async function generateGreedy(
  model: { readonly parameters: Parameters; readonly config: ModelConfig },
  prompt: readonly number[],
  maxNew: number,
): Promise<number[]> {
  const { vocabSize, maxPositions } = model.config;
  if (prompt.length === 0) throw new InputError('the prompt is empty; give at least one token id');
  const bad = prompt.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
  if (bad !== undefined) throw new InputError(`prompt id ${bad} is outside the vocabulary of ${vocabSize}`);
  if (prompt.length + maxNew - 1 > maxPositions)
    throw new InputError(
      `prompt and continuation need ${prompt.length + maxNew - 1} positions; the model has ${maxPositions}`,
    );
  const tokens = [...prompt];
  for (let i = 0; i < maxNew; i++) tokens.push(await nextToken(model, tokens));
  return tokens.slice(prompt.length);
}

async function nextToken(
  { parameters, config }: { readonly parameters: Parameters; readonly config: ModelConfig },
  tokens: readonly number[],
): Promise<number> {
  const best = tf.tidy(() => {
    const grid = { ids: Int32Array.from(tokens), batch: 1, length: tokens.length };
    const hidden = hiddenStates(parameters, config, grid, SCORING_SWITCHES);
    const last = tf.slice(hidden, [tokens.length - 1, 0], [1, config.hiddenSize]);
    return tf.argMax(tf.matMul(last, parameters['embed_out.weight']!, false, true), 1);
  });
  try {
    return (await best.data())[0]!;
  } finally {
    best.dispose();
  }
}
