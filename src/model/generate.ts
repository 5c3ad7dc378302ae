// Greedy continuation with cached keys and values: a prompt is read in one pass, then each token costs one token's work. Prompts of
// equal length are continued side by side, so that weights are read once for all and nothing is padded; rows that have ended leave.
import * as tf from '@tensorflow/tfjs-core';
import { InputError } from '../errors.ts';
import { KeyValueCache } from '../tensor/key-value-cache.ts';
import { headSize, type ModelConfig } from './config.ts';
import { hiddenStatesWith, SCORING_SWITCHES, type Parameters } from './gpt-neox.ts';
import { likeliestTokens } from './likeliest.ts';
import { attentionTables } from './rotary.ts';

export interface GeneratingModel {
  readonly parameters: Parameters;
  readonly config: ModelConfig;
}

export interface GenerateOptions {
  /** Tokens added to each prompt at most. */
  readonly maxNew: number;
  /** Whether this prompt's continuation is over; asked after each of its tokens. */
  readonly isDone?: (prompt: number, continuation: readonly number[]) => boolean;
  /** Told how many prompts are finished. */
  readonly onProgress?: (numDone: number) => void;
}

/** Rows side by side at most: beyond that a token's matrix products are no faster by row. */
const MOST_ROWS = 64;
/** Prompt tokens of one pass; bounds the memory of activations. */
const TOKENS_PER_PASS = 4096;
/** Bytes of cached keys and values at most, counted at full length. */
const MOST_CACHE_BYTES = 1024 ** 3;

/** The `maxNew` most likely next tokens, one after another (ties: the lowest id). Throws InputError on a bad prompt. */
export async function generateGreedy(
  model: GeneratingModel,
  prompt: readonly number[],
  maxNew: number,
): Promise<number[]> {
  const [continuation] = await continueGreedily(model, [prompt], { maxNew });
  return [...continuation!]; // one a prompt
}

/**
 * The most likely next tokens of each prompt, as `generateGreedy` finds them one by one; a continuation ends with the token after
 * which `isDone` says so, or with `maxNew` tokens. Throws InputError naming a bad prompt, before any is continued.
 */
export async function continueGreedily(
  model: GeneratingModel,
  prompts: readonly (readonly number[])[],
  { maxNew, isDone = () => false, onProgress = () => undefined }: GenerateOptions,
): Promise<(readonly number[])[]> {
  prompts.forEach((prompt, i) => {
    checkPrompt(prompt, prompts.length === 1 ? 'the prompt' : `prompt ${i}`, maxNew, model.config);
  });
  const continuations = prompts.map((): readonly number[] => []);
  if (maxNew === 0) return continuations;
  let numDone = 0;
  for (const group of groupsOf(prompts, maxNew, model.config)) {
    const hasEnded = (row: number, continuation: readonly number[]): boolean => {
      if (continuation.length < maxNew && !isDone(group[row]!, continuation)) return false;
      numDone += 1;
      onProgress(numDone);
      return true;
    };
    const found = await continueRows(
      model,
      group.map((place) => prompts[place]!),
      hasEnded,
    );
    group.forEach((place, row) => (continuations[place] = found[row]!));
  }
  return continuations;
}

function checkPrompt(prompt: readonly number[], what: string, maxNew: number, config: ModelConfig): void {
  if (prompt.length === 0) throw new InputError(`${what} is empty; give at least one token id`);
  const bad = prompt.find((id) => !Number.isInteger(id) || id < 0 || id >= config.vocabSize);
  if (bad !== undefined) throw new InputError(`${what}: id ${bad} is outside the vocabulary of ${config.vocabSize}`);
  const needed = prompt.length + maxNew - 1; // the last token is not read
  if (needed > config.maxPositions)
    throw new InputError(`${what} and its continuation need ${needed} positions; the model has ${config.maxPositions}`);
}

/** Places of prompts of one length each, as many together as memory allows. */
function* groupsOf(prompts: readonly (readonly number[])[], maxNew: number, config: ModelConfig): Generator<number[]> {
  const byLength = new Map<number, number[]>();
  prompts.forEach(({ length }, i) => byLength.set(length, [...(byLength.get(length) ?? []), i]));
  const bytesPerToken = 2 * config.numLayers * config.hiddenSize * Float32Array.BYTES_PER_ELEMENT;
  for (const [length, places] of [...byLength].sort(([a], [b]) => a - b)) {
    const fitting = Math.min(
      MOST_ROWS,
      Math.floor(TOKENS_PER_PASS / length),
      Math.floor(MOST_CACHE_BYTES / (bytesPerToken * (length + maxNew))),
    );
    const numRows = Math.max(1, fitting);
    for (let start = 0; start < places.length; start += numRows) yield places.slice(start, start + numRows);
  }
}

/** Continues prompts of one length side by side until each has ended. */
async function continueRows(
  model: GeneratingModel,
  prompts: readonly (readonly number[])[],
  hasEnded: (row: number, continuation: readonly number[]) => boolean,
): Promise<number[][]> {
  const continuations = prompts.map((): number[] => []);
  const cache = new KeyValueCache(model.config.numLayers);
  try {
    let rows = [...prompts.keys()];
    let next = await read(model, cache, prompts.flat(), { batch: rows.length, start: 0 });
    for (let start = prompts[0]!.length; ; start++) {
      rows.forEach((row, i) => continuations[row]!.push(next[i]!));
      const staying = [...rows.keys()].filter((i) => !hasEnded(rows[i]!, continuations[rows[i]!]!));
      if (staying.length === 0) return continuations;
      if (staying.length < rows.length) cache.keepRows(Int32Array.from(staying), rows.length);
      rows = staying.map((i) => rows[i]!);
      const ids = staying.map((i) => next[i]!);
      next = await read(model, cache, ids, { batch: rows.length, start });
    }
  } finally {
    cache.dispose();
  }
}

/** Reads the ids of all rows, row by row, from position `start` on, and gives the most likely token after each row. */
async function read(
  { parameters, config }: GeneratingModel,
  cache: KeyValueCache,
  ids: readonly number[],
  { batch, start }: { readonly batch: number; readonly start: number },
): Promise<ArrayLike<number>> {
  const length = ids.length / batch; // T
  const best = tf.tidy(() => {
    const tables = attentionTables(config, length, SCORING_SWITCHES.rope, start);
    const shape = { batch, length, heads: config.numHeads, headSize: headSize(config) };
    const attend = (qkv: tf.Tensor2D, layer: number) =>
      start === 0 ? cache.readPrompt(layer, qkv, shape, tables) : cache.readToken(layer, qkv, shape, tables);
    const hidden = hiddenStatesWith(parameters, config, Int32Array.from(ids), SCORING_SWITCHES, attend); // [B·T, C]
    const byRow = tf.reshape(hidden, [batch, length, config.hiddenSize]);
    const last = tf.reshape(tf.slice(byRow, [0, length - 1, 0], [batch, 1, -1]), [batch, config.hiddenSize]);
    return likeliestTokens(last as tf.Tensor2D, parameters['embed_out.weight'] as tf.Tensor2D);
  });
  try {
    return (await best.data()) as Int32Array;
  } finally {
    best.dispose();
  }
}
