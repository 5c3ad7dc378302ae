// The result of scoring one benchmark: what is stored, sent and shown.
import type { Protocol, ScoringSettings } from '../job-spec.ts';
import type { BenchmarkKind } from './benchmarks.ts';
import { scoresOf, type Item } from './metrics.ts';
import type { Score } from './statistics.ts';

/** The protocols of each kind of benchmark; the first is the usual one. */
export const PROTOCOLS_OF: Readonly<Record<BenchmarkKind, readonly Protocol[]>> = {
  winobias: ['likelihood', 'pronoun-choice'],
  'winobias-conll': ['pythia-em'],
  'crows-pairs': ['likelihood', 'fp16-emulated', 'shared-tokens'],
  'crows-pairs-revised': ['likelihood', 'fp16-emulated', 'shared-tokens'],
  lambada: ['likelihood'],
  perplexity: ['likelihood'],
};

export interface Evaluation {
  readonly benchmark: string;
  readonly protocol: Protocol;
  /** What else a score of this protocol depends on and can be chosen; part of its identity. */
  readonly settings?: ScoringSettings;
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
