// Optional pairs of morph-v1: nouns (man/woman) and first names (John/Mary). Their words are matched whole, in any of three cases, and
// only between blanks and punctuation: what is part of an address, a name in code or a compound stays.
import { WORD_PAIR_RULES, type WordPairs } from '../src/job-spec.ts';
import type { Edit } from './edit.ts';
import { isPerson } from './persons.ts';
import { readRuleFile } from './rule-files.ts';
import { casingOf, type Gender, inCasing } from './surface.ts';

interface Table {
  readonly pattern: RegExp;
  readonly ofGender: Readonly<Record<Gender, ReadonlyMap<string, string>>>;
}

const tables = new Map<string, Table>();

/** The edits of the chosen pairs; rules are `noun` and `name`. */
export function genderedWordEdits(text: string, kinds: readonly WordPairs[], genders: ReadonlySet<Gender>): Edit[] {
  return kinds.flatMap((kind) => {
    const { ofGender } = tableOf(kind);
    return spellings(text, kind).flatMap(({ 0: before, index: start }): Edit[] => {
      const casing = casingOf(before);
      const word = before.toLowerCase();
      const partner = [...genders].map((gender) => ofGender[gender].get(word)).find((one) => one !== undefined);
      if (partner === undefined) return [];
      const end = start + before.length;
      if (kind === 'names' && !isPerson(text, start, end)) return [];
      return [{ start, end, before, after: inCasing(partner, casing), rule: WORD_PAIR_RULES[kind] }];
    });
  });
}

/** What is spelt like one of the words; names in small letters are none. */
export function spellings(text: string, kind: WordPairs): RegExpExecArray[] {
  const found = [...text.matchAll(tableOf(kind).pattern)];
  return kind === 'names' ? found.filter(([word]) => casingOf(word) !== 'lower') : found;
}

function tableOf(kind: WordPairs): Table {
  let table = tables.get(kind);
  if (table === undefined) {
    const pairs = readRuleFile<Record<WordPairs, string>>('gendered-words.json')
      [kind].toLowerCase()
      .split(' ')
      .map((pair) => pair.split('/') as [string, string]);
    // Where two words share a partner, the first pair gives the way back.
    const masculine = new Map(pairs.map(([he, she]) => [he, she]));
    const feminine = new Map([...pairs].reverse().map(([he, she]) => [she, he]));
    const spellings = [...masculine.keys(), ...feminine.keys()].flatMap((word) =>
      (['lower', 'title', 'upper'] as const).map((casing) => inCasing(word, casing)),
    );
    const pattern = new RegExp(
      `(?<=^|[\\s"“‘(*_>—])(?:${[...new Set(spellings)].join('|')})(?=[\\s;:!?"”’')*_<—]|[.,](?:\\s|["”’']|$)|$)`,
      'g',
    );
    tables.set(kind, (table = { pattern, ofGender: { masculine, feminine } }));
  }
  return table;
}
