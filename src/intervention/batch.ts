// Rewrites a batch of token rows and proves it: dataset → replay → *rewrite* → train. Rows keep their length, tokens outside edits
// stay as they are, and what is drawn depends on the seed and on the place in the data alone, never on order or batching.
import type { RewriteOptions } from '../../augmentation/rewrite.ts';
import { findPolicy } from '../../augmentation/policies.ts';
import { batchSha256, type Batch } from '../data/replay.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { InputError } from '../errors.ts';
import { isHistorical, type Direction, type Policy, type ProbabilityUnit, type WordPairs } from '../job-spec.ts';
import { drawUniform } from './draw.ts';
import { rewriteHistorically } from './historical.ts';
import { rewriteRow, type DocumentOptions, type RewrittenRow } from './row.ts';
import { openEditSample, type EditSample } from './edit-sample.ts';
import { tokenBytesOf } from './token-bytes.ts';

/** What happens to the text of a run's batches. */
export interface Intervention {
  readonly policy: Policy;
  readonly direction: Direction;
  /** Share of what is rewritten, 0–1; `balanced` swaps half of the documents first. */
  readonly probability: number;
  /** What the probability is of; documents when left out. Historical policies know rows only. */
  readonly per?: ProbabilityUnit;
  /** morph-v1 only: gendered words that change beside the pronouns. */
  readonly wordPairs?: readonly WordPairs[];
  /** An integer in [0, 2^32). */
  readonly seed: number;
}

/** What was done to one batch. Counts are of edits that the new batch holds. */
export interface Proof {
  readonly sha256Before: string;
  readonly sha256After: string;
  readonly numRowsChanged: number;
  readonly numEdits: number;
  readonly editsByRule: Readonly<Record<string, number>>;
  /** Tokens that fell off the ends of rows because words before them needed more tokens. */
  readonly numTokensCut: number;
  /** Edits written in more tokens than the tokenizer would use, so that the row keeps its length. */
  readonly numResegmented: number;
  /** At most eight edits, chosen by hash, in the order of the batch. */
  readonly samples: readonly EditSample[];
}

export interface RewrittenBatch {
  readonly batch: Batch;
  readonly proof: Proof;
}

/** What is drawn for a document, so that no two draws are the same. */
const DRAW_REWRITTEN = 1;
const DRAW_BALANCED = 2;
const DRAW_OCCURRENCE = 3;

/**
 * The batch with its documents rewritten; the same batch when nothing changes. Throws InputError for an impossible
 * intervention and DataError for a token id that the tokenizer lacks.
 */
export function rewriteBatch(batch: Batch, tokenizer: Tokenizer, intervention: Intervention): RewrittenBatch {
  checkIntervention(intervention);
  const sha256Before = batchSha256(batch);
  const { firstSample, numRows, rowLength } = batch;
  const editsByRule: Record<string, number> = {};
  const sampled = openEditSample(intervention.seed, batch.step);
  let tokens: Int32Array | undefined;
  const counts = { numRowsChanged: 0, numEdits: 0, numTokensCut: 0, numResegmented: 0 };
  for (let row = 0; row < numRows && intervention.probability > 0; row++) {
    const sample = firstSample + row;
    const before = batch.tokens.subarray(row * rowLength, (row + 1) * rowLength);
    const where = `step ${batch.step}, sample ${sample}`;
    const rewritten = rewriteSample(tokenizer, before, intervention, sample, where);
    if (rewritten === undefined) continue;
    tokens ??= batch.tokens.slice();
    tokens.set(rewritten.tokens, row * rowLength);
    counts.numRowsChanged++;
    counts.numEdits += rewritten.edits.length;
    counts.numTokensCut += rewritten.numTokensCut;
    counts.numResegmented += rewritten.numResegmented;
    rewritten.edits.forEach((edit, index) => {
      editsByRule[edit.edit.rule] = (editsByRule[edit.edit.rule] ?? 0) + 1;
      sampled.offer(edit, { row, sample, index });
    });
  }
  const after = tokens === undefined ? batch : { ...batch, tokens };
  const sha256After = tokens === undefined ? sha256Before : batchSha256(after);
  return { batch: after, proof: { sha256Before, sha256After, ...counts, editsByRule, samples: sampled.take() } };
}

/** One row by itself, drawn for as in its batch; undefined when nothing in it changes. Throws as rewriteBatch does. */
export function rewriteSample(
  tokenizer: Tokenizer,
  tokens: Int32Array,
  intervention: Intervention,
  sample: number,
  where: string,
): RewrittenRow | undefined {
  const { policy, probability } = intervention;
  if (!isHistorical(policy)) return rewriteRow(tokenBytesOf(tokenizer), tokens, optionsOf(intervention, sample), where);
  // The historical codes know no documents: the draw is the row's.
  if (probability < 1 && drawFor(intervention, sample, 0, DRAW_REWRITTEN) >= probability) return undefined;
  return rewriteHistorically(policy, tokenizer, tokens);
}

function checkIntervention({ policy, direction, probability, seed, per, wordPairs = [] }: Intervention): void {
  findPolicy(policy, direction);
  if (!(probability >= 0 && probability <= 1))
    throw new InputError(`intervention.probability: expected a number from 0 to 1, found ${probability}`);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new InputError(`intervention.seed: expected an integer from 0 to 4294967295, found ${seed}`);
  if (wordPairs.length > 0 && policy !== 'morph-v1')
    throw new InputError(`intervention.wordPairs: ${policy} changes no such words; take morph-v1`);
  if (per === 'occurrence' && isHistorical(policy))
    throw new InputError(`intervention.per: ${policy} acts on whole rows, not on occurrences`);
}

/** Draws are the same for the same seed, sample and place in the row, whatever else is read. */
function optionsOf(intervention: Intervention, sample: number): DocumentOptions {
  const { policy, direction, probability, per, wordPairs = [] } = intervention;
  return (document): RewriteOptions | undefined => {
    const draw = (...purpose: number[]) => drawFor(intervention, sample, document, ...purpose);
    const options = { policy, direction, wordPairs, chance: () => draw(DRAW_BALANCED) };
    if (probability === 1) return options;
    if (per === 'occurrence')
      return { ...options, occurrences: { probability, draw: (index) => draw(DRAW_OCCURRENCE, index) } };
    return draw(DRAW_REWRITTEN) < probability ? options : undefined;
  };
}

function drawFor({ seed }: Intervention, sample: number, document: number, ...purpose: number[]): number {
  return drawUniform(seed, [sample % 2 ** 32, Math.floor(sample / 2 ** 32), document, ...purpose]);
}
