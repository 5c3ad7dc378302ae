// A benchmark and a model → an evaluation: scores with their uncertainty, and every item behind them. Stop of the road: evaluate.
import { DataError, InputError } from '../errors.ts';
import {
  benchmarkSha256,
  readBenchmarkFiles,
  type Benchmark,
  type BenchmarkFile,
  type BenchmarkKind,
} from './benchmarks.ts';
import { parseCrowsPairs, scoreCrowsPairs } from './crows-pairs.ts';
import { evaluationOf, PROTOCOLS_OF, type Evaluation, type Protocol } from './evaluation.ts';
import type { ScoringModel } from './likelihood.ts';
import type { Item } from './metrics.ts';
import { parseTokenRows, scoreTokenRows } from './perplexity.ts';
import { scorePronounChoices } from './pronoun-choice.ts';
import { parseTwins, parseWinoBias, scoreWinoBias } from './winobias.ts';

/**
 * Scores every item of the benchmark, in file order. Throws DataError when a file is not in its format or has changed since the
 * benchmark was opened, InputError for a protocol that this kind of benchmark has not, and what the model throws.
 */
export async function evaluateBenchmark(
  benchmark: Benchmark,
  model: ScoringModel,
  protocol: Protocol = 'likelihood',
): Promise<Evaluation> {
  const own: readonly Protocol[] = PROTOCOLS_OF[benchmark.kind].filter((name) => name !== 'pythia-em');
  if (!own.includes(protocol)) {
    const why = protocol === 'pythia-em' ? 'needs the CoNLL files and templates' : 'is for another kind of benchmark';
    throw new InputError(`${benchmark.name} is scored here by the protocol ${own.join(' or ')}; ${protocol} ${why}`);
  }
  const files = readBenchmarkFiles(benchmark.kind, benchmark.path);
  const sha256 = benchmarkSha256(files);
  if (sha256 !== benchmark.sha256) {
    throw new DataError(
      `${benchmark.path}: expected the files of ${benchmark.name} with SHA-256 ${benchmark.sha256}; found ${sha256}: they have changed`,
    );
  }
  return evaluationOf(benchmark.name, sha256, await scoreFiles(benchmark.kind, files, model, protocol), protocol);
}

/** Reads every item of the benchmark without scoring any, and counts them. Throws DataError when a file is not in its format. */
export function countItems({ kind, path }: Benchmark): number {
  const files = readBenchmarkFiles(kind, path);
  if (kind === 'winobias') return parseWinoBias(files).length;
  return kind === 'crows-pairs' ? parseCrowsPairs(files[0]!).length : parseTokenRows(files[0]!).length; // one file
}

async function scoreFiles(
  kind: BenchmarkKind,
  files: readonly BenchmarkFile[],
  model: ScoringModel,
  protocol: Protocol,
): Promise<Item[]> {
  if (protocol === 'pronoun-choice') return scorePronounChoices(parseTwins(files), model);
  if (kind === 'winobias') return scoreWinoBias(parseWinoBias(files), model);
  const [file] = files;
  if (file === undefined) throw new Error('bug: a benchmark without a file');
  if (kind === 'crows-pairs') return scoreCrowsPairs(parseCrowsPairs(file), model, protocol);
  return scoreTokenRows(parseTokenRows(file), model);
}
