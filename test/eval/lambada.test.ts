import { describe, expect, it } from 'vitest';
import { DataError, InputError, NumericalError } from '../../src/errors.ts';
import type { BenchmarkFile } from '../../src/eval/benchmarks.ts';
import { parsePassages, scorePassages } from '../../src/eval/lambada.ts';
import { effectsOf, scoresOf } from '../../src/eval/metrics.ts';
import { wilsonInterval } from '../../src/eval/statistics.ts';
import { fakeModel, hashedLogProb } from './fake-model.ts';

function file(...lines: string[]): BenchmarkFile {
  return { name: 'p.jsonl', path: 'a/p.jsonl', bytes: Buffer.from(`${lines.join('\n')}\n`), sha256: '' };
}

const texts = (...all: string[]) => file(...all.map((text) => JSON.stringify({ text })));

/** A model of words with blanks before them; the word `guess` is always the likeliest. */
function wordModel(logProb: (word: string, before: readonly string[]) => number, guess: string) {
  const model = fakeModel(logProb);
  const seen: string[][] = [];
  const scoreEnds = async (rows: readonly (readonly number[])[], numLast: readonly number[]) => {
    const all = await model.tokenLogProbs(rows);
    return rows.map((row, i) => {
      seen.push(row.map(model.wordOf));
      const last = row.slice(row.length - numLast[i]!);
      return { logProbs: all[i]!.slice(-numLast[i]!), isLikeliest: last.map((id) => model.wordOf(id) === guess) };
    });
  };
  return { model: { ...model, scoreEnds }, seen };
}

describe('a LAMBADA file', () => {
  it('is cut at the last blank, and blanks at the end of the context belong to the word', () => {
    const passages = parsePassages(texts('He said her name', 'so she  left', 'a\tb c', "\nand then\n 'twas"));
    expect(passages).toEqual([
      { context: 'He said her', word: ' name' },
      { context: 'so she', word: '  left' },
      { context: 'a\tb', word: ' c' },
      { context: '\nand then', word: "\n 'twas" },
    ]);
  });

  it.each([
    ['no lines', [''], /expected lines such as/],
    ['no JSON', ['{"text": "a b"}', '{'], /line 2: not JSON/],
    ['no text', ['{"words": "a b"}'], /line 1: expected \{"text"/],
    ['one word', ['{"text": "name"}'], /line 1: expected a text of several words/],
    ['a blank at the end', ['{"text": "her name "}'], /line 1: expected .* it ends in "her name "/],
  ])('is refused for %s', (_, lines, message) => {
    expect(() => parsePassages(file(...lines))).toThrow(DataError);
    expect(() => parsePassages(file(...lines))).toThrow(message);
  });
});

describe('scoring last words', () => {
  const passages = parsePassages(texts('He said her name', "then he said it's", 'so we met'));

  it('sums log P of the word alone after the words before it, and asks for the likeliest token of each of its own', async () => {
    const { model, seen } = wordModel(hashedLogProb, ' name');
    const items = await scorePassages(passages, model);
    expect(seen[0]).toEqual(['He', ' said', ' her', ' name']); // no token stands before the context
    expect(seen[1]).toEqual(['then', ' he', ' said', ' it', "'s"]);
    const byHand = [
      hashedLogProb(' name', ['He', ' said', ' her']),
      hashedLogProb(' it', ['then', ' he', ' said']) + hashedLogProb("'s", ['then', ' he', ' said', ' it']),
      hashedLogProb(' met', ['so', ' we']),
    ];
    items.forEach((item, i) => expect(item.logLikelihood[0]).toBeCloseTo(byHand[i]!, 12));
    expect(items.map(({ numTokens }) => numTokens)).toEqual([[1], [2], [1]]);
    expect(items.map(({ isGreedy }) => isGreedy)).toEqual([true, false, false]);
  });

  it('gives word accuracy with Wilson’s interval, and perplexity a word with that of the bootstrap', async () => {
    const { model } = wordModel((word) => (word === ' name' ? -1 : -2), ' name');
    const scores = scoresOf(await scorePassages(passages, model));
    expect(Object.keys(scores)).toEqual(['perplexity', 'wordAccuracy', 'wordLossNats']);
    expect(scores['wordAccuracy']).toMatchObject({ value: 1 / 3, interval: wilsonInterval(1, 3), numItems: 3 });
    expect(scores['wordLossNats']?.value).toBeCloseTo((1 + 4 + 2) / 3, 12);
    expect(scores['perplexity']?.value).toBeCloseTo(Math.exp(7 / 3), 10);
    expect(scores['perplexity']).toMatchObject({ intervalMethod: 'bootstrap by cluster', numItems: 3 });
  });

  it('compares two models passage by passage, accuracy by McNemar', async () => {
    const [a, b] = await Promise.all(
      [' name', ' met'].map((guess) => scorePassages(passages, wordModel(hashedLogProb, guess).model)),
    );
    const effects = effectsOf(a!, b!);
    expect(effects['wordAccuracy']).toMatchObject({ value: 0, test: 'exact McNemar', pValue: 1, numItems: 3 });
    expect(effects['wordLossNats']).toMatchObject({
      value: 0,
      interval: null,
      note: expect.stringMatching(/^no item differs/),
    });
  });

  it('fails for a model that names no likeliest token, or gives no number', async () => {
    await expect(scorePassages(passages, fakeModel(hashedLogProb))).rejects.toThrow(InputError);
    const { model } = wordModel(() => NaN, '');
    await expect(scorePassages(passages, model)).rejects.toThrow(NumericalError);
  });
});
