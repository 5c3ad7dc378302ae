// The last tokens of rows: their log-likelihoods, and whether each is the likeliest at its place. The output embedding is applied at those places
// alone, which for a passage of 80 tokens with a last word of two spares most of its cost.
import * as tf from '@tensorflow/tfjs-core';
import { InputError } from '../errors.ts';
import { labelLogProbs } from '../tensor/cross-entropy.ts';
import type { ModelConfig } from './config.ts';
import { hiddenStates, SCORING_SWITCHES, type Parameters } from './gpt-neox.ts';
import { likeliestTokens } from './likeliest.ts';
import { checkRow, groupsOf, pad } from './likelihood.ts';

/** The last tokens of one row, in their order. */
export interface RowEnd {
  /** Nats. */
  readonly logProbs: Float64Array;
  /** Whether no token is likelier; of equals the lowest id counts. */
  readonly isLikeliest: readonly boolean[];
}

/**
 * Of each row the last `numLast[row]` tokens given those before them. A row beyond the model's positions loses its beginning, as
 * lm-evaluation-harness cuts it. Throws InputError for a bad id, and for ends that leave no token before them or do not fit.
 */
export async function scoreEnds(
  model: { readonly parameters: Parameters; readonly config: ModelConfig },
  rows: readonly (readonly number[])[],
  numLast: readonly number[],
): Promise<RowEnd[]> {
  const cut = rows.map((row) => row.slice(-(model.config.maxPositions + 1)));
  cut.forEach((row, index) => {
    checkRow(row, index, model.config);
    const wanted = numLast[index] ?? 0;
    if (wanted >= 1 && wanted < row.length) return;
    throw new InputError(
      `row ${index}: ${wanted} last tokens are to be scored; ${row.length} tokens allow 1 to ${row.length - 1}`,
    );
  });
  const results: RowEnd[] = [];
  const order = cut.map((_, index) => index).sort((a, b) => cut[a]!.length - cut[b]!.length || a - b);
  for (const group of groupsOf(order, cut)) {
    const ends = await scoreGroup(model, group, cut, numLast);
    group.forEach((index, place) => (results[index] = ends[place]!)); // one end a row of the group
  }
  return results;
}

async function scoreGroup(
  { parameters, config }: { readonly parameters: Parameters; readonly config: ModelConfig },
  group: readonly number[],
  rows: readonly (readonly number[])[],
  numLast: readonly number[],
): Promise<RowEnd[]> {
  const length = rows[group[group.length - 1]!]!.length - 1; // the longest is the last
  const { ids, labels } = pad(group, rows, length);
  const places = group.flatMap((index, place) => {
    const end = place * length + rows[index]!.length - 1;
    return Array.from({ length: numLast[index]! }, (_, i) => end - numLast[index]! + i);
  });
  const wanted = Int32Array.from(places, (place) => labels[place]!);
  const [logProbs, likeliest] = tf.tidy(() => {
    const grid = { ids, batch: group.length, length };
    const hidden = hiddenStates(parameters, config, grid, SCORING_SWITCHES); // [B·T, C]
    const atPlaces = tf.gather(hidden, tf.tensor1d(places, 'int32')); // [P, C]
    const embedding = parameters['embed_out.weight'] as tf.Tensor2D; // [V, C]
    const logProbs = labelLogProbs(atPlaces, embedding, tf.tensor1d(wanted, 'int32'));
    return [logProbs, likeliestTokens(atPlaces, embedding)];
  });
  try {
    const values = await logProbs!.data();
    const best = await likeliest!.data();
    let next = 0;
    return group.map((index) => {
      const from = next;
      next += numLast[index]!; // as many ends as rows, checked
      const isLikeliest = Array.from(wanted.subarray(from, next), (id, i) => best[from + i] === id);
      return { logProbs: Float64Array.from(values.slice(from, next)), isLikeliest };
    });
  } finally {
    tf.dispose([logProbs!, likeliest!]);
  }
}
