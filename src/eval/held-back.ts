// Capability beside bias: perplexity on samples of the job's own dataset that no training step reads.
import { createHash } from 'node:crypto';
import type { ScoringModel } from './likelihood.ts';
import { scoresOf } from './metrics.ts';
import { scoreTokenRows } from './perplexity.ts';
import type { Evaluation } from './score.ts';

export const HELD_BACK = 'held-back';

/** Scores rows of T + 1 token ids under the name `held-back`; the rows' SHA-256 (ids as JSON) identifies them. */
export async function scoreHeldBack(
  rows: readonly (readonly number[])[],
  model: Pick<ScoringModel, 'tokenLogProbs' | 'encode'>,
): Promise<Evaluation> {
  const items = await scoreTokenRows(rows, model);
  const sha256 = createHash('sha256').update(JSON.stringify(rows)).digest('hex');
  return {
    benchmark: HELD_BACK,
    protocol: 'likelihood',
    sha256,
    numItems: items.length,
    scores: scoresOf(items),
    items,
  };
}
