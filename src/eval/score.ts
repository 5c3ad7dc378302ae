// A benchmark and a model → an evaluation: scores with their uncertainty, and every item behind them. Stop of the road: evaluate.
import { DataError, InputError } from '../errors.ts';
import { benchmarkSha256, readBenchmarkFiles, type Benchmark, type BenchmarkFile } from './benchmarks.ts';
import { REVISED_PAIRS } from './benchmark-sources.ts';
import { parseCrowsPairs, scoreCrowsPairs, type CrowsPair } from './crows-pairs.ts';
import { evaluationOf, PROTOCOLS_OF, type Evaluation, type Protocol } from './evaluation.ts';
import { parsePassages, scorePassages } from './lambada.ts';
import type { ScoringModel } from './likelihood.ts';
import type { Item } from './metrics.ts';
import { parseTokenRows, scoreTokenRows } from './perplexity.ts';
import { scorePronounChoices } from './pronoun-choice.ts';
import { checkRevisedCounts, parseRevisedPairs } from './revised-pairs.ts';
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
  return evaluationOf(benchmark.name, sha256, await scoreFiles(benchmark, files, model, protocol), protocol);
}

/**
 * Reads every item of the benchmark without scoring any, and counts them. Throws DataError when a file is not in its format, or not what
 * the benchmark's name says.
 */
export function countItems(benchmark: Benchmark): number {
  const files = readBenchmarkFiles(benchmark.kind, benchmark.path);
  const file = files[0]!; // every benchmark has one
  switch (benchmark.kind) {
    case 'winobias':
      return parseWinoBias(files).length;
    case 'crows-pairs':
      return parseCrowsPairs(file).length;
    case 'crows-pairs-revised':
      return revisedPairs(benchmark, file).length;
    case 'lambada':
      return parsePassages(file).length;
    case 'perplexity':
      return parseTokenRows(file).length;
  }
}

function scoreFiles(
  benchmark: Benchmark,
  files: readonly BenchmarkFile[],
  model: ScoringModel,
  protocol: Protocol,
): Promise<Item[]> {
  const file = files[0]!; // every benchmark has one
  switch (benchmark.kind) {
    case 'winobias':
      return protocol === 'pronoun-choice'
        ? scorePronounChoices(parseTwins(files), model)
        : scoreWinoBias(parseWinoBias(files), model);
    case 'crows-pairs':
      return scoreCrowsPairs(parseCrowsPairs(file), model, protocol);
    case 'crows-pairs-revised':
      return scoreCrowsPairs(revisedPairs(benchmark, file), model, protocol);
    case 'lambada':
      return scorePassages(parsePassages(file), model);
    case 'perplexity':
      return scoreTokenRows(parseTokenRows(file), model);
  }
}

function revisedPairs({ name, path }: Benchmark, file: BenchmarkFile): readonly CrowsPair[] {
  const pairs = parseRevisedPairs(file);
  if (name === REVISED_PAIRS) checkRevisedCounts(pairs, path);
  return pairs;
}
