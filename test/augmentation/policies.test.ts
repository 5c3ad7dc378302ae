// neutral-v1, placebo-v1 and the optional pairs of morph-v1: the tables of their rule files, and what holds for any text.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { policies } from '../../augmentation/policies.ts';
import { rewrite } from '../../augmentation/rewrite.ts';
import { readRuleFile, type RuleCase } from '../../augmentation/rule-files.ts';
import { InputError } from '../../src/errors.ts';
import { DIRECTIONS_OF, POLICIES } from '../../src/job-spec.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

const DIRECTIONS = { swap: 'swap', m2f: 'masculine-to-feminine', f2m: 'feminine-to-masculine' } as const;
const neutral = (text: string) => rewrite(text, { policy: 'neutral-v1', direction: 'neutral' });
const placebo = (text: string) => rewrite(text, { policy: 'placebo-v1', direction: 'swap' });

describe('the policies', () => {
  it('are listed with version and directions, and each knows the directions of the job spec', () => {
    expect(policies.map(({ name }) => name)).toEqual([...POLICIES]);
    for (const { name, version, directions } of policies) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(directions).toEqual(DIRECTIONS_OF[name]);
    }
  });

  it('refuse texts where they act on tokens', () => {
    const act = () => rewrite('he', { policy: 'idmap-2022', direction: 'masculine-to-feminine' });
    expect(act).toThrow(InputError);
    expect(act).toThrow(/rows of tokens/);
  });
});

describe('neutral-v1', () => {
  const { cases } = readRuleFile<{ cases: { text: string; neutral: string }[] }>('neutral.json');
  it.each(cases)('$text', ({ text, neutral: expected }) => expect(neutral(text).text).toBe(expected));

  it('leaves nothing to do for a second pass', () => {
    const words = fc.constantFrom(
      'so he',
      'that she',
      'His',
      'hers',
      "if he's",
      'was',
      'is',
      'and',
      'reads',
      'him',
      'or',
      'a dog',
      '.',
      'does',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 20 }), (list) => {
        expect(neutral(neutral(list.join(' ')).text).edits).toEqual([]);
      }),
      { seed: 5, numRuns: 2_000 },
    );
  });

  it.skipIf(!hasShared)('turns at least 98 % of treebank sentences as their trees say', () => {
    const outcomes = ['ud-bysa', 'ud-ncsa'].flatMap((set) =>
      readFileSync(sharedPath('gold', 'cda-dev', `${set}.dev.jsonl`), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { text: string; neutral?: string })
        .filter((one) => one.neutral !== undefined)
        .map((one) => neutral(one.text).text === one.neutral),
    );
    expect(outcomes.length).toBeGreaterThan(4_000);
    expect(outcomes.filter(Boolean).length / outcomes.length).toBeGreaterThan(0.98);
  });
});

describe('placebo-v1', () => {
  const { cases } = readRuleFile<{ cases: RuleCase[] }>('placebo.json');
  it.each(cases)('$text', (one) => {
    for (const key of ['swap', 'm2f', 'f2m'] as const)
      expect(rewrite(one.text, { policy: 'placebo-v1', direction: DIRECTIONS[key] }).text).toBe(one[key] ?? one.text);
  });

  it('makes as many edits as morph-v1 where there are enough such words, and never touches a pronoun', () => {
    const words = fc.constantFrom('he', 'her', 'his', 'on', 'At', 'with', 'tree', 'these', 'and', 'CAN');
    fc.assert(
      fc.property(fc.array(words, { maxLength: 40 }), (list) => {
        const text = list.join(' ');
        const numPronouns = rewrite(text, { policy: 'morph-v1', direction: 'swap' }).edits.length;
        const numWords = list.filter((word) => /^(?:on|at|with|these|can)$/i.test(word)).length;
        const { edits } = placebo(text);
        expect(edits).toHaveLength(Math.min(numPronouns, numWords));
        expect(edits.filter(({ before }) => /^(?:he|her|his)$/i.test(before))).toEqual([]);
      }),
      { seed: 6, numRuns: 2_000 },
    );
  });

  it('undoes itself', () => {
    const text = 'He sat on it with her, and she would stay at home before this.';
    expect(placebo(placebo(text).text).text).toBe(text);
  });
});

describe('nouns and names', () => {
  const { cases } = readRuleFile<{ cases: RuleCase[] }>('gendered-words.json');
  it.each(cases)('$text', (one) => {
    for (const key of ['swap', 'm2f', 'f2m'] as const) {
      const options = { policy: 'morph-v1', direction: DIRECTIONS[key], wordPairs: ['nouns', 'names'] } as const;
      expect(rewrite(one.text, options).text).toBe(one[key] ?? one.text);
    }
  });

  it('stay as they are unless asked for', () => {
    expect(rewrite('The king met John.', { policy: 'morph-v1', direction: 'swap' }).edits).toEqual([]);
  });
});

describe('draws of single occurrences', () => {
  it('make the edits whose draw is below the probability', () => {
    const drawn = (probability: number) =>
      rewrite('he ran, he sat. He hid? So he did as he is.', {
        policy: 'morph-v1',
        direction: 'swap',
        occurrences: { probability, draw: (index) => index / 5 },
      }).text;
    expect([0, 0.3, 1].map(drawn)).toEqual([
      'he ran, he sat. He hid? So he did as he is.',
      'she ran, she sat. He hid? So he did as he is.',
      'she ran, she sat. She hid? So she did as she is.',
    ]);
  });
});
