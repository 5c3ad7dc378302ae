// The project's own traps (test/fixtures/rewriter/traps.txt): by category, right only when swap and both one-way directions are right.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rewrite } from '../../augmentation/rewrite.ts';
import { packagePath } from '../../src/package-root.ts';

interface Trap {
  readonly category: string;
  readonly text: string;
  readonly swap: string;
  readonly m2f: string;
  readonly f2m: string;
}

const PRONOUN = /(\{?)\{([A-Za-z']+)>([A-Za-z']+)\}(\}?)/g;

function readTraps(): Trap[] {
  const traps: Trap[] = [];
  let category = '';
  for (const line of readFileSync(packagePath('test', 'fixtures', 'rewriter', 'traps.txt'), 'utf8').split('\n')) {
    if (line.startsWith('## ')) category = line.slice(3);
    if (line === '' || line.startsWith('#')) continue;
    const written = JSON.parse(`"${line.replace(/(?<!\\)"/g, '\\"')}"`) as string;
    const as = (changes: (form: string, isPaired: boolean) => boolean) =>
      written.replace(PRONOUN, (_all: string, open: string, form: string, other: string, close: string) => {
        const isPaired = open !== '' && close !== '';
        const word = changes(form, isPaired) ? other : form;
        return isPaired ? word : open + word + close; // a single brace beside belongs to the text
      });
    const isMasculine = (form: string) => /^h(?:e|im|is|imself)$/i.test(form);
    traps.push({
      category,
      text: as(() => false),
      swap: as(() => true),
      m2f: as((form, isPaired) => !isPaired && isMasculine(form)),
      f2m: as((form, isPaired) => !isPaired && !isMasculine(form)),
    });
  }
  return traps;
}

const traps = readTraps();
const isRight = ({ text, swap, m2f, f2m }: Trap) =>
  rewrite(text, { policy: 'morph-v1', direction: 'swap' }).text === swap &&
  rewrite(text, { policy: 'morph-v1', direction: 'masculine-to-feminine' }).text === m2f &&
  rewrite(text, { policy: 'morph-v1', direction: 'feminine-to-masculine' }).text === f2m;

describe('the traps', () => {
  it('are at least 200', () => expect(traps.length).toBeGreaterThanOrEqual(200));

  it('are right in nine of ten', () => {
    const wrong = traps.filter((trap) => !isRight(trap)).map(({ category, text }) => `${category}: ${text}`);
    expect(1 - wrong.length / traps.length, wrong.join('\n')).toBeGreaterThanOrEqual(0.9);
  });

  it.each([...new Set(traps.map(({ category }) => category))])('of the kind %s are right in three of four', (kind) => {
    const ofKind = traps.filter(({ category }) => category === kind);
    const wrong = ofKind.filter((trap) => !isRight(trap)).map(({ text }) => text);
    expect(1 - wrong.length / ofKind.length, wrong.join('\n')).toBeGreaterThanOrEqual(0.75);
  });
});
