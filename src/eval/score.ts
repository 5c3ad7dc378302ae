// A benchmark and a model → an evaluation: scores with their uncertainty, and every item behind them. Stop of the road: evaluate.
import { DataError, InputError } from '../errors.ts';
import type { Protocol } from '../job-spec.ts';
import { benchmarkSha256, readBenchmarkFiles, type Benchmark, type BenchmarkFile } from './benchmarks.ts';
import { parseCrowsPairs, scoreCrowsPairs } from './crows-pairs.ts';
import { evaluationOf, type Evaluation } from './evaluation.ts';
import { parsePassages, scorePassages } from './lambada.ts';
import type { ScoringModel } from './likelihood.ts';
import type { Item } from './metrics.ts';
import { parseTokenRows, scoreTokenRows } from './perplexity.ts';
import { scorePronounChoices } from './pronoun-choice.ts';
import { evaluatePythiaEm, PYTHIA_EM_DEFAULTS, type TextGenerator } from './pythia-em.ts';
import { openConllSet } from './pythia-em-files.ts';
import { answerSettings, checkProtocol, revisedPairs, type ScoringTask } from './scoring-task.ts';
import { parseTwins, parseWinoBias, scoreWinoBias } from './winobias.ts';

/** Scores a benchmark as a job asks for it. Throws what `evaluateBenchmark` throws. */
export async function evaluateTask(
  { benchmark, protocol, settings }: ScoringTask,
  model: ScoringModel,
  generator: TextGenerator,
): Promise<Evaluation> {
  if (benchmark.kind !== 'winobias-conll') return evaluateBenchmark(benchmark, model, protocol);
  checkProtocol(benchmark, protocol);
  const files = openConllSet(benchmark);
  checkUnchanged(benchmark, files.sha256);
  return evaluatePythiaEm(files, generator, { ...PYTHIA_EM_DEFAULTS, ...answerSettings(settings) });
}

/**
 * Scores every item of the benchmark, in file order. Throws DataError when a file is not in its format or has changed since the
 * benchmark was opened, InputError for a protocol that this kind of benchmark has not, and what the model throws.
 */
export async function evaluateBenchmark(
  benchmark: Benchmark,
  model: ScoringModel,
  protocol: Protocol = 'likelihood',
): Promise<Evaluation> {
  checkProtocol(benchmark, protocol);
  if (protocol === 'pythia-em') throw new InputError('pythia-em continues texts: score it with evaluateTask');
  const files = readBenchmarkFiles(benchmark.kind, benchmark.path);
  const sha256 = benchmarkSha256(files);
  checkUnchanged(benchmark, sha256);
  return evaluationOf(benchmark.name, sha256, await scoreFiles(benchmark, files, model, protocol), protocol);
}

function checkUnchanged({ name, path, sha256: expected }: Benchmark, found: string): void {
  if (found === expected) return;
  throw new DataError(
    `${path}: expected the files of ${name} with SHA-256 ${expected}; found ${found}: they have changed`,
  );
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
    case 'winobias-conll':
      throw new Error('bug: answers are scored by evaluateTask');
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
