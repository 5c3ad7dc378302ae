// Words spelt like English pronouns in lines of another language: "Komm her!", "He ovat täällä", "in his verbis". An English
// function word near by on the line settles it; without one, a word that only another language has.
import { compilePatterns, matches, Views, type CompiledPatterns } from './patterns.ts';
import { readRuleFile } from './rule-files.ts';
import { isWordUnit } from './surface.ts';

interface Languages {
  readonly english: string;
  readonly others: Readonly<Record<string, string>>;
  readonly letters: string;
  readonly phrases: readonly { readonly before: readonly string[]; readonly after: readonly string[] }[];
}

interface CompiledLanguages {
  readonly english: WordSet;
  readonly others: WordSet;
  readonly letters: RegExp;
  readonly phrases: readonly CompiledPatterns[];
}

let languages: CompiledLanguages | undefined;

/** About six words. */
const WORDS_UNITS = 40;

/** Whether the line around `text[start, end)` is not English. */
export function isForeign(text: string, start: number, end: number): boolean {
  languages ??= compileLanguages(readRuleFile<Languages>('languages.json'));
  const { english, others, letters, phrases } = languages;
  if (hasWordBefore(text, start, english) || hasWordAfter(text, end, english)) return false;
  if (hasWordBefore(text, start, others) || hasWordAfter(text, end, others)) return true;
  if (letters.test(text.slice(lineStart(text, start), lineEnd(text, end)))) return true;
  const around = new Views(text, start, end);
  return phrases.some((phrase) => matches(phrase, around));
}

function compileLanguages({ english, others, letters, phrases }: Languages): CompiledLanguages {
  return {
    english: wordSet(english.split(' ')),
    others: wordSet(Object.values(others).flatMap((words) => words.split(' '))),
    letters: new RegExp(`[${letters}]`, 'u'),
    phrases: phrases.map(compilePatterns),
  };
}

const NEWLINE = 10;

function lineStart(text: string, place: number): number {
  const least = Math.max(0, place - WORDS_UNITS);
  return least + text.slice(least, place).lastIndexOf('\n') + 1;
}

function lineEnd(text: string, place: number): number {
  const newline = text.slice(place, place + WORDS_UNITS).indexOf('\n');
  return newline < 0 ? Math.min(text.length, place + WORDS_UNITS) : place + newline;
}

/** Looks at whole words within reach and on the line, nearest first. */
function hasWordBefore(text: string, place: number, words: WordSet): boolean {
  const least = Math.max(0, place - WORDS_UNITS);
  let to = place;
  while (to > least) {
    const unit = text.charCodeAt(to - 1);
    if (unit === NEWLINE) return false;
    if (!isWordUnit(unit)) {
      to--;
      continue;
    }
    let from = to - 1;
    while (from > least && isWordUnit(text.charCodeAt(from - 1))) from--;
    if (from === least && from > 0 && isWordUnit(text.charCodeAt(from - 1))) return false; // cut by the reach
    if (isListed(text, from, to, words)) return true;
    to = from;
  }
  return false;
}

function hasWordAfter(text: string, place: number, words: WordSet): boolean {
  const most = Math.min(text.length, place + WORDS_UNITS);
  let from = place;
  while (from < most) {
    const unit = text.charCodeAt(from);
    if (unit === NEWLINE) return false;
    if (!isWordUnit(unit)) {
      from++;
      continue;
    }
    let to = from + 1;
    while (to < most && isWordUnit(text.charCodeAt(to))) to++;
    if (to === most && isWordUnit(text.charCodeAt(to))) return false;
    if (isListed(text, from, to, words)) return true;
    from = to;
  }
  return false;
}

/** A word after an apostrophe is a tail, not a word: the s of "she's". */
function isListed(text: string, from: number, to: number, words: WordSet): boolean {
  const before = text.charCodeAt(from - 1);
  if (before === 39 || before === 0x2019) return false;
  return words(text, from, to);
}

/** Whether `text[from, to)`, in small letters, is in a set. */
type WordSet = (text: string, from: number, to: number) => boolean;

/** A set that is asked for pieces of a text without cutting them out: most pieces share no hash with a word of the set. */
function wordSet(words: readonly string[]): WordSet {
  const set = new Set(words);
  const hashes = new Uint8Array(HASHES);
  for (const word of words) hashes[hashPiece(word, 0, word.length)] = 1;
  return (text, from, to) => hashes[hashPiece(text, from, to)] === 1 && set.has(text.slice(from, to).toLowerCase());
}

const HASHES = 2 ** 14;

/** Of a piece without regard to the case of ASCII letters; others are small letters in the lists, and elsewhere may miss. */
function hashPiece(text: string, from: number, to: number): number {
  let hash = 0;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (text.charCodeAt(at) | 32), 0x9e3779b1) ^ (hash >>> 15);
  return (hash >>> 10) & (HASHES - 1);
}
