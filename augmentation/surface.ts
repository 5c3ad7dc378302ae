// The surface of a pronoun: the case in which it is written. Apostrophe tails ('s, 'd, 'll) lie outside the edit and stay.

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
