// Finds the gendered pronouns of a text by one pattern with explicit cases; what is spelt like one but is none (names,
// symbols, code, other languages) is dropped by the guards. Spans are UTF-16 offsets of the text.
import { guardOf } from './guards.ts';
import { readSigns, type DocumentSigns } from './plain.ts';
import { casingOf, type Casing, type Form, type Gender, GENDERS, inCasing } from './surface.ts';

/** One pronoun of the text. */
export interface Candidate {
  readonly start: number;
  readonly end: number;
  readonly form: Form;
  readonly gender: Gender;
  readonly casing: Casing;
}

const FORMS = Object.keys(GENDERS) as Form[];
const SPELLINGS = FORMS.flatMap((form) =>
  (['lower', 'title', 'upper'] as const).map((casing) => inCasing(form, casing)),
);
/** The last alternatives are "hes" and "shes" for he's and she's; "hed" and "hell" are words of their own. */
const PRONOUN = new RegExp(
  `(?<![A-Za-z0-9])(?:(?:${SPELLINGS.join('|')})(?![A-Za-z0-9])|(?:[Hh]e|[Ss]he)(?=s(?![A-Za-z0-9])))`,
  'g',
);
/** Outside ASCII, what makes the neighbouring letters part of one word: letters, digits, marks, soft hyphens, joiners. */
const WORD_PART = /[\p{L}\p{N}\p{M}\u00ad\u200b-\u200d\u2060]/u;
const HERS_TAIL = /^['’][sS](?![A-Za-z0-9])/;

/** Whether a text (or UTF-8 read as Latin-1) holds anything spelt like a pronoun: the cheap question before the others. */
export function mayHoldPronoun(text: string): boolean {
  return text.search(PRONOUN) >= 0;
}

/** A pronoun of the other gender this near, in UTF-16 units, may be the other half of a pair. */
export const PAIR_UNITS = 12;

/**
 * The pronouns of the given genders, and those beside them that may be their other halves, from left to right; those that
 * a guard holds back are left out.
 */
export function findCandidates(text: string, genders: ReadonlySet<Gender>): Candidate[] {
  const signs = readSigns(text);
  const spelt = spellings(text);
  return spelt.filter((candidate, index) => {
    const isAsked = genders.has(candidate.gender);
    if (!isAsked && !isBeside(candidate, spelt[index - 1]) && !isBeside(candidate, spelt[index + 1])) return false;
    return reasonToLeave(text, signs, candidate) === undefined;
  });
}

/** Everything that is spelt like a pronoun, from left to right. */
export function spellings(text: string): Candidate[] {
  return Array.from(text.matchAll(PRONOUN), (match) => candidateAt(text, match.index, match[0]));
}

/** The guard that holds a candidate back, `word` for a part of a longer word; undefined when it is a pronoun. */
export function reasonToLeave(text: string, signs: DocumentSigns, candidate: Candidate): string | undefined {
  return isInsideWord(text, candidate) ? 'word' : guardOf(text, signs, candidate);
}

function isBeside(candidate: Candidate, other: Candidate | undefined): boolean {
  if (other === undefined || other.gender === candidate.gender) return false;
  return Math.max(other.start - candidate.end, candidate.start - other.end) <= PAIR_UNITS;
}

function candidateAt(text: string, start: number, word: string): Candidate {
  const casing = casingOf(word);
  const form = word.toLowerCase() as Form;
  const end = start + word.length;
  const tail = form === 'her' ? HERS_TAIL.exec(text.slice(end, end + 3)) : null;
  if (tail !== null) return { start, end: end + 2, form: 'hers', gender: 'feminine', casing };
  return { start, end, form, gender: GENDERS[form], casing };
}

/** The pattern's borders know ASCII only: "öhe", "he²" and "him\u00adself" are looked at here. */
function isInsideWord(text: string, { start, end }: Candidate): boolean {
  const before = text.charCodeAt(start - 1) >= 0x80 ? text.slice(Math.max(0, start - 2), start) : '';
  const after = text.charCodeAt(end) >= 0x80 ? text.slice(end, end + 2) : '';
  if (after.startsWith('\u00ad') && text.startsWith('self', end + 1)) return false;
  return (before !== '' && WORD_PART.test([...before].at(-1) ?? '')) || WORD_PART.test([...after][0] ?? '');
}
