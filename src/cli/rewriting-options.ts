// Options of the commands that rewrite: how much is drawn, for what, and which gendered words change beside the pronouns.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { PROBABILITY_UNITS, WORD_PAIRS, type ProbabilityUnit, type WordPairs } from '../job-spec.ts';
import { fraction, wholeNumber } from './options.ts';

export interface RewritingFlags {
  readonly seed: number;
  readonly probability: number;
  readonly per: ProbabilityUnit;
  readonly pairs: readonly WordPairs[];
}

/** Adds --seed, --probability, --per and --pairs. */
export function addRewritingOptions(command: Command): Command {
  return command
    .option('--seed <seed>', 'seed of the draws that `balanced` and --probability need', wholeNumber(0), 1234)
    .option('--probability <share>', 'share of the documents or occurrences that are rewritten', fraction, 1)
    .addOption(new Option('--per <unit>', 'what the probability is of').choices(PROBABILITY_UNITS).default('document'))
    .option(
      '--pairs <kinds>',
      `also change gendered words, with morph-v1: ${WORD_PAIRS.join(',')}`,
      wordPairs,
      [] as WordPairs[],
    );
}

function wordPairs(text: string): WordPairs[] {
  return text.split(',').map((word) => {
    const kind = WORD_PAIRS.find((one) => one === word);
    if (kind === undefined) throw new InvalidArgumentError(`expected some of ${WORD_PAIRS.join(',')}.`);
    return kind;
  });
}
