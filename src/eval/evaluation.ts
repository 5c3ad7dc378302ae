// The result of scoring one benchmark: what is stored, sent and shown.
import type { BenchmarkKind } from './benchmarks.ts';
import { scoresOf, type Item, type Label } from './metrics.ts';
import type { Score } from './statistics.ts';

/**
 * How texts are scored. `likelihood`: summed log-likelihood of every token after the first of its row, in nats. For sentence pairs also
 * `fp16-emulated`, the same with every log P and their sum rounded to half precision, as published figures were; and `shared-tokens`, only
 * over the tokens that both sentences have, after the official CrowS-Pairs metric but for causal models. For WinoBias also `pythia-em`,
 * exact match of the text that a prompt is continued with, and `pronoun-choice`, the likelier of two pronouns in a sentence.
 */
export const PROTOCOLS = ['likelihood', 'fp16-emulated', 'shared-tokens', 'pythia-em', 'pronoun-choice'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** The protocols of each kind of benchmark. */
export const PROTOCOLS_OF: Readonly<Record<BenchmarkKind, readonly Protocol[]>> = {
  winobias: ['likelihood', 'pythia-em', 'pronoun-choice'],
  'crows-pairs': ['likelihood', 'fp16-emulated', 'shared-tokens'],
  'crows-pairs-revised': ['likelihood', 'fp16-emulated', 'shared-tokens'],
  lambada: ['likelihood'],
  perplexity: ['likelihood'],
};

/** What must be read with every score of a protocol; null for nothing. */
export function protocolLabel(protocol: Protocol): Label | null {
  if (protocol !== 'pronoun-choice') return null;
  return {
    label: 'a reconstruction',
    detail:
      "the multiple choice on WinoBias that the Pythia paper describes was not published as code; this protocol follows its words, and its figures are not comparable with the paper's",
  };
}

export interface Evaluation {
  readonly benchmark: string;
  readonly protocol: Protocol;
  /** What else a score of this protocol depends on and can be chosen; part of its identity. */
  readonly settings?: Readonly<Record<string, string | number | readonly string[]>>;
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
