// The texts of a benchmark's items, in the order in which its protocol counts them: what is stored of an item are its figures alone. No tensors.
import { DataError } from '../errors.ts';
import { readBenchmarkFiles } from './benchmarks.ts';
import { parseCrowsPairs } from './crows-pairs.ts';
import { parsePassages } from './lambada.ts';
import { pronounChoiceTexts } from './pronoun-choice.ts';
import { openConllSet, questionsOf } from './pythia-em-files.ts';
import { answerSettings, revisedPairs, type ScoringTask } from './scoring-task.ts';
import { parseTwins, parseWinoBias } from './winobias.ts';

/** Of each item its texts, the stereotyped one first. Throws DataError for a set of token ids, which has no texts. */
export function itemTexts({ benchmark, protocol, settings }: ScoringTask): readonly (readonly string[])[] {
  const { kind, path, name } = benchmark;
  if (kind === 'winobias-conll') {
    const questions = questionsOf(openConllSet(benchmark), answerSettings(settings));
    return questions.map(({ prompts }) => prompts.map(({ prompt }) => prompt));
  }
  const files = readBenchmarkFiles(kind, path);
  const file = files[0]!; // every benchmark has one
  switch (kind) {
    case 'winobias':
      return protocol === 'pronoun-choice'
        ? pronounChoiceTexts(parseTwins(files))
        : parseWinoBias(files).map(({ pro, anti }) => [pro, anti]);
    case 'crows-pairs':
      return parseCrowsPairs(file).map(({ sentMore, sentLess }) => [sentMore, sentLess]);
    case 'crows-pairs-revised':
      return revisedPairs(benchmark, file).map(({ sentMore, sentLess }) => [sentMore, sentLess]);
    case 'lambada':
      return parsePassages(file).map(({ context, word }) => [context + word]);
    case 'perplexity':
      throw new DataError(`${name} is a set of token ids: it has no texts to show`);
  }
}
