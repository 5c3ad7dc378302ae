// Whether a word spelt like a first name stands for a person: `compromise` reads the clause around it, so that "Mark the date", "Lake
// Charles" and "St. Martin" stay as they are. Asked for the optional pairs of names only. A clause is bounded, because the time of
// compromise grows with the square of a sentence.
import { createRequire } from 'node:module';
import type nlpTwo from 'compromise/two';
import type { TaggedView } from './compromise-plugin.ts';

/** How far a clause reaches on either side of the name, in UTF-16 units. */
const CLAUSE_UNITS = 180;

/** What a word is tagged with that is no person's name where it stands. */
const OTHER_TAGS = ['Place', 'Verb', 'Organization'];

let compromise: typeof nlpTwo | undefined;

/** Whether compromise takes the first name at `text[start, end)` for one; false when it is read as a place, a verb, an organization. */
export function isPerson(text: string, start: number, end: number): boolean {
  compromise ??= createRequire(import.meta.url)('compromise/two') as typeof nlpTwo; // loaded for the first name, not with the program
  const from = clauseStart(text, start);
  const { docs } = compromise(text.slice(from, clauseEnd(text, end))) as unknown as TaggedView; // its types leave the terms out
  let offset = from;
  for (const term of docs.flat()) {
    const termStart = offset + term.pre.length;
    offset = termStart + term.text.length + term.post.length;
    if (offset > start) return !OTHER_TAGS.some((tag) => term.tags?.has(tag));
  }
  throw new Error('bug: the terms of a clause do not cover it');
}

/** Ends of clauses: a line's end, and the marks that end sentences, when a blank follows and no abbreviation stands before. */
const CLAUSE_END = /\n|(?<![A-Z]|\b(?:Mr|Mrs|Ms|Dr|St|Mt|Ft|Prof))[.!?;]["”’)]*\s/g;

function clauseStart(text: string, start: number): number {
  const from = Math.max(0, start - CLAUSE_UNITS);
  let begin = from;
  for (const match of text.slice(from, start).matchAll(CLAUSE_END)) begin = from + match.index + match[0].length;
  return begin;
}

function clauseEnd(text: string, end: number): number {
  const rest = text.slice(end, end + CLAUSE_UNITS);
  CLAUSE_END.lastIndex = 0;
  const match = CLAUSE_END.exec(rest);
  return end + (match === null ? rest.length : match.index + match[0].length);
}
