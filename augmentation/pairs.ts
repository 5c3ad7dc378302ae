// Pronouns that stand side by side: pairs of both genders ("his or her", "he/she", "him- or herself"), in which the function
// of one tells that of the other, and declarations of one gender ("she/her", "he/him/his"), in which the slot tells it.
import { readHer } from './disambiguate.ts';
import { PAIR_UNITS, type Candidate } from './match.ts';
import type { Form } from './surface.ts';

/** What a pronoun does in its clause: the second half of a rule's name. */
export type PronounFunction = 'subject' | 'object' | 'determiner' | 'independent' | 'reflexive';

/** What the neighbourhood tells of one pronoun. */
export interface Neighbourhood {
  readonly pronounFunction: PronounFunction;
  /** Half of a pair: left alone when only one gender is rewritten. */
  readonly isPaired: boolean;
}

const JOINT = /^(?:\s*[/&]\s*|\s+(?:and\/or|or|and|nor|&)\s+)$/i;
const REFLEXIVE_JOINT = /^(?:\s*\/\s*|-\s*(?:\/|(?:and\/or|or|and|nor|&)\s)\s*)$/i;
const SLASH = /^\s?\/\s?$/;

/** Two forms of a pair and what each then is. Either may come first. */
const PAIRS: readonly (readonly [Form, PronounFunction, Form, PronounFunction])[] = [
  ['he', 'subject', 'she', 'subject'],
  ['him', 'object', 'her', 'object'],
  ['his', 'determiner', 'her', 'determiner'],
  ['his', 'independent', 'hers', 'independent'],
  ['himself', 'reflexive', 'herself', 'reflexive'],
];
const REFLEXIVE_PAIRS: typeof PAIRS = [
  ['him', 'reflexive', 'herself', 'reflexive'],
  ['her', 'reflexive', 'himself', 'reflexive'],
];

/** What stands beside each candidate, by its place in the list; candidates without such neighbours are not in the map. */
export function readNeighbourhoods(text: string, candidates: readonly Candidate[]): Map<number, Neighbourhood> {
  const found = new Map<number, Neighbourhood>();
  for (let index = 0; index + 1 < candidates.length; index++) {
    const first = candidates[index]!; // inside the loop's bounds
    const second = candidates[index + 1]!;
    if (second.start - first.end > PAIR_UNITS || found.has(index)) continue;
    const gap = text.slice(first.end, second.start);
    if (first.gender === second.gender) readDeclaration(text, candidates, index, found);
    else
      readPair(text, first, second, gap).forEach((pronounFunction, half) =>
        found.set(index + half, { pronounFunction, isPaired: true }),
      );
  }
  return found;
}

/** The functions of the two halves, or nothing when the two are no pair. */
function readPair(text: string, first: Candidate, second: Candidate, gap: string): readonly PronounFunction[] {
  const table = JOINT.test(gap) ? PAIRS : [];
  const tables = REFLEXIVE_JOINT.test(gap) ? [...table, ...REFLEXIVE_PAIRS] : table;
  for (const [left, leftFunction, right, rightFunction] of tables) {
    if (first.form === left && second.form === right)
      return isTwoPhrases(text, second, gap) ? [] : [leftFunction, rightFunction];
    if (first.form === right && second.form === left) return [rightFunction, leftFunction];
  }
  return [];
}

/** "him and her mother": the second is no object, so the two are no pair. */
function isTwoPhrases(text: string, second: Candidate, gap: string): boolean {
  return (
    /and/i.test(gap) &&
    second.form === 'her' &&
    /\bhim\s+and\s*$/i.test(text.slice(Math.max(0, second.start - 12), second.start)) &&
    readHer(text, second.start, second.end).reading === 'determiner'
  );
}

/** "she/her" and "he/him/his": subject, object, independent possessive. */
function readDeclaration(
  text: string,
  candidates: readonly Candidate[],
  index: number,
  found: Map<number, Neighbourhood>,
): void {
  const [first, second, third] = candidates.slice(index, index + 3);
  if (first === undefined || second === undefined) return;
  if (!/^s?he$/.test(first.form) || !/^(?:him|her)$/.test(second.form)) return;
  if (!SLASH.test(text.slice(first.end, second.start))) return;
  found.set(index, { pronounFunction: 'subject', isPaired: false });
  found.set(index + 1, { pronounFunction: 'object', isPaired: false });
  if (
    third?.gender === first.gender &&
    /^hers?$|^his$/.test(third.form) &&
    SLASH.test(text.slice(second.end, third.start))
  )
    found.set(index + 2, { pronounFunction: 'independent', isPaired: false });
}
