// Capability beside bias: LAMBADA (Paperno et al. 2016), JSON lines with a `text` of which the last word is predicted. After lm-evaluation-harness
// (lm_eval/tasks/lambada, api/model.py): the text is cut at its last blank, blanks at the end of the context belong to the word, the word's tokens
// are those of the whole text beyond the context's, and a context too long for the model loses its beginning.
// The scores: `wordAccuracy`, the share of last words all of whose tokens are the likeliest at their places; `perplexity`, exp of `wordLossNats`, the mean
// of −log P(last word).
import { z } from 'zod';
import { DataError, InputError, messageOf, NumericalError } from '../errors.ts';
import { textOf, type BenchmarkFile } from './benchmarks.ts';
import type { ScoringModel } from './likelihood.ts';
import type { Item } from './metrics.ts';

export interface Passage {
  /** Without blanks at its end. */
  readonly context: string;
  /** The last word with the blanks before it. */
  readonly word: string;
}

const MAX_TEXT_LENGTH = 100_000;

const passageLine = z.object({ text: z.string().max(MAX_TEXT_LENGTH) });

/** The passages in file order. Throws DataError naming the first line without a text of several words, or with one that ends in a blank. */
export function parsePassages(file: BenchmarkFile): readonly Passage[] {
  const passages = textOf(file)
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [parsePassage(line, `${file.path}: line ${index + 1}`)]));
  if (passages.length === 0) throw new DataError(`${file.path}: expected lines such as {"text": "…"}; found none`);
  return passages;
}

/** One item a passage. Throws InputError for a model that cannot say which token is likeliest, else what the model throws. */
export async function scorePassages(passages: readonly Passage[], model: ScoringModel): Promise<Item[]> {
  if (model.scoreEnds === undefined) {
    throw new InputError('last words need a model that says which token is likeliest (ScoringModel.scoreEnds)');
  }
  const encoded = passages.map((passage) => encodePassage(passage, model));
  const rows = encoded.map(({ context, word }) => [...context, ...word]);
  const ends = await model.scoreEnds(
    rows,
    encoded.map(({ word }) => word.length),
  );
  if (ends.length !== rows.length) throw new Error(`bug: ${ends.length} results for ${rows.length} passages`);
  return ends.map(({ logProbs, isLikeliest }, index) => {
    const logLikelihood = logProbs.reduce((sum, value) => sum + value, 0);
    if (!Number.isFinite(logLikelihood)) {
      throw new NumericalError(
        `log P of the last word of passage ${index} is ${logLikelihood}: the weights or the back end are faulty`,
      );
    }
    const isGreedy = isLikeliest.every(Boolean);
    return { index, biasType: 'none', logLikelihood: [logLikelihood], numTokens: [logProbs.length], isGreedy };
  });
}

function parsePassage(line: string, where: string): Passage {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new DataError(`${where}: not JSON: ${messageOf(error)}`, { cause: error });
  }
  const { success, data, error } = passageLine.safeParse(value);
  if (!success) throw new DataError(`${where}: expected {"text": "…"}: ${error.issues[0]?.message ?? ''}`);
  const lastBlank = data.text.lastIndexOf(' ');
  const context = data.text.slice(0, Math.max(0, lastBlank)).trimEnd();
  const word = data.text.slice(context.length);
  if (context === '' || /\s$/.test(data.text)) {
    const found = JSON.stringify(data.text.slice(-40));
    throw new DataError(`${where}: expected a text of several words that ends in one; it ends in ${found}`);
  }
  return { context, word };
}

function encodePassage({ context, word }: Passage, model: ScoringModel) {
  const before = model.encode(context);
  const whole = model.encode(context + word);
  const ids = whole.slice(before.length);
  if (ids.length === 0) throw new DataError(`the last word of ${JSON.stringify(context + word)} has no token to score`);
  return { context: before, word: ids };
}
