// The two forms that English spells alike: her → him | his, his → her | hers. One function per ambiguous form.
// Closed-class evidence beside the occurrence decides first; what it leaves open is decided by compromise's tags of the next
// terms, on the clause alone (compromise is quadratic in sentence length). Its own tag of `her` is always Possessive.
import { createRequire } from 'node:module';
import type nlpThree from 'compromise';
import { type Context, readContext } from './context.ts';
import { readRuleFile } from './rule-files.ts';

/** What an ambiguous pronoun does in its clause. */
export type HerReading = 'object' | 'determiner';
export type HisReading = 'determiner' | 'independent';

/** Whether `text[start, end)`, a form of `her`, is an object (him) or a determiner (his). */
export function readHer(text: string, start: number, end: number): HerReading {
  const context = readContext(text, start, end);
  return herByClosedClass(context) ?? herByTags(context);
}

/** Whether `text[start, end)`, a form of `his`, is a determiner (her) or stands alone (hers). */
export function readHis(text: string, start: number, end: number): HisReading {
  const context = readContext(text, start, end);
  const word = context.next[0];
  if (context.isClosed || word === undefined) return 'independent';
  if (word === 'and') return isJointOwner(context) || isOwner(context.next[1]) ? 'determiner' : 'independent';
  if (word === 'will') return context.next[1] === 'be' ? 'independent' : 'determiner';
  if (words('afterIndependentHis').has(word)) return 'independent';
  return isPartitive(context) && isVerbNext(context) ? 'independent' : 'determiner';
}

interface WordLists {
  readonly [list: string]: { readonly note: string; readonly words: string };
}

const lists = new Map<string, ReadonlySet<string>>();

function words(list: string): ReadonlySet<string> {
  if (lists.size === 0)
    for (const [name, entry] of Object.entries(readRuleFile<WordLists>('disambiguation.json')))
      if (typeof entry === 'object') lists.set(name, new Set(entry.words.split(' ')));
  const found = lists.get(list);
  if (found === undefined) throw new Error(`bug: disambiguation.json has no list ${list}`);
  return found;
}

function herByClosedClass(context: Context): HerReading | undefined {
  const { previous, next, isClosed } = context;
  const word = next[0];
  const governor = previous[0];
  if (isClosed || word === undefined) return 'object';
  if (words('afterDeterminer').has(word) || /^[a-z]+-[a-z]/.test(word)) return 'determiner';
  if (word === 'and') return isJointOwner(context) ? 'determiner' : 'object';
  if (word === 'last') return words('lastTimes').has(next[1] ?? '') ? 'object' : 'determiner';
  if (word === 'back') return isBodyPart(context) ? 'determiner' : 'object';
  const isAfterVerb = governor !== undefined && !words('prepositions').has(governor);
  if (words('bothWays').has(word)) return isAfterVerb ? 'object' : 'determiner';
  if (words('afterObject').has(word)) return 'object';
  return governor === undefined ? 'determiner' : undefined;
}

/** "turned her back", "on her back", against "brought her back". */
function isBodyPart({ previous }: Context): boolean {
  const governor = previous[0];
  return governor === undefined || words('prepositions').has(governor) || words('keepsBack').has(governor);
}

/** "a cousin of his", "some clients of his": with people, what follows is as often a verb as a noun. */
function isPartitive({ previous }: Context): boolean {
  return previous[0] === 'of' && words('people').has(previous[1]?.replace(/s$/, '') ?? '');
}

/** Read with `them`, which can only stand alone, a finite verb comes next, and no noun that would make it a participle. */
function isVerbNext(context: Context): boolean {
  const [first, second] = tagsAround(context, 'them').after;
  if (first?.tags.has('PastTense') !== true && first?.tags.has('PresentTense') !== true) return false;
  return first.isBreak || second === undefined || !second.tags.has('Noun') || second.tags.has('Pronoun');
}

/** "her and Maria's turn", "his and the king's men": both own what follows. */
function isJointOwner({ nextAsWritten }: Context): boolean {
  const [, second = '', third = ''] = nextAsWritten;
  return /['’]s$/.test(second) || (/^(?:the|[A-Z]\S*)$/.test(second) && /['’]s$/.test(third));
}

/** "his and their slaves". After `her and`, the same words open a second object ("for her and her partner"). */
function isOwner(word: string | undefined): boolean {
  return /^(?:my|your|our|their|his)$/.test(word ?? '');
}

/** What compromise's tags say of the next terms, seen together with the word that governs the pronoun. */
function herByTags(context: Context): HerReading {
  const { previous, next, nextAsWritten } = context;
  const governor = previous[0] ?? '';
  const word = next[0] ?? '';
  if (isNameAfter(governor, nextAsWritten[0] ?? '')) return 'object';
  if (words('giveLike').has(governor) && words('massNouns').has(word)) return 'object';
  const { before, after } = tagsAround(context, 'her');
  const first = after[0];
  if (first === undefined || isPhraseBorder(first)) return 'object';
  if (words('letLike').has(governor)) return isBareInfinitive(context) || !isClause(after) ? 'object' : 'determiner';
  if (words('makeLike').has(governor) && isBareInfinitive(context)) return 'object';
  if (first.tags.has('Cardinal') && words('giveLike').has(governor)) return 'object';
  if (first.tags.has('Noun') || leadsToNoun(after)) return 'determiner';
  if (words('prepositions').has(governor)) return first.tags.has('Adverb') ? 'object' : 'determiner';
  return before?.tags.has('Verb') === true || words('makeLike').has(governor) ? 'object' : 'determiner';
}

/** "called her Sunday", "told her Mrs. Roberts would pay". */
function isNameAfter(governor: string, word: string): boolean {
  return /^\p{Lu}\p{Ll}/u.test(word) && (words('callLike').has(governor) || words('tellLike').has(governor));
}

/** After make, see, hear: a base form, or any word with an object of its own ("see her ring the bell"). */
function isBareInfinitive({ next }: Context): boolean {
  return words('bareInfinitives').has(next[0] ?? '') || words('phraseOpeners').has(next[1] ?? '');
}

/** A noun and its verb: "let her soul rest". */
function isClause([first, second]: readonly Term[]): boolean {
  return first?.tags.has('Noun') === true && !first.isBreak && second?.tags.has('Verb') === true;
}

/** Words that end a noun phrase before it began. */
function isPhraseBorder({ tags }: Term): boolean {
  return ['Preposition', 'Conjunction', 'Determiner', 'QuestionWord', 'Pronoun', 'Auxiliary', 'Copula', 'Modal'].some(
    (tag) => tags.has(tag),
  );
}

/** Whether only modifiers stand between the pronoun and a noun. */
function leadsToNoun(terms: readonly Term[]): boolean {
  for (const term of terms) {
    if (term.tags.has('Noun') && !term.tags.has('Pronoun')) return true;
    if (isPhraseBorder(term) || term.isBreak) return false;
  }
  return false;
}

type Tagger = typeof nlpThree;
let tagger: Tagger | undefined;

interface Term {
  readonly tags: ReadonlySet<string>;
  /** Punctuation follows the term. */
  readonly isBreak: boolean;
}

/** compromise reads no more than this on either side: its time is quadratic in the length of a sentence. */
const TAGGED_UNITS = 100;

/** The tags of the term before and of up to four terms after the occurrence, which is written as `pronoun`. */
function tagsAround(
  context: Context,
  pronoun: string,
): { readonly before: Term | undefined; readonly after: readonly Term[] } {
  // Loaded at the first form that needs it: masculine-to-feminine never does, and it costs 300 ms and 85 MB.
  tagger ??= createRequire(import.meta.url)('compromise/two') as Tagger;
  const left = context.left.slice(-TAGGED_UNITS);
  const right = context.right.slice(0, TAGGED_UNITS);
  let before: Term | undefined;
  const after: Term[] = [];
  let offset = 0;
  for (const sentence of tagger(left + pronoun + right).docs as readonly (readonly TaggedTerm[])[])
    for (const { pre, text, post, tags } of sentence) {
      const start = offset + pre.length;
      offset = start + text.length + post.length;
      const term = { tags: new Set(tags), isBreak: /[^\s]/.test(post) };
      if (start < left.length) before = term;
      else if (start > left.length && after.length < 4) after.push(term);
    }
  return { before, after };
}

/** A term as compromise keeps it: its text and what surrounds it add up to the input. */
interface TaggedTerm {
  readonly text: string;
  readonly pre: string;
  readonly post: string;
  readonly tags?: Iterable<string>;
}
