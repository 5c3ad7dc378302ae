// The surface of a pronoun: its form, and the case in which it is written. Apostrophe tails ('s, 'd, 'll) lie outside the edit
// and stay.

export type Gender = 'masculine' | 'feminine';

/** The gender of each form. */
export const GENDERS = {
  he: 'masculine',
  him: 'masculine',
  his: 'masculine',
  himself: 'masculine',
  she: 'feminine',
  her: 'feminine',
  hers: 'feminine',
  herself: 'feminine',
} as const satisfies Record<string, Gender>;

export type Form = keyof typeof GENDERS;

export type Casing = 'lower' | 'title' | 'upper';

/** How a word of ASCII letters is written; a single capital letter counts as title case. */
export function casingOf(word: string): Casing {
  if (word === word.toLowerCase()) return 'lower';
  return word.length > 1 && word === word.toUpperCase() ? 'upper' : 'title';
}

/** Writes a lower-case word in the given case. */
export function inCasing(word: string, casing: Casing): string {
  if (casing === 'upper') return word.toUpperCase();
  return casing === 'title' ? word.charAt(0).toUpperCase() + word.slice(1) : word;
}

const LETTER_OR_MARK = /[\p{L}\p{N}\p{M}]/u;
const IS_WORD_UNIT = Uint8Array.from({ length: 0x10000 }, (_, unit) =>
  LETTER_OR_MARK.test(String.fromCharCode(unit)) ? 1 : 0,
);

/** Whether a UTF-16 unit belongs to a word: letters, digits and marks of the basic plane. */
export function isWordUnit(unit: number): boolean {
  return IS_WORD_UNIT[unit] === 1;
}
