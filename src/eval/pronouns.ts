// The gendered pronouns by which the benchmarks' sentence pairs differ.

export type Gender = 'masculine' | 'feminine';

const genders: Readonly<Record<string, Gender>> = {
  he: 'masculine',
  him: 'masculine',
  his: 'masculine',
  himself: 'masculine',
  she: 'feminine',
  her: 'feminine',
  hers: 'feminine',
  herself: 'feminine',
};

/** How two sentences differ, where the first difference is a masculine pronoun against a feminine one. */
export interface PronounContrast {
  /** The first pronouns that differ, as written. */
  readonly pronouns: readonly [string, string];
  readonly genders: readonly [Gender, Gender];
  /** Where those pronouns end in each sentence, in UTF-16 code units. */
  readonly ends: readonly [number, number];
  /** Whether the sentences are the same but for pronouns. */
  readonly isOnlyDifference: boolean;
}

/** The gender of a third-person singular pronoun in any case; null for every other word. */
export function pronounGender(word: string): Gender | null {
  const key = word.toLowerCase();
  return Object.hasOwn(genders, key) ? (genders[key] ?? null) : null;
}

/** Compares word by word; null when the first difference is anything but two pronouns of opposite gender. */
export function contrastPronouns(a: string, b: string): PronounContrast | null {
  const first = pieces(a);
  const second = pieces(b);
  const place = first.findIndex((piece, i) => piece !== second[i]);
  const pronouns = [first[place] ?? '', second[place] ?? ''] as const;
  const [genderA, genderB] = [pronounGender(pronouns[0]), pronounGender(pronouns[1])];
  if (genderA === null || genderB === null || genderA === genderB) return null;
  const end = first.slice(0, place).join('').length;
  return {
    pronouns,
    genders: [genderA, genderB],
    ends: [end + pronouns[0].length, end + pronouns[1].length],
    isOnlyDifference: first.length === second.length && first.every((piece, i) => isSameOrPronouns(piece, second[i]!)),
  };
}

function isSameOrPronouns(a: string, b: string): boolean {
  return a === b || (pronounGender(a) !== null && pronounGender(b) !== null);
}

function pieces(text: string): readonly string[] {
  return text.match(/[\p{L}\p{M}]+|[^\p{L}\p{M}]+/gu) ?? [];
}
