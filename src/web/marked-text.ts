// A row's text cut where its edits are, so that each can be shown in its place, before and after.
import type { PreviewedRow } from './planning.ts';

/** A piece of text; `rule` where it is a word of an edit. */
export interface Piece {
  readonly text: string;
  readonly rule?: string;
}

export interface MarkedRow {
  readonly before: readonly Piece[];
  readonly after: readonly Piece[];
  /** Edits whose place in the row's text was not found: their text is there, without marks. */
  readonly numUnplaced: number;
}

/** Characters kept around an edit where a long stretch is left out. */
const KEPT = 90;
/** A stretch without an edit is shown whole up to this length. */
const LONGEST = 260;

/** Both texts of a row in pieces, long stretches without an edit shortened. */
export function markRow(row: PreviewedRow): MarkedRow {
  const [before, after]: [Piece[], Piece[]] = [[], []];
  let from = 0;
  let numUnplaced = 0;
  for (const edit of row.edits) {
    const at = placeOf(row.before, edit, from);
    if (at === undefined) {
      numUnplaced += 1;
      continue;
    }
    const between = { text: row.before.slice(from, at) };
    before.push(between, { text: edit.before, rule: edit.rule });
    after.push(between, { text: edit.after, rule: edit.rule });
    from = at + edit.before.length;
  }
  const rest = { text: row.before.slice(from) };
  before.push(rest);
  after.push(rest);
  const rewritten = numUnplaced === 0 ? cutTo(after, row.after) : undefined;
  return {
    before: shorten(before),
    after: shorten(rewritten ?? [{ text: row.after }]),
    numUnplaced: rewritten === undefined ? row.edits.length : numUnplaced,
  };
}

/** Where an edit's word is, told by the text around it; the ends of that text may lie outside of the row. */
function placeOf(text: string, edit: PreviewedRow['edits'][number], from: number): number | undefined {
  const { contextBefore, before, contextAfter } = edit;
  if (before === '') return undefined; // an empty text is everywhere
  for (let at = text.indexOf(before, from); at >= 0; at = text.indexOf(before, at + 1)) {
    const left = text.slice(Math.max(0, at - contextBefore.length), at);
    const right = text.slice(at + before.length, at + before.length + contextAfter.length);
    if (contextBefore.endsWith(left) && contextAfter.startsWith(right)) return at;
  }
  return undefined;
}

/** The pieces of what was trained on, which may end earlier; undefined when they do not make that text. */
function cutTo(pieces: readonly Piece[], text: string): Piece[] | undefined {
  if (
    !pieces
      .map((piece) => piece.text)
      .join('')
      .startsWith(text)
  )
    return undefined;
  const kept: Piece[] = [];
  let left = text.length;
  for (const piece of pieces) {
    if (left <= 0) break;
    kept.push({ ...piece, text: piece.text.slice(0, left) });
    left -= piece.text.length;
  }
  return kept;
}

function shorten(pieces: readonly Piece[]): Piece[] {
  return pieces
    .map((piece, place): Piece => {
      const { text } = piece;
      if (piece.rule !== undefined || text.length <= LONGEST) return piece;
      const head = place === 0 ? '' : text.slice(0, KEPT);
      const tail = place === pieces.length - 1 ? '' : text.slice(-KEPT);
      return { text: `${head} … ${tail}` };
    })
    .filter(({ text }) => text !== '');
}
