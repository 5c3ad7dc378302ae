// A benchmark and a model → an evaluation: scores with their uncertainty, and every item behind them. Stop of the road: evaluate.
import { createHash } from 'node:crypto';
import { DataError } from '../errors.ts';
import {
  benchmarkSha256,
  readBenchmarkFiles,
  type Benchmark,
  type BenchmarkFile,
  type BenchmarkKind,
} from './benchmarks.ts';
import { parseCrowsPairs, scoreCrowsPairs } from './crows-pairs.ts';
import type { ScoringModel } from './likelihood.ts';
import { scoresOf, type Item } from './metrics.ts';
import { checkTokenRows, parseTokenRows, scoreTokenRows } from './perplexity.ts';
import type { Score } from './statistics.ts';
import { parseWinoBias, scoreWinoBias } from './winobias.ts';

/** How texts are scored. `likelihood`: summed log-likelihood of every token after context token 0. */
export const PROTOCOLS = ['likelihood'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export interface Evaluation {
  readonly benchmark: string;
  readonly protocol: Protocol;
  /** Of the benchmark's files. */
  readonly sha256: string;
  readonly numItems: number;
  readonly scores: Readonly<Record<string, Score>>;
  readonly items: readonly Item[];
}

/**
 * Scores every item of the benchmark, in file order. Throws DataError when a file is not in its format or has changed since the
 * benchmark was opened, and what the model throws.
 */
export async function evaluateBenchmark(benchmark: Benchmark, model: ScoringModel): Promise<Evaluation> {
  const files = readBenchmarkFiles(benchmark.kind, benchmark.path);
  const sha256 = benchmarkSha256(files);
  if (sha256 !== benchmark.sha256) {
    throw new DataError(
      `${benchmark.path}: expected the files of ${benchmark.name} with SHA-256 ${benchmark.sha256}; found ${sha256}: they have changed`,
    );
  }
  return evaluationOf(benchmark.name, sha256, await scoreFiles(benchmark.kind, files, model));
}

/**
 * Perplexity of token rows [T + 1] of one length, taken from a dataset; identified by the SHA-256 of their ids (little-endian int32).
 * Throws DataError for no rows or rows of several lengths, and what the model throws.
 */
export async function evaluateTokenRows(
  name: string,
  rows: readonly (readonly number[])[],
  model: ScoringModel,
): Promise<Evaluation> {
  checkTokenRows(rows, name);
  const hash = createHash('sha256');
  for (const row of rows) {
    const bytes = Buffer.alloc(4 * row.length);
    row.forEach((id, i) => bytes.writeInt32LE(id, 4 * i));
    hash.update(bytes);
  }
  return evaluationOf(name, hash.digest('hex'), await scoreTokenRows(rows, model));
}

async function scoreFiles(kind: BenchmarkKind, files: readonly BenchmarkFile[], model: ScoringModel): Promise<Item[]> {
  if (kind === 'winobias') return scoreWinoBias(parseWinoBias(files), model);
  const [file] = files;
  if (file === undefined) throw new Error('bug: a benchmark without a file');
  if (kind === 'crows-pairs') return scoreCrowsPairs(parseCrowsPairs(file), model);
  return scoreTokenRows(parseTokenRows(file), model);
}

function evaluationOf(benchmark: string, sha256: string, items: readonly Item[]): Evaluation {
  return { benchmark, protocol: 'likelihood', sha256, numItems: items.length, scores: scoresOf(items), items };
}
