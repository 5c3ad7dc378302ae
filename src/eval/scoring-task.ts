// A benchmark with the protocol that scores it, before any model is there: whether they fit, how many items and texts there are. No tensors.
import { InputError } from '../errors.ts';
import { ANSWER_DEFAULTS, type Protocol, type Scoring } from '../job-spec.ts';
import { REVISED_PAIRS } from './benchmark-sources.ts';
import { CONLL_SET, readBenchmarkFiles, type Benchmark, type BenchmarkFile } from './benchmarks.ts';
import { parseCrowsPairs, type CrowsPair } from './crows-pairs.ts';
import { PROTOCOLS_OF } from './evaluation.ts';
import { parsePassages } from './lambada.ts';
import { parseTokenRows } from './perplexity.ts';
import { countPronounChoices } from './pronoun-choice.ts';
import { checkTemplates, countTwins, openConllSet, questionsOf } from './pythia-em-files.ts';
import { checkRevisedCounts, parseRevisedPairs } from './revised-pairs.ts';
import { parseTwins, parseWinoBias } from './winobias.ts';

/** A benchmark and how it is scored. */
export type ScoringTask = Omit<Scoring, 'benchmark'> & { readonly benchmark: Benchmark };

/** Throws InputError for a protocol that this kind of benchmark has not, or a template that its files have not. */
export function checkTask({ benchmark, protocol, settings }: ScoringTask): void {
  checkProtocol(benchmark, protocol);
  if (benchmark.kind === 'winobias-conll') checkTemplates(openConllSet(benchmark), answerSettings(settings).templates);
}

/** What scoring a model once takes: texts read whole, and tokens that answers have at most. */
export interface ScoringCost {
  readonly numItems: number;
  readonly numTexts: number;
  readonly mostNewTokens: number;
}

/**
 * Reads every item of the benchmark without scoring any, as it would be scored. Throws InputError for a protocol that this kind of benchmark
 * has not or a template that is not there, DataError for files that are not in their format.
 */
export function costOf({ benchmark, protocol, settings }: ScoringTask): ScoringCost {
  checkProtocol(benchmark, protocol);
  if (benchmark.kind === 'winobias-conll') {
    const { templates, promptEdges, maxNew } = answerSettings(settings);
    const numItems = questionsOf(openConllSet(benchmark), { templates, promptEdges }).length;
    return { numItems, numTexts: 2 * numItems, mostNewTokens: 2 * numItems * maxNew }; // twins
  }
  const files = readBenchmarkFiles(benchmark.kind, benchmark.path);
  if (protocol === 'pronoun-choice') {
    const { numItems, numTexts } = countPronounChoices(parseTwins(files));
    return { numItems, numTexts, mostNewTokens: 0 };
  }
  const numItems = countItems(benchmark);
  const isOfPairs = benchmark.kind !== 'lambada' && benchmark.kind !== 'perplexity';
  return { numItems, numTexts: isOfPairs ? 2 * numItems : numItems, mostNewTokens: 0 };
}

/** The settings of pythia-em, which a plan has filled in. */
export function answerSettings(settings: Scoring['settings']): typeof ANSWER_DEFAULTS {
  return { ...ANSWER_DEFAULTS, ...(settings as Partial<typeof ANSWER_DEFAULTS>) };
}

/** Throws InputError for a protocol that this kind of benchmark has not. */
export function checkProtocol({ name, kind }: Benchmark, protocol: Protocol): void {
  const own: readonly Protocol[] = PROTOCOLS_OF[kind];
  if (own.includes(protocol)) return;
  const isAnswers = protocol === 'pythia-em' && kind === 'winobias';
  const why = isAnswers ? `is of ${CONLL_SET}, its CoNLL form with templates` : 'is for another kind of benchmark';
  throw new InputError(`${name} is scored by the protocol ${own.join(' or ')}; ${protocol} ${why}`);
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
    case 'winobias-conll':
      return countTwins(openConllSet(benchmark));
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

/** The revised pairs of a file, as many as there must be under their known name. */
export function revisedPairs({ name, path }: Benchmark, file: BenchmarkFile): readonly CrowsPair[] {
  const pairs = parseRevisedPairs(file);
  if (name === REVISED_PAIRS) checkRevisedCounts(pairs, path);
  return pairs;
}
