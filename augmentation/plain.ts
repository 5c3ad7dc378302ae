// The fast way past the guards: most pronouns stand between words and blanks as in any sentence, and there no guard can match. Says
// "plain" only where that follows from the characters beside the word; whatever is in doubt goes through all guards.
// test/augmentation/plain.test.ts checks it against the guards themselves.
import { LEFT_UNITS, LINE_UNITS, type Occurrence } from './patterns.ts';
import { isWordUnit } from './surface.ts';

/** What a text as a whole may hold. */
export interface DocumentSigns {
  /** Where these signs stand, from left to right. */
  readonly angles: readonly number[];
  readonly backquotes: readonly number[];
  /** Where the fences of code blocks begin, from left to right. */
  readonly fences: readonly number[];
}

const FENCE = /^[ \t]*(?:```|~~~)/gm;

export function readSigns(text: string): DocumentSigns {
  const backquotes = placesOf(text, '`');
  const mayHaveFence = backquotes.length > 0 || text.includes('~~~');
  const fences = mayHaveFence ? Array.from(text.matchAll(FENCE), (match) => match.index) : [];
  return { angles: placesOf(text, '<'), backquotes, fences };
}

function placesOf(text: string, sign: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(sign); at >= 0; at = text.indexOf(sign, at + 1)) places.push(at);
  return places;
}

/** Whether one of the places (from left to right) is in `[from, to)`, by bisection. */
function isAnyWithin(places: readonly number[], from: number, to: number): boolean {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[middle]! < from) low = middle + 1;
    else high = middle;
  }
  return low < places.length && places[low]! < to;
}

/** Whether a position lies in a fenced code block. */
export function isInFence({ fences }: DocumentSigns, position: number): boolean {
  if (fences.length === 0 || fences[0]! > position) return false; // the length was just checked
  return fences.filter((start) => start < position).length % 2 === 1;
}

/** Words before which, or after which, a capitalised form may be a name, a symbol or a title. */
const SUSPECT_BEFORE = new Set(
  `letter hebrew film films movie movies novel novels book album song single series show musical track band opera magazine comic
  manga sequel remake in dr prof mr mrs ms gen sen gov miss madam madame professor president premier chairman comrade general
  minister liquid gaseous superfluid metastable ionized atomic proximal distal catalytic poly hexa terminal of h h2 li be ne ar kr
  xe n2 o2 co2 ch4 and or ala arg asn asp cys gln glu gly ile leu lys phe ser thr trp tyr he`.split(/\s+/),
);
const SUSPECT_AFTER = new Set(
  `et atom atoms gas ion ions nuclei nucleus plasma isotope isotopes abundance abundances residue residues imidazole tag tags side
  ligand ligands bundle kinase kinases and or he`.split(/\s+/),
);

/** Whether no guard of rules/guards.json can match; those on languages are not meant. */
export function isPlain(text: string, signs: DocumentSigns, { start, end, form, casing }: Occurrence): boolean {
  if (casing === 'upper' || isAnyWithin(signs.angles, start - LEFT_UNITS, start) || isInFence(signs, start))
    return false;
  if (isAnyWithin(signs.backquotes, start - LINE_UNITS, end + LINE_UNITS)) return false;
  const next = startOfNext(text, end);
  if (next < 0 || !isOpenBefore(text, start)) return false;
  if (text.startsWith('in ', end + 1)) return false; // a loop in code: "for he in list:"
  if (casing === 'lower') return form !== 'he' || isNoLetter(text, start, end, next);
  return isOrdinaryTitleCase(text, { start, end, form }, next);
}

const SPACE = 32;
const NEWLINE = 10;
const HYPHEN = 45;

/** Start of the text, a blank, the start of a line that is no rest of a word, an opening quote. */
function isOpenBefore(text: string, start: number): boolean {
  if (start === 0) return true;
  const unit = text.charCodeAt(start - 1);
  if (unit === SPACE) return true;
  const before = text.charCodeAt(start - 2); // NaN before the text
  if (unit === NEWLINE) return before !== 45 && before !== 0x2010 && before !== 13;
  return (unit === 34 || unit === 0x201c) && (start === 1 || before === SPACE || before === NEWLINE);
}

/**
 * The place where the next word, or its opening quote, begins: behind an apostrophe's tail, at most one mark of punctuation, and
 * one blank; -1 when anything else follows, the end of the text too.
 */
function startOfNext(text: string, end: number): number {
  let at = tailEnd(text, end);
  const unit = text.charCodeAt(at);
  if (unit === 44 || unit === 46 || unit === 58 || unit === 33 || unit === 63) at++; // , . : ! ?
  const blank = text.charCodeAt(at);
  if (blank !== SPACE && blank !== NEWLINE) return -1;
  at++;
  const first = text.charCodeAt(at); // NaN after the text
  return isWordUnit(first) || first === 34 || first === 0x201c ? at : -1;
}

function tailEnd(text: string, end: number): number {
  const unit = text.charCodeAt(end);
  if (unit !== 39 && unit !== 0x2019) return end;
  const second = text.charCodeAt(end + 1);
  if (second === 115 || second === 100) return isWordUnit(text.charCodeAt(end + 2)) ? end : end + 2; // 's, 'd
  return text.startsWith('ll', end + 1) && !isWordUnit(text.charCodeAt(end + 3)) ? end + 3 : end;
}

/** No laughter and no letter of an alphabet: what those guards ask for is not beside it. */
function isNoLetter(text: string, start: number, end: number, next: number): boolean {
  if (/^he(?![A-Za-z])/i.test(text.slice(next, next + 3)) || text.startsWith('he', end + 1)) return false;
  const before = text.charCodeAt(start - 2) | 32;
  // The last letters of letter, Hebrew and he, and what may stand between he and he; the 32 was set on them all.
  const isSuspect = before === 114 || before === 119 || before === 101 || before === 44 || before === 45;
  return isSuspect ? !SUSPECT_BEFORE.has(wordBefore(text, start)) : !isQuoted(text, start);
}

function isQuoted(text: string, start: number): boolean {
  return start > 0 && text.charCodeAt(start - 1) !== SPACE && text.charCodeAt(start - 1) !== NEWLINE;
}

/** A capitalised form at the start of a sentence or amid ordinary words: a word in small letters follows after one blank. */
function isOrdinaryTitleCase(
  text: string,
  { start, end, form }: Pick<Occurrence, 'start' | 'end' | 'form'>,
  next: number,
): boolean {
  const first = text.charCodeAt(next);
  if (next !== tailEnd(text, end) + 1 || !(first >= 97 && first <= 122)) return false;
  let last = next + 1;
  while (isWordUnit(text.charCodeAt(last))) last++;
  if (SUSPECT_AFTER.has(text.slice(next, last))) return false;
  if (form === 'he' && isAfterCapitalised(text, start)) return false; // a surname after a given name
  const before = wordBefore(text, start);
  return before.length !== 1 && before !== '?' && !SUSPECT_BEFORE.has(before);
}

/** Whether a word that begins with a capital stands right before, over one blank. */
function isAfterCapitalised(text: string, start: number): boolean {
  let from = start - 1;
  while (from > 0 && (isWordUnit(text.charCodeAt(from - 1)) || text.charCodeAt(from - 1) === HYPHEN)) from--;
  const first = text.charCodeAt(from);
  return from < start - 1 && first >= 65 && first <= 90;
}

/** The word before, in small letters, over one blank, quotes and one mark; '' at the text's start, '?' when in doubt. */
function wordBefore(text: string, start: number): string {
  let to = start;
  for (let skipped = 0; to > 0 && !isWordUnit(text.charCodeAt(to - 1)); to--) if (++skipped > 4) return '';
  let from = to;
  while (from > 0 && to - from < 20 && isWordUnit(text.charCodeAt(from - 1))) from--;
  if (to - from === 1 && /[’']/.test(text.charAt(from - 1))) return '?'; // a name's 's
  return text.slice(from, to).toLowerCase();
}
