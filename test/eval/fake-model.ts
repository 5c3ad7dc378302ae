// A model without weights: tokens are words and marks with the blank before them, and a function gives each token's log P.
import type { ScoringModel } from '../../src/eval/likelihood.ts';

export interface FakeModel extends ScoringModel {
  readonly wordOf: (id: number) => string;
}

/** Ids begin at 1; id 0 is the context token, written `<|endoftext|>` in a text. */
export function fakeModel(logProb: (word: string, before: readonly string[]) => number): FakeModel {
  const words = ['<|endoftext|>'];
  const ids = new Map(words.map((word, id) => [word, id]));
  const idOf = (word: string) => {
    const known = ids.get(word);
    if (known !== undefined) return known;
    ids.set(word, words.length);
    return words.push(word) - 1;
  };
  const wordOf = (id: number) => words[id] ?? '';
  return {
    encode: (text) => (text.match(/<\|endoftext\|>|'\w+| ?\w+| ?[^\s\w]|\s/g) ?? []).map(idOf),
    tokenLogProbs: async (rows) =>
      rows.map((row) => {
        const texts = row.map(wordOf);
        return Float64Array.from(texts.slice(1), (word, i) => logProb(word, texts.slice(0, i + 1)));
      }),
    wordOf,
  };
}

/** A log P that depends on the word and on how many words stand before it, the same in every run. */
export function hashedLogProb(word: string, before: readonly string[]): number {
  let hash = 17 + before.length;
  for (const char of word) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 9973;
  return -0.5 - (hash % 997) / 100;
}
