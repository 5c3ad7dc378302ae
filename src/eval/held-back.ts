// Perplexity on samples of the job's own dataset that no training step reads.
import { createHash } from 'node:crypto';
import { evaluationOf, type Evaluation } from './evaluation.ts';
import type { ScoringModel } from './likelihood.ts';
import { checkTokenRows, scoreTokenRows } from './perplexity.ts';

/** The benchmark's name of rows that come from the dataset itself. */
export const HELD_BACK = 'held-back';

/**
 * Scores rows [T + 1] of token ids, identified by the SHA-256 of the ids (little-endian int32). Throws DataError for no rows or rows
 * of several lengths, and what the model throws.
 */
export async function scoreHeldBack(rows: readonly (readonly number[])[], model: ScoringModel): Promise<Evaluation> {
  checkTokenRows(rows, HELD_BACK);
  const hash = createHash('sha256');
  for (const row of rows) {
    const bytes = Buffer.alloc(4 * row.length);
    row.forEach((id, i) => bytes.writeInt32LE(id, 4 * i));
    hash.update(bytes);
  }
  return evaluationOf(HELD_BACK, hash.digest('hex'), await scoreTokenRows(rows, model));
}
