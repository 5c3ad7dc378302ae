// The words on both sides of one occurrence, read from the raw text: no more of it than a few words, so that cost does not
// depend on the length of the document. Blanks and markup are stepped over; a punctuation mark and an empty line are words.
import { isWordUnit } from './surface.ts';

/** How many words the disambiguation looks at on each side. */
export const NUM_LEFT = 3;
export const NUM_RIGHT = 4;
/** Stands for what lies before the beginning and after the end of the text. */
export const BORDER = '$';
/** Stands for an empty line. */
export const EMPTY_LINE = '\n';

/** Beyond this many UTF-16 units on a side nothing is read, and no word is longer. */
const MOST_UNITS = 200;
const LONGEST_WORD = 40;

/** Words as written, nearest first: on the left of `start`, and on the right of `end`. */
export interface Surroundings {
  readonly left: readonly string[];
  readonly right: readonly string[];
}

/** Reads NUM_LEFT words before `start` and NUM_RIGHT words after `end`. */
export function readSurroundings(text: string, start: number, end: number): Surroundings {
  return { left: wordsBefore(text, start, NUM_LEFT), right: wordsAfter(text, end, NUM_RIGHT) };
}

/** The first words after a place, as written. */
export function wordsAfter(text: string, place: number, numWords: number): string[] {
  const words: string[] = [];
  const limit = Math.min(text.length, place + MOST_UNITS);
  let at = place;
  while (words.length < numWords) {
    const next = skipForward(text, at, limit);
    if (next.at >= limit) words.push(next.isEmptyLine ? EMPTY_LINE : BORDER);
    else if (next.isEmptyLine) words.push(EMPTY_LINE);
    at = next.at;
    if (next.at >= limit || next.isEmptyLine) continue;
    const end = wordEnd(text, at, limit);
    words.push(text.slice(at, end));
    at = end;
  }
  return words;
}

/** The words before a place, nearest first, as written. */
export function wordsBefore(text: string, place: number, numWords: number): string[] {
  const words: string[] = [];
  const limit = Math.max(0, place - MOST_UNITS);
  let at = place;
  while (words.length < numWords) {
    const next = skipBackward(text, at, limit);
    if (next.at <= limit) words.push(next.isEmptyLine ? EMPTY_LINE : BORDER);
    else if (next.isEmptyLine) words.push(EMPTY_LINE);
    at = next.at;
    if (next.at <= limit || next.isEmptyLine) continue;
    const start = wordStart(text, at, limit);
    words.push(text.slice(start, at));
    at = start;
  }
  return words;
}

interface Skipped {
  readonly at: number;
  readonly isEmptyLine: boolean;
}

const NEWLINE = 10;

/** Over blanks and markup; stops behind an empty line, which is told. */
function skipForward(text: string, from: number, limit: number): Skipped {
  let at = from;
  let numNewlines = 0;
  for (; at < limit; at++) {
    const unit = text.charCodeAt(at);
    if (unit === NEWLINE) numNewlines++;
    else if (unit === 60 && numNewlines < 2) {
      const close = tagEnd(text, at, limit);
      if (close < 0) break;
      at = close;
    } else if (!isSkipped(unit)) break;
  }
  return { at, isEmptyLine: numNewlines > 1 };
}

function skipBackward(text: string, from: number, limit: number): Skipped {
  let at = from;
  let numNewlines = 0;
  for (; at > limit; at--) {
    const unit = text.charCodeAt(at - 1);
    if (unit === NEWLINE) numNewlines++;
    else if (unit === 62 && numNewlines < 2) {
      const open = text.lastIndexOf('<', at - 1);
      if (open < limit || tagEnd(text, open, at) !== at - 1) break;
      at = open + 1;
    } else if (!isSkipped(unit)) break;
  }
  return { at, isEmptyLine: numNewlines > 1 };
}

/** Blanks of all kinds, soft hyphens, and the signs of Markdown and LaTeX. */
function isSkipped(unit: number): boolean {
  if (unit === 32 || (unit >= 9 && unit <= 13) || unit === 0xa0 || unit === 0xad) return true;
  return unit === 42 || unit === 95 || unit === 123 || unit === 125 || unit === 91 || unit === 93; // * _ { } [ ]
}

/** The place of the > that closes the tag which opens at `open`, -1 when none does nearby. */
function tagEnd(text: string, open: number, limit: number): number {
  const first = text.charCodeAt(open + 1) | 32;
  if (!(first >= 97 && first <= 122) && text.charCodeAt(open + 1) !== 47) return -1; // a letter, or the / of an end tag
  for (let at = open + 1; at < limit; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 62) return at;
    if (unit === 60) return -1;
  }
  return -1;
}

function wordEnd(text: string, start: number, limit: number): number {
  const most = Math.min(limit, start + LONGEST_WORD);
  const first = text.charCodeAt(start);
  if (!isWordUnit(first)) {
    if (first !== 45 && first !== 46) return start + 1; // runs of - and . are one word: dashes, dots
    let end = start + 1;
    while (end < most && text.charCodeAt(end) === first) end++;
    return end;
  }
  let end = start + 1;
  while (end < most) {
    const unit = text.charCodeAt(end);
    if (isWordUnit(unit)) end++;
    else if (joins(text, end, unit) && end + 1 < most && isWordUnit(text.charCodeAt(end + 1))) end += 2;
    else break;
  }
  return end;
}

function wordStart(text: string, end: number, limit: number): number {
  const least = Math.max(limit, end - LONGEST_WORD);
  const last = text.charCodeAt(end - 1);
  let start = end - 1;
  if (!isWordUnit(last)) {
    if (last === 45 || last === 46) while (start > least && text.charCodeAt(start - 1) === last) start--;
    return start;
  }
  while (start > least) {
    const unit = text.charCodeAt(start - 1);
    if (isWordUnit(unit)) start--;
    else if (start - 2 >= least && joins(text, start - 1, unit) && isWordUnit(text.charCodeAt(start - 2))) start -= 2;
    else break;
  }
  return start;
}

/** Whether the unit between two word units joins them: apostrophes and hyphens, and within numbers point and comma. */
function joins(text: string, at: number, unit: number): boolean {
  if (unit === 39 || unit === 0x2019 || unit === 45) return true;
  return (unit === 46 || unit === 44) && isDigit(text.charCodeAt(at - 1)) && isDigit(text.charCodeAt(at + 1));
}

function isDigit(unit: number): boolean {
  return unit >= 48 && unit <= 57;
}
