// The verbs of neutral-v1: where he or she becomes they, the verb beside it agrees ("he was" → "they were", "is she" → "are they"), and
// so do verbs joined to it ("he sits and reads"). Closed classes and the dictionary decide; rules/neutral.json holds the lists.
import type { Candidate } from './match.ts';
import type { PronounFunction } from './pairs.ts';
import { readRuleFile } from './rule-files.ts';
import { casingOf, inCasing, isWordUnit } from './surface.ts';
import { knowWord } from './word-knowledge.ts';

/** A span to be replaced, and by what. */
export interface Agreement {
  readonly start: number;
  readonly end: number;
  readonly after: string;
}

/** The form of a function: they, them, their, theirs, themselves. */
export function neutralForm(pronounFunction: PronounFunction): string {
  return lists().forms[pronounFunction];
}

/** The verbs that must agree when the subject `he` or `she` becomes `they`; sorted, not overlapping. */
export function agreementsOf(text: string, { start, end, casing }: Candidate): Agreement[] {
  const contraction = contractedVerb(text, end, casing === 'upper');
  if (contraction !== undefined) return [contraction];
  const inverted = invertedVerb(text, start, end);
  if (inverted !== undefined) return [inverted];
  const verb = firstVerb(text, end);
  if (verb === undefined) return [];
  const own = verb.base === undefined ? [] : [agreementAt(text, verb, verb.base)];
  return [...own, ...joinedVerbs(text, verb.end)];
}

interface Lists {
  readonly forms: Readonly<Record<PronounFunction, string>>;
  readonly irregular: Readonly<Record<string, string>>;
  readonly auxiliaries: ReadonlySet<string>;
  readonly adverbs: ReadonlySet<string>;
  readonly participlesOfHave: ReadonlySet<string>;
  readonly objectOpeners: ReadonlySet<string>;
  readonly notVerbs: ReadonlySet<string>;
  readonly subjects: ReadonlySet<string>;
}

let read: Lists | undefined;

function lists(): Lists {
  if (read !== undefined) return read;
  const file = readRuleFile<Record<string, string> & Pick<Lists, 'forms' | 'irregular'>>('neutral.json');
  const words = (name: string) => new Set((file[name] ?? '').split(' '));
  read = {
    forms: file.forms,
    irregular: file.irregular,
    auxiliaries: words('auxiliaries'),
    adverbs: words('adverbs'),
    participlesOfHave: words('participlesOfHave'),
    objectOpeners: words('objectOpeners'),
    notVerbs: words('notVerbs'),
    subjects: words('subjects'),
  };
  return read;
}

/** A word of the text with its place. */
interface Token {
  readonly start: number;
  readonly end: number;
  /** In small letters, with straight apostrophes. */
  readonly word: string;
}

const REACH_UNITS = 160;

/** The words and marks after a place, within reach. */
function tokensAfter(text: string, place: number, numTokens: number): Token[] {
  const tokens: Token[] = [];
  const most = Math.min(text.length, place + REACH_UNITS);
  for (let at = place; at < most && tokens.length < numTokens;) {
    if (/\s/.test(text.charAt(at))) {
      at++;
      continue;
    }
    let end = at + 1;
    if (isWordUnit(text.charCodeAt(at)))
      while (end < most && (isWordUnit(text.charCodeAt(end)) || isInnerApostrophe(text, end))) end++;
    tokens.push(tokenOf(text, at, end));
    at = end;
  }
  return tokens;
}

function isInnerApostrophe(text: string, at: number): boolean {
  return /['’-]/.test(text.charAt(at)) && isWordUnit(text.charCodeAt(at + 1));
}

function tokenOf(text: string, start: number, end: number): Token {
  return { start, end, word: text.slice(start, end).toLowerCase().replaceAll('’', "'") };
}

/** "he's" → they're or they've; "hes" → they're. */
function contractedVerb(text: string, end: number, isUpper: boolean): Agreement | undefined {
  const tail = /^(['’]?)s(?![\p{L}\p{N}])/iu.exec(text.slice(end, end + 3));
  if (tail === null) return undefined;
  const rest = isHaveNext(text, end + tail[0].length) ? 've' : 're';
  const after = (tail[1] === '' ? "'" : tail[1]) + rest;
  return { start: end, end: end + tail[0].length, after: isUpper ? after.toUpperCase() : after };
}

/** What follows 's is a participle of the perfect: "he's been", "she's just left him"; else of the passive or the progressive. */
function isHaveNext(text: string, end: number): boolean {
  const { participlesOfHave, objectOpeners } = lists();
  const tokens = tokensAfter(text, end, 6);
  const index = tokens.findIndex(({ word }) => !isAdverb(word) || participlesOfHave.has(word));
  const verb = tokens.slice(Math.max(0, index)).find(({ word }) => !isAdverb(word));
  if (verb === undefined) return false;
  if (verb.word === 'gone' || verb.word === 'done')
    return objectOpeners.has(wordAfter(tokens, verb)) || verb.word === 'gone';
  if (/^(?:been|got|had|gotten|become|come|lived|worked|grown|gotta|written)$/.test(verb.word)) return true;
  const isParticiple = /(?:^|\/)N(?:\/|$)/.test(knowWord(verb.word).signature);
  const next = wordAfter(tokens, verb);
  return isParticiple && (objectOpeners.has(next) || /^[nS](?:\/|$)/.test(knowWord(next).signature));
}

function wordAfter(tokens: readonly Token[], token: Token): string {
  return tokens[tokens.indexOf(token) + 1]?.word ?? '';
}

/** "is he …?", "does she", "so was he": the auxiliary stands before, and no finite verb behind. */
function invertedVerb(text: string, start: number, end: number): Agreement | undefined {
  const before = wordsBefore(text, start);
  const [auxiliary, earlier] = before;
  if (auxiliary === undefined) return undefined;
  const clitic = /^(?:what|where|how|who|why|when)('s)$/.exec(auxiliary.word);
  if (clitic !== null && isFinite(tokensAfter(text, end, 1)[0]?.word)) return undefined;
  if (clitic !== null) return { start: auxiliary.end - 1, end: auxiliary.end, after: 're' };
  if (!lists().auxiliaries.has(auxiliary.word) || !/^\s+$/.test(text.slice(auxiliary.end, start))) return undefined;
  if (/^(?:it|this|that|there|he|she)$/.test(earlier?.word ?? '') && /^(?:is|was)/.test(auxiliary.word))
    return undefined;
  if (isFinite(tokensAfter(text, end, 1)[0]?.word)) return undefined;
  return agreementAt(text, auxiliary, baseOf(auxiliary.word) ?? auxiliary.word);
}

function wordsBefore(text: string, start: number): Token[] {
  const tokens: Token[] = [];
  let at = start;
  while (tokens.length < 2 && at > Math.max(0, start - 40)) {
    let end = at;
    while (end > 0 && /\s/.test(text.charAt(end - 1))) end--;
    let from = end;
    while (from > 0 && (isWordUnit(text.charCodeAt(from - 1)) || (from < end && /['’]/.test(text.charAt(from - 1)))))
      from--;
    if (from === end) break; // a mark, or the beginning
    tokens.push(tokenOf(text, from, end));
    at = from;
  }
  return tokens;
}

/** A verb in the past or the present's third person: after he, then, the auxiliary before he belongs to another clause. */
function isFinite(word: string | undefined): boolean {
  if (word === undefined || isAdverb(word)) return false;
  if (/^(?:was|is|has|had|did|does|can|could|will|would|should|might|may|must|said|went|came|lied|'s)$/.test(word))
    return true;
  return /^(?:D|Z)(?:\/|$)/.test(knowWord(word).signature) && !/(?:^|\/)[NVJn](?:\/|$)/.test(knowWord(word).signature);
}

function isAdverb(word: string): boolean {
  return lists().adverbs.has(word) || /^A(?:\/|$)/.test(knowWord(word).signature) || /.ly$/.test(word);
}

interface FoundVerb {
  readonly start: number;
  readonly end: number;
  /** What it becomes; undefined for a verb that does not change. */
  readonly base: string | undefined;
}

/** The verb after the subject, over adverbs and what commas enclose. */
function firstVerb(text: string, end: number): FoundVerb | undefined {
  const tokens = tokensAfter(text, end, 12);
  let index = 0;
  if (tokens[0]?.word === ',') {
    const close = tokens.findIndex(({ word }, place) => place > 0 && place < 8 && word === ',');
    if (close < 0) return undefined;
    index = close + 1;
  }
  while (index < 6 && isAdverb(tokens[index]?.word ?? '') && baseOf(tokens[index]!.word) === undefined) index++; // it is there
  const verb = tokens[index];
  if (verb === undefined || !/^[\p{L}]/u.test(verb.word) || /^(?:and|or|who|that|which|of|in|to)$/.test(verb.word))
    return undefined;
  return { start: verb.start, end: verb.end, base: baseOf(verb.word) };
}

const MOST_JOINED = 24;

/** Verbs joined by and, or, but, then to the verb before them: no subject of their own stands between. */
function joinedVerbs(text: string, end: number): Agreement[] {
  const found: Agreement[] = [];
  const tokens = tokensAfter(text, end, MOST_JOINED);
  for (let index = 0; index < tokens.length; index++) {
    const { word } = tokens[index]!; // inside the list
    if (/^[.!?;:"”(]$/.test(word) || lists().subjects.has(word)) break;
    if (!/^(?:and|or|but|then)$/.test(word)) continue;
    let next = index + 1;
    while (isAdverb(tokens[next]?.word ?? '') && !lists().auxiliaries.has(tokens[next]!.word)) next++; // it is there
    if (/^t?here$/.test(tokens[next - 1]?.word ?? '')) continue; // "and there was"
    const verb = tokens[next];
    if (verb === undefined || !isSurelyThird(verb.word, tokens[next + 1]?.word)) continue;
    const base = baseOf(verb.word);
    if (base !== undefined) found.push(agreementAt(text, verb, base));
  }
  return found;
}

/** An auxiliary, or a form in -s that is no noun, or that has an object or a preposition behind it. */
function isSurelyThird(word: string, next: string | undefined): boolean {
  if (lists().auxiliaries.has(word)) return true;
  const { signature } = knowWord(word);
  if (/^Z(?:\/|$)/.test(signature)) return !/(?:^|\/)S(?:\/|$)/.test(signature) || isObjectNext(next);
  return /(?:^|\/)Z(?:\/|$)/.test(signature) && isObjectNext(next);
}

function isObjectNext(next: string | undefined): boolean {
  return next !== undefined && lists().objectOpeners.has(next);
}

/** The plural of a verb in the third person: are, were, have, and the form without -s; undefined for any other word. */
function baseOf(word: string): string | undefined {
  const irregular = lists().irregular[word];
  if (irregular !== undefined) return irregular;
  if (!/[a-z]{2,}s$/.test(word) || /ss$/.test(word) || lists().notVerbs.has(word) || /['’-]/.test(word))
    return undefined;
  if (/^(?:A|I|C|c|d|p|p\$|M)(?:\/|$)/.test(knowWord(word).signature)) return undefined;
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (/(?:ss|sh|ch|x|zz|[^aeiou]o)es$/.test(word)) return word.slice(0, -2);
  return word.slice(0, -1);
}

function agreementAt(
  text: string,
  { start, end }: { readonly start: number; readonly end: number },
  base: string,
): Agreement {
  const before = text.slice(start, end);
  const after = before.includes('’') ? base.replaceAll("'", '’') : base;
  return { start, end, after: inCasing(after, casingOf(before)) };
}
