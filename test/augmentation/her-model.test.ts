// The committed model of `her` and its dictionary: what they weigh, that they are what their headers say, and how the words around
// an occurrence are read.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { herMargin } from '../../augmentation/her-model.ts';
import { readRuleBytes, readRuleFile } from '../../augmentation/rule-files.ts';
import { BORDER, EMPTY_LINE, wordsAfter, wordsBefore } from '../../augmentation/surroundings.ts';
import { hashOf, knowWord, openWordKnowledge, packDictionary } from '../../augmentation/word-knowledge.ts';

const marginOf = (text: string) => herMargin(text, text.indexOf('her'), text.indexOf('her') + 3);

describe('the committed model', () => {
  it.each(['her-model', 'her-dictionary'])('%s is the file that its header names', (name) => {
    const { sha256 } = readRuleFile<{ sha256: string }>(`${name}.json`);
    expect(
      createHash('sha256')
        .update(readRuleBytes(`${name}.bin`))
        .digest('hex'),
    ).toBe(sha256);
  });

  it('weighs less than 1.5 MB with its dictionary and headers', () => {
    const files = ['her-model.bin', 'her-dictionary.bin', 'her-model.json', 'her-dictionary.json', 'governors.json'];
    expect(files.reduce((sum, name) => sum + readRuleBytes(name).length, 0)).toBeLessThan(1.5e6);
  });

  it('is sure of what nobody would misread', () => {
    expect(marginOf('We asked her to come.')).toBeGreaterThan(3);
    expect(marginOf('We met her mother there.')).toBeLessThan(-3);
  });

  it('reads the same, however much text stands farther away', () => {
    const near = 'and in the end it gave her some rest from the heat of it';
    const far = `${'lorem ipsum '.repeat(50)}${near}${' dolor sit'.repeat(50)}`;
    expect(herMargin(far, far.indexOf('her'), far.indexOf('her') + 3)).toBe(marginOf(near));
  });
});

describe('the words around a place', () => {
  it.each([
    [' own-made hat, 3,000.5 m', ['own-made', 'hat', ',', '3,000.5']],
    ['\u00a0<b class="x">don’t</b> -- *so*', ['don’t', '--', 'so', BORDER]],
    ['.\r\n\r\nNext', ['.', EMPTY_LINE, 'Next', BORDER]],
    [' < 3', ['<', '3', BORDER, BORDER]],
  ])('after: %j', (text, words) => {
    expect(wordsAfter(`x${text}`, 1, 4)).toEqual(words);
  });

  it.each([
    ['He said: “do-it-yourself, ', [',', 'do-it-yourself', '“']],
    ['a\n\nb <i>\n', ['b', EMPTY_LINE, 'a']],
    ['so ', ['so', BORDER, BORDER]],
    ['1,000.5 ... ', ['...', '1,000.5', BORDER]],
  ])('before: %j', (text, words) => {
    expect(wordsBefore(text, text.length, 3)).toEqual(words);
  });

  it('are pieces of any text, in order', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        let from = 0;
        for (const word of wordsAfter(text, 0, 6).filter((one) => one !== BORDER && one !== EMPTY_LINE)) {
          const at = text.indexOf(word, from);
          expect(at).toBeGreaterThanOrEqual(from);
          from = at + word.length;
        }
        expect(wordsBefore(text, text.length, 6)).toHaveLength(6);
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});

describe('what is known of a word', () => {
  it('finds every entry of a packed dictionary again', () => {
    const words = Array.from({ length: 3_000 }, (_, i) => `w${i * 7919}`);
    const know = openWordKnowledge(packDictionary(new Map(words.map((word, i) => [word, i % 2 ? 'n' : 'V/n'])), 8_192));
    words.forEach((word, i) => expect(know(word).signature).toBe(i % 2 ? 'n' : 'V/n'));
  });

  it.each([
    ['gave', 'give'],
    ['carries', 'carry'],
    ['making', 'make'],
    ['stopped', 'stop'],
    ['Table', 'table'],
  ])('takes %s back to %s', (word, lemma) => {
    expect(knowWord(word).lemma).toBe(hashOf(lemma));
  });

  it('guesses by form where the dictionary has nothing', () => {
    expect(knowWord('42').signature).toBe('0');
    expect(knowWord('zzxqing').signature).toBe('?ing');
    expect(knowWord('Zzxq').signature).toBe('?M');
    expect(knowWord('sea-green').signature).toMatch(/^-/);
  });
});
