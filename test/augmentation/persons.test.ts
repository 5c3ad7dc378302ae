// First names and words spelt like them, in sentences of ours: how many of each the list alone takes for persons, and how many with
// compromise's reading of the clause.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { spellings } from '../../augmentation/gendered-words.ts';
import { isPerson } from '../../augmentation/persons.ts';
import { packagePath } from '../../src/package-root.ts';

const cases = readFileSync(packagePath('test', 'fixtures', 'rewriter', 'names.txt'), 'utf8')
  .trim()
  .split('\n')
  .filter((line) => !line.startsWith('#'))
  .map((line) => {
    const [text = '', names = ''] = line.split(' |');
    return {
      text,
      persons: names
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== ''),
    };
  });

/** Decisions by what is right and what was found; a word is a person when it is listed. */
function count(decide: (text: string, start: number, end: number) => boolean) {
  const counts = { persons: 0, personsFound: 0, others: 0, othersTaken: 0, wrong: [] as string[] };
  for (const { text, persons } of cases) {
    for (const { 0: word, index } of spellings(text, 'names')) {
      const is = persons.includes(word);
      const found = decide(text, index, index + word.length);
      counts[is ? 'persons' : 'others']++;
      if (found) counts[is ? 'personsFound' : 'othersTaken']++;
      if (found !== is) counts.wrong.push(`${word}: ${text}`);
    }
  }
  return counts;
}

describe('isPerson', () => {
  it('keeps nearly all persons and lets most of the others go, whom the list alone would take', () => {
    const alone = count(() => true);
    const read = count(isPerson);
    expect(alone.persons).toBeGreaterThan(40);
    expect(alone.othersTaken).toBeGreaterThan(10);
    expect(read.personsFound / read.persons, read.wrong.join('\n')).toBeGreaterThanOrEqual(0.95);
    expect(read.othersTaken / read.others, read.wrong.join('\n')).toBeLessThanOrEqual(0.3);
  });

  it('reads a name in a clause of any length, and in capitals', () => {
    const text = `${'so it went on and on '.repeat(40)}until John came ${'and then some more '.repeat(40)}`;
    const start = text.indexOf('John');
    expect(isPerson(text, start, start + 4)).toBe(true);
    expect(isPerson('WE MET JOHN THERE', 7, 11)).toBe(true);
  });
});
