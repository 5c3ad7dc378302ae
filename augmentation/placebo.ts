// placebo-v1: for every pronoun that morph-v1 would change, the nearest word without gender changes instead (on/at, with/from …), so
// that a run with as many edits shows what editing alone does. Pronouns stay.
import type { Edit } from './edit.ts';
import { readRuleFile } from './rule-files.ts';
import { casingOf, type Gender, inCasing } from './surface.ts';

interface PlaceboFile {
  readonly pairs: readonly { readonly first: string; readonly second: string }[];
}

interface Replacement {
  readonly after: string;
  readonly rule: string;
}

interface Table {
  readonly pattern: RegExp;
  /** First words become second ones where masculine pronouns would change, second ones first where feminine would. */
  readonly ofGender: Readonly<Record<Gender, ReadonlyMap<string, Replacement>>>;
}

let table: Table | undefined;

/** As many edits as there are of pronouns, each the nearest one left; fewer where the text has too few such words. */
export function placeboEdits(text: string, pronounEdits: readonly Edit[], genders: ReadonlySet<Gender>): Edit[] {
  if (pronounEdits.length === 0) return [];
  table ??= readTable();
  const { pattern, ofGender } = table;
  const words = Array.from(text.matchAll(pattern)).flatMap(({ 0: before, index: start }): Edit[] => {
    const word = before.toLowerCase();
    const found = [...genders].map((gender) => ofGender[gender].get(word)).find((one) => one !== undefined);
    if (found === undefined) return [];
    const after = inCasing(found.after, casingOf(before));
    return [{ start, end: start + before.length, before, after, rule: found.rule }];
  });
  return nearest(words, pronounEdits);
}

/** Each pronoun in turn takes the nearest word that no other has taken; both lists are in order of place. */
function nearest(words: readonly Edit[], pronounEdits: readonly Edit[]): Edit[] {
  const next = Int32Array.from({ length: words.length + 1 }, (_, index) => index); // free word from here on
  const previous = Int32Array.from({ length: words.length + 1 }, (_, index) => index); // free word before here, plus one
  const taken: number[] = [];
  let place = 0;
  for (const { start } of pronounEdits) {
    while (place < words.length && words[place]!.start < start) place++;
    const right = freeFrom(next, place);
    const left = freeFrom(previous, place) - 1;
    const toRight = right < words.length ? words[right]!.start - start : Infinity;
    const toLeft = left >= 0 ? start - words[left]!.start : Infinity;
    if (toRight === Infinity && toLeft === Infinity) break;
    const chosen = toRight < toLeft ? right : left;
    next[chosen] = chosen + 1;
    previous[chosen + 1] = chosen;
    taken.push(chosen);
  }
  return taken.sort((a, b) => a - b).map((index) => words[index]!);
}

/** Follows the links to a free place and shortens them on the way. */
function freeFrom(links: Int32Array, from: number): number {
  let free = from;
  while (links[free] !== free) free = links[free]!;
  for (let at = from; at !== free;) {
    const following = links[at]!;
    links[at] = free;
    at = following;
  }
  return free;
}

function readTable(): Table {
  const { pairs } = readRuleFile<PlaceboFile>('placebo.json');
  const rule = (first: string, second: string) => `placebo-${first}-${second}`;
  const masculine = pairs.map(({ first, second }) => [first, { after: second, rule: rule(first, second) }] as const);
  const feminine = pairs.map(({ first, second }) => [second, { after: first, rule: rule(first, second) }] as const);
  const words = pairs.flatMap(({ first, second }) => [first, second]).join('|');
  return {
    pattern: new RegExp(`(?<=^|[\\s"“(])(?:${words})(?=[\\s,.;:!?"”)]|$)`, 'gi'),
    ofGender: { masculine: new Map(masculine), feminine: new Map(feminine) },
  };
}
