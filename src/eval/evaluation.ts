// The result of scoring one benchmark: what is stored, sent and shown.
import { scoresOf, type Item } from './metrics.ts';
import type { Score } from './statistics.ts';

/**
 * How texts are scored. `likelihood`: summed log-likelihood of every token after the first of its row, in nats. For sentence pairs also
 * `fp16-emulated`, the same with every log P and their sum rounded to half precision, as published figures were; and `shared-tokens`, only
 * over the tokens that both sentences have, after the official CrowS-Pairs metric but for causal models.
 */
export const PROTOCOLS = ['likelihood', 'fp16-emulated', 'shared-tokens'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export interface Evaluation {
  readonly benchmark: string;
  readonly protocol: Protocol;
  /** Of the benchmark's files, or of the token ids of rows that come from a dataset. */
  readonly sha256: string;
  readonly numItems: number;
  readonly scores: Readonly<Record<string, Score>>;
  /** In file order. */
  readonly items: readonly Item[];
}

/** The evaluation that the items make up. */
export function evaluationOf(
  benchmark: string,
  sha256: string,
  items: readonly Item[],
  protocol: Protocol = 'likelihood',
): Evaluation {
  return { benchmark, protocol, sha256, numItems: items.length, scores: scoresOf(items), items };
}
