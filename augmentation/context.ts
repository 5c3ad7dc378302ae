// What stands around one occurrence in its clause: words on both sides and what separates them. Markup is transparent.
// Looks at no more than 200 characters a side, so that cost does not depend on the length of the document.

/** How far the rules look, in UTF-16 units a side; compromise is quadratic in the length of a sentence. */
export const CONTEXT_UNITS = 200;

export interface Context {
  /** Lower-cased words of the clause on the left, nearest first. */
  readonly previous: readonly string[];
  /** Lower-cased words of the clause on the right, nearest first. */
  readonly next: readonly string[];
  /** The words on the right as written. */
  readonly nextAsWritten: readonly string[];
  /** True when punctuation or the end of the text stands between the occurrence and what follows it. */
  readonly isClosed: boolean;
  /** Text of the clause on either side, at most CONTEXT_UNITS long, markup blanked out. */
  readonly left: string;
  readonly right: string;
}

const MARKUP = /<\/?[A-Za-z][^<>]{0,100}>|\\[a-z]{2,12}\{|[*_{}[\]]/g;
const LEFT_BORDER = /(?:[.!?]["”’')\]]*\s|\n\s*\n|[;:]\s|…|\.\.\.)/g;
const RIGHT_BORDER = /(?:[.!?]+["”’')\]]*(?:\s|$)|\n\s*\n|;\s|…|\.\.\.)/;
/** compromise takes the end of a line for the end of a sentence. */
const LINE_END = /[\r\n]/g;
const WORD = /[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}]|['’\-.](?=[\p{L}\p{N}]))*/gu;
/** What may stand between a possessive and its noun: blanks, opening quotes and brackets, a sign that opens a word. */
const OPEN_GAP = /^(?:\s+["“‘'`(]*[@#$£€]?|[“‘(]+|)$/;

/** Reads the surroundings of `text[start, end)`. */
export function readContext(text: string, start: number, end: number): Context {
  const left = leftOf(text, start);
  const right = rightOf(text, end);
  const words = [...right.matchAll(WORD)];
  const nextAsWritten = words.slice(0, 6).map((match) => match[0]);
  const gap = words[0] === undefined ? '.' : right.slice(0, words[0].index);
  return {
    previous: (left.match(WORD) ?? []).slice(-6).reverse().map(lowerCased),
    next: nextAsWritten.map(lowerCased),
    nextAsWritten,
    isClosed: !OPEN_GAP.test(gap),
    left,
    right,
  };
}

function lowerCased(word: string): string {
  return word.toLowerCase().replaceAll('’', "'");
}

function leftOf(text: string, start: number): string {
  const window = blankMarkup(text.slice(Math.max(0, start - CONTEXT_UNITS), start));
  let border = 0;
  for (const match of window.matchAll(LEFT_BORDER)) border = match.index + match[0].length;
  return window.slice(border).replace(LINE_END, ' ');
}

function rightOf(text: string, end: number): string {
  const window = blankMarkup(text.slice(end, end + CONTEXT_UNITS));
  const border = RIGHT_BORDER.exec(window);
  return (border === null ? window : window.slice(0, border.index + 1)).replace(LINE_END, ' ');
}

function blankMarkup(text: string): string {
  return text.replace(MARKUP, (markup) => ' '.repeat(markup.length));
}
