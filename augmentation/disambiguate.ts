// The two forms that English spells alike: her → him | his, his → her | hers. `her` is decided by the model of her-model.ts, `his`
// by closed classes of what follows it. Both read a few words of the raw text and never tag the document.
import { herMargin } from './her-model.ts';
import { readRuleFile } from './rule-files.ts';
import { isWordUnit } from './surface.ts';
import { BORDER, wordsAfter, wordsBefore } from './surroundings.ts';
import { knowWord } from './word-knowledge.ts';

/** What an ambiguous pronoun does in its clause. */
export type HerReading = 'object' | 'determiner';
export type HisReading = 'determiner' | 'independent';

export interface ReadHer {
  readonly reading: HerReading;
  /** Log-odds of object against determiner; infinite where a rule decides. */
  readonly margin: number;
}

/** Whether `text[start, end)`, a form of `her`, is an object (him) or a determiner (his). */
export function readHer(text: string, start: number, end: number): ReadHer {
  if (isJointOwner(text, end)) return { reading: 'determiner', margin: -Infinity };
  const margin = herMargin(text, start, end);
  return { reading: margin > 0 ? 'object' : 'determiner', margin };
}

/** Whether `text[start, end)`, a form of `his`, is a determiner (her) or stands alone (hers). */
export function readHis(text: string, start: number, end: number): HisReading {
  if (isCommonHis(text, start, end)) return 'determiner';
  const words = phraseAfter(text, end);
  const [first, second] = words.map((word) => word.toLowerCase().replaceAll('’', "'"));
  if (first === undefined) return 'independent';
  if (first === 'and') return isJointOwner(text, end) || isOwner(second) ? 'determiner' : 'independent';
  if (first === 'will') return second === 'be' ? 'independent' : 'determiner';
  if (listOf('afterIndependentHis').has(first)) return 'independent';
  const noun = partitiveNoun(text, start);
  if (noun === undefined) return 'determiner';
  const isFinite = listOf('people').has(noun) ? isVerb(first, second) : isVerbOnly(first);
  return isFinite || listOf('afterPartitiveHis').has(first) ? 'independent' : 'determiner';
}

/** By far most: a word in small letters follows after one blank, no word that decides, and no `of` stands before. */
function isCommonHis(text: string, start: number, end: number): boolean {
  if (text.charCodeAt(end) !== 32 || text.charCodeAt(start - 2) === 102) return false; // the f of `of`
  let last = end + 1;
  while (isSmallLetter(text.charCodeAt(last))) last++;
  return last > end + 1 && last < end + 30 && !isDeciding(text.slice(end + 1, last));
}

function isSmallLetter(unit: number): boolean {
  return unit >= 97 && unit <= 122;
}

function isDeciding(word: string): boolean {
  return word === 'and' || word === 'will' || listOf('afterIndependentHis').has(word);
}

/** Signs that open a phrase after a possessive: quotes, brackets, what begins a sum or a tag. */
const OPENERS = new Set(['"', '“', '‘', "'", '`', '(', '$', '£', '€', '@', '#']);

/** The words that follow up to the end of the phrase; none when a sign that closes it comes first. */
function phraseAfter(text: string, end: number): string[] {
  const aside = /^\s\([^()\n]{1,60}\)/.exec(text.slice(end, end + 64));
  if (aside !== null) return phraseAfter(text, end + aside[0].length); // "his (and only his) idea"
  const words = wordsAfter(text, end, 4);
  const isBlankNext = /[\s*_[\]{}<\u00ad]/.test(text.charAt(end));
  while (words[0] !== undefined && OPENERS.has(words[0]) && (isBlankNext || /[“‘(]/.test(words[0]))) words.shift();
  const close = words.findIndex((word) => word === BORDER || !isWordUnit(word.charCodeAt(0)));
  return close < 0 ? words : words.slice(0, close);
}

/** "her and Maria's turn", "his and the king's men": both own what follows. */
function isJointOwner(text: string, end: number): boolean {
  if (!/^\s+and\s/i.test(text.slice(end, end + 8))) return false;
  const [, second = '', third = ''] = wordsAfter(text, end, 3);
  return /['’]s$/.test(second) || (/^(?:the|[A-Z]\S*)$/.test(second) && /['’]s$/.test(third));
}

/** "his and their slaves". After `her and`, the same words open a second object ("for her and her partner"). */
function isOwner(word: string | undefined): boolean {
  return /^(?:my|your|our|their|his)$/.test(word ?? '');
}

/** The noun of "a cousin of his", "that hat of his"; undefined when no `of` stands before. */
function partitiveNoun(text: string, start: number): string | undefined {
  if (!/\sof\s$/i.test(text.slice(Math.max(0, start - 4), start))) return undefined;
  const [, noun = ''] = wordsBefore(text, start, 2);
  return noun.toLowerCase().replace(/s$/, '');
}

/** A form that is a finite verb and nothing else. */
function isVerbOnly(word: string): boolean {
  return /^(?:Z|D|h|o|m)$/.test(knowWord(word).signature);
}

const SIGNATURES_OF_VERBS = /^(?:Z|D|D\/N|N\/D|D\/V|V\/D|b|h|o|m)(?:\/|$)/;

/** After people, what follows is as often a verb as a noun. A finite verb: by the dictionary alone, or, where it may be a noun as well ("runs"), by the object that follows. */
function isVerb(word: string, next: string | undefined): boolean {
  if (isVerbOnly(word)) return true;
  const { signature } = knowWord(word);
  if (SIGNATURES_OF_VERBS.test(signature)) return next === undefined || !/^[SnJ]/.test(knowWord(next).signature);
  return /(?:^|\/)[ZD](?:\/|$)/.test(signature) && /^(?:d|p|p\$)(?:\/|$)/.test(knowWord(next ?? '').signature);
}

interface WordLists {
  readonly [list: string]: { readonly note: string; readonly words: string };
}

const lists = new Map<string, ReadonlySet<string>>();

function listOf(name: string): ReadonlySet<string> {
  if (lists.size === 0)
    for (const [list, { words }] of Object.entries(readRuleFile<{ lists: WordLists }>('disambiguation.json').lists))
      lists.set(list, new Set(words.split(' ')));
  const found = lists.get(name);
  if (found === undefined) throw new Error(`bug: disambiguation.json has no list ${name}`);
  return found;
}
