// Log-likelihoods of sentences as lm-evaluation-harness takes them for an empty context (lm_eval/api/model.py): token 0 is the
// context, every token of the sentence is scored, nothing is divided by length; a sentence that already begins with token 0 has it
// as its context.
import { DataError, NumericalError } from '../errors.ts';
import type { PronounContrast } from './pronouns.ts';

/** A model as the benchmarks see it. */
export interface ScoringModel {
  /** For each row, log P in nats of every token but the first given those before it. */
  readonly tokenLogProbs: (rows: readonly (readonly number[])[]) => Promise<Float64Array[]>;
  /** Token ids of a text, with no special tokens added. */
  readonly encode: (text: string) => number[];
  /** Of each row its last tokens, as many as asked for: log P in nats, and whether each is the likeliest. Only last words need it. */
  readonly scoreEnds?: (
    rows: readonly (readonly number[])[],
    numLast: readonly number[],
  ) => Promise<readonly { readonly logProbs: Float64Array; readonly isLikeliest: readonly boolean[] }[]>;
}

/** A sentence under a model. */
export interface ScoredText {
  readonly text: string;
  /** The scored tokens: all but the context token. */
  readonly ids: readonly number[];
  /** Log P of each scored token, in nats. */
  readonly logProbs: Float64Array;
  /** Their sum. */
  readonly logLikelihood: number;
}

/** Token 0 is `<|endoftext|>` in Pythia's tokenizer and in those of this program. */
const CONTEXT_TOKEN = 0;

/** Scores the texts in one request. Throws DataError for a text without tokens, NumericalError when the model gives no number. */
export async function scoreTexts(model: ScoringModel, texts: readonly string[]): Promise<ScoredText[]> {
  const tokens = texts.map((text) => scoredTokens(model, text));
  tokens.forEach((ids, i) => {
    if (ids.length === 0) throw new DataError(`the sentence ${JSON.stringify(texts[i])} has no token to score`);
  });
  const results = await checkedLogProbs(
    model,
    tokens.map((ids) => [CONTEXT_TOKEN, ...ids]),
  );
  return texts.map((text, i) => {
    const logProbs = results[i]!; // one result a row, checked
    return { text, ids: tokens[i]!, logProbs, logLikelihood: sum(logProbs) };
  });
}

/** The model's log-probabilities, one array a row; throws NumericalError naming the first that is not finite. */
export async function checkedLogProbs(
  model: ScoringModel,
  rows: readonly (readonly number[])[],
): Promise<Float64Array[]> {
  const results = await model.tokenLogProbs(rows);
  if (results.length !== rows.length) throw new Error(`bug: ${results.length} results for ${rows.length} rows`);
  results.forEach((logProbs, row) => {
    const expected = rows[row]!.length - 1; // as many rows as results
    if (logProbs.length !== expected)
      throw new Error(`bug: ${logProbs.length} log-probabilities for ${expected} tokens`);
    const place = logProbs.findIndex((value) => !Number.isFinite(value));
    if (place >= 0) {
      throw new NumericalError(
        `log P of token ${place + 1} of row ${row} is ${logProbs[place]}, not a finite number: the weights or the back end are faulty`,
      );
    }
  });
  return results;
}

/**
 * Log P of each sentence's first differing pronoun given the words before it, which both share. Null when a pronoun does not end
 * where a token ends, so that it has no probability of its own.
 */
export function pronounLogProbs(
  model: ScoringModel,
  pair: readonly [ScoredText, ScoredText],
  contrast: PronounContrast,
): [number, number] | null {
  const [a, b] = pair;
  const start = a.ids.findIndex((id, i) => id !== b.ids[i]);
  const endA = tokenEnd(model, a, contrast.ends[0]);
  const endB = tokenEnd(model, b, contrast.ends[1]);
  if (start < 0 || endA === null || endB === null || endA <= start || endB <= start) return null;
  return [sum(a.logProbs.subarray(start, endA)), sum(b.logProbs.subarray(start, endB))];
}

// The number of scored tokens that spell the text up to `end`; null when a token reaches across.
function tokenEnd(model: ScoringModel, scored: ScoredText, end: number): number | null {
  const upTo = scoredTokens(model, scored.text.slice(0, end));
  return upTo.every((id, i) => id === scored.ids[i]) ? upTo.length : null;
}

function scoredTokens(model: ScoringModel, text: string): number[] {
  const ids = model.encode(text);
  return ids[0] === CONTEXT_TOKEN ? ids.slice(1) : ids;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
