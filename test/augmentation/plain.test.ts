// The fast way past the guards, against the guards themselves: where it says "plain", none of them may match.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchingGuard, type GuardRule } from '../../augmentation/guards.ts';
import { isPlain, readSigns } from '../../augmentation/plain.ts';
import { readRuleFile } from '../../augmentation/rule-files.ts';
import { casingOf, type Form } from '../../augmentation/surface.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

const SPELT = /(?<![A-Za-z0-9])(?:himself|herself|hers|her|him|his|she|he)(?![A-Za-z0-9])/gi;

/** What "plain" claims wrongly, and how often it is said. */
function check(text: string): { readonly wrong: string[]; readonly numPlain: number; readonly numSpelt: number } {
  const signs = readSigns(text);
  const spelt = [...text.matchAll(SPELT)].map(({ 0: word, index }) => ({
    start: index,
    end: index + word.length,
    form: word.toLowerCase() as Form,
    casing: casingOf(word),
  }));
  const plain = spelt.filter((one) => isPlain(text, signs, one));
  const wrong = plain.flatMap((one) => {
    const guard = matchingGuard(text, signs, one);
    return guard === undefined ? [] : [`${guard}: ${text.slice(Math.max(0, one.start - 30), one.end + 30)}`];
  });
  return { wrong, numPlain: plain.length, numSpelt: spelt.length };
}

const { guards } = readRuleFile<{ guards: GuardRule[] }>('guards.json');
const cases = guards.flatMap(({ stays, changes }) => [...stays, ...changes.map(({ text }) => text)]);

describe('isPlain', () => {
  it('passes by no guard on the examples of all guards', () => {
    expect(cases.flatMap((text) => check(text).wrong)).toEqual([]);
  });

  it('passes by no guard on words of those examples thrown together', () => {
    const words = fc.constantFrom(...cases.flatMap((text) => text.split(/(?<=\s)/)));
    const text = fc.array(words, { minLength: 2, maxLength: 14 }).map((list) => list.join(''));
    fc.assert(
      fc.property(text, (mixed) => {
        expect(check(mixed).wrong).toEqual([]);
      }),
      { seed: 4, numRuns: 10_000 },
    );
  });

  it.skipIf(!hasShared)('passes by no guard in natural sentences, and saves most of the work there', () => {
    let numPlain = 0;
    let numSpelt = 0;
    for (const set of ['ud-bysa', 'ud-ncsa', 'brown', 'masc', 'winobias']) {
      const lines = readFileSync(sharedPath('gold', 'cda-dev', `${set}.dev.jsonl`), 'utf8')
        .trim()
        .split('\n');
      for (const line of lines) {
        const found = check((JSON.parse(line) as { text: string }).text);
        expect(found.wrong).toEqual([]);
        numPlain += found.numPlain;
        numSpelt += found.numSpelt;
      }
    }
    expect(numPlain / numSpelt).toBeGreaterThan(0.8);
  });
});
