// Log-likelihoods of token rows of any length: sorted by length, padded on the right, scored in bounded batches. The causal
// mask keeps padding from changing any score.
import { InputError } from '../errors.ts';
import type { ModelConfig } from './config.ts';
import { logProbs, SCORING_SWITCHES, type ForwardSwitches, type Parameters } from './gpt-neox.ts';

/** Tokens of one forward pass when scoring; bounds the memory of activations. */
const TOKENS_PER_PASS = 2048;

/**
 * For each row, log P of every token but the first given those before it, in nats. Tells how many rows are scored.
 * Throws InputError for an empty row, a row beyond the model's positions or an id outside its vocabulary.
 */
export async function tokenLogProbs(
  model: { readonly parameters: Parameters; readonly config: ModelConfig },
  rows: readonly (readonly number[])[],
  switches: ForwardSwitches = SCORING_SWITCHES,
  onProgress: (numScored: number) => void = () => undefined,
): Promise<Float64Array[]> {
  rows.forEach((row, index) => checkRow(row, index, model.config));
  const results = rows.map((row) => new Float64Array(row.length - 1));
  const order = rows.map((_, index) => index).filter((index) => rows[index]!.length > 1);
  order.sort((a, b) => rows[a]!.length - rows[b]!.length || a - b);
  let numScored = rows.length - order.length;
  for (const group of groupsOf(order, rows)) {
    const length = rows[group[group.length - 1]!]!.length - 1;
    const { ids, labels } = pad(group, rows, length);
    const values = await logProbs(
      model.parameters,
      model.config,
      { ids, batch: group.length, length },
      labels,
      switches,
    );
    group.forEach((index, place) => {
      const result = results[index]!;
      for (let t = 0; t < result.length; t++) result[t] = values[place * length + t]!;
    });
    numScored += group.length;
    onProgress(numScored);
  }
  return results;
}

/** Throws InputError for an empty row, one beyond the model's positions, or an id outside its vocabulary. */
export function checkRow(row: readonly number[], index: number, config: ModelConfig): void {
  if (row.length === 0) throw new InputError(`row ${index} is empty; a row needs at least one token`);
  if (row.length - 1 > config.maxPositions)
    throw new InputError(
      `row ${index} has ${row.length} tokens; the model reads at most ${config.maxPositions} at once`,
    );
  const bad = row.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= config.vocabSize);
  if (bad >= 0)
    throw new InputError(`row ${index}, token ${bad}: id ${row[bad]} is outside the vocabulary of ${config.vocabSize}`);
}

/** Places of rows that go through the model together, from an order by length. */
export function* groupsOf(order: readonly number[], rows: readonly (readonly number[])[]): Generator<number[]> {
  let group: number[] = [];
  for (const index of order) {
    if (group.length > 0 && (group.length + 1) * (rows[index]!.length - 1) > TOKENS_PER_PASS) {
      yield group;
      group = [];
    }
    group.push(index);
  }
  if (group.length > 0) yield group;
}

/** Inputs and labels of a group of rows, [B·T], padded on the right. */
export function pad(group: readonly number[], rows: readonly (readonly number[])[], length: number) {
  const ids = new Int32Array(group.length * length);
  const labels = new Int32Array(group.length * length);
  group.forEach((index, place) => {
    const row = rows[index]!;
    ids.set(row.slice(0, -1), place * length);
    labels.set(row.slice(1), place * length);
  });
  return { ids, labels };
}
