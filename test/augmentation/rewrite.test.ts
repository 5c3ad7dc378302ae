// The rewriter as a function of a text: what holds for every text, and what it refuses.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits } from '../../augmentation/edit.ts';
import { rewrite } from '../../augmentation/rewrite.ts';
import { findPolicy } from '../../augmentation/policies.ts';
import { InputError } from '../../src/errors.ts';

const swap = (text: string) => rewrite(text, { policy: 'morph-v1', direction: 'swap' });
const feminize = (text: string) => rewrite(text, { policy: 'morph-v1', direction: 'masculine-to-feminine' });
const masculinize = (text: string) => rewrite(text, { policy: 'morph-v1', direction: 'feminine-to-masculine' });

const FORMS =
  'he him his himself she her hers herself He Him His Himself She Her Hers Herself HE HIM HIS SHE HER'.split(' ');
const OTHERS =
  'the old dog saw a red car near "town", and, left. (It) rains; – “so” naïve 東京 😀 \u0000 \ud800 it\'s \n \r\n \u00a0 him-\nself s/he @ # _ ` < > / http://x.y/he \u00ad'.split(
    ' ',
  );
const anyText = fc
  .array(
    fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(...FORMS) },
      { weight: 3, arbitrary: fc.constantFrom(...OTHERS) },
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 25 },
  )
  .chain((words) =>
    fc
      .array(fc.constantFrom(' ', ' ', ' ', '', '\n', ', '), { minLength: words.length, maxLength: words.length })
      .map((gaps) => words.map((word, i) => word + (gaps[i] ?? '')).join('')),
  );

describe('rewrite', () => {
  it('tells what it changed, in UTF-16 offsets of the input', () => {
    const text = '😀 He gave HIM his.';
    expect(feminize(text)).toEqual({
      text: '😀 She gave HER hers.',
      edits: [
        { start: 3, end: 5, before: 'He', after: 'She', rule: 'he-subject' },
        { start: 11, end: 14, before: 'HIM', after: 'HER', rule: 'him-object' },
        { start: 15, end: 18, before: 'his', after: 'hers', rule: 'his-independent' },
      ],
    });
  });

  it('gives output that equals input outside the edits, sorted and apart', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const { text: output, edits } of [swap(text), feminize(text), masculinize(text)]) {
          let end = 0;
          for (const edit of edits) {
            expect(edit.start).toBeGreaterThanOrEqual(end);
            expect(text.slice(edit.start, edit.end)).toBe(edit.before);
            expect(edit.after).not.toBe(edit.before);
            end = edit.end;
          }
          expect(applyEdits(text, edits)).toBe(output);
        }
      }),
      { seed: 1, numRuns: 10_000 },
    );
  });

  it('undoes itself when the text has no form with two readings', () => {
    const words = [
      'he',
      'she',
      'himself',
      'herself',
      'He',
      'She',
      'HE',
      'SHE',
      'the',
      'old',
      'dog',
      'saw',
      'near',
      'town',
      'ran',
      'and',
      'or',
      "he's",
      'she’ll',
    ];
    const plain = fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((list) => list.join(' and so '));
    fc.assert(
      fc.property(plain, (text) => {
        expect(swap(swap(text).text).text).toBe(text);
      }),
      { seed: 2, numRuns: 10_000 },
    );
  });

  it('leaves no unguarded masculine pronoun when it makes a text feminine', () => {
    expect(feminize(feminize('He and his dog saw him; he hid himself.').text).edits).toEqual([]);
  });

  it('keeps apostrophe tails of both kinds, in any case', () => {
    expect(feminize("he's he'd he’ll HE'S He’d've").text).toBe("she's she'd she’ll SHE'S She’d've");
  });

  it('takes "her\'s" for hers', () => {
    expect(masculinize("It's her's. HER’S?").text).toBe("It's his. HIS?");
  });

  it('reads far less than the document: 300,000 characters without punctuation take no more than seconds', () => {
    const text =
      'the quick brown fox saw her lazy dog again '.repeat(20) + 'word '.repeat(60_000) + 'and gave her bread';
    const started = performance.now();
    expect(masculinize(text).edits).toHaveLength(21);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('swaps a document under balanced when its draw is below one half', () => {
    const balanced = (draw: number) =>
      rewrite('He saw her.', { policy: 'morph-v1', direction: 'balanced', chance: () => draw }).text;
    expect([0, 0.49, 0.5, 0.99].map(balanced)).toEqual(['She saw him.', 'She saw him.', 'He saw her.', 'He saw her.']);
  });

  it('refuses what the policy does not know', () => {
    expect(() => rewrite('he', { policy: 'morph-v1', direction: 'neutral' })).toThrow(InputError);
    expect(() => rewrite('he', { policy: 'morph-v1', direction: 'balanced' })).toThrow(InputError);
    expect(() => findPolicy('morph-v0', 'swap')).toThrow(/morph-v0.*morph-v1/);
  });
});

describe('guards on layout', () => {
  it('leaves fenced code alone and the text between fences not', () => {
    expect(feminize('he\n```\nhe = his\n```\nhe\n~~~\nhe\n').text).toBe('she\n```\nhe = his\n```\nshe\n~~~\nhe\n');
  });

  it('sees through markup around a pronoun', () => {
    expect(swap('*Her* hat, <b>his</b> hat, _him_, \\emph{her} coat').text).toBe(
      '*His* hat, <b>her</b> hat, _her_, \\emph{his} coat',
    );
  });
});
