// What each token id stands for, in tables that rows can be read from quickly: bytes as Latin-1, specials, and the way back.
import type { Tokenizer } from '../data/tokenizer.ts';

export interface TokenBytes {
  readonly tokenizer: Tokenizer;
  /** All tokens' bytes one after the other; token `id` is `[starts[id], starts[id + 1])`. */
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  /** Ids that end a document (the special ones), 1 each; 2 for ids below vocabSize without a token. */
  readonly kinds: Uint8Array;
  /** The lowest id that stands for these bytes (Latin-1). */
  readonly idOf: ReadonlyMap<string, number>;
  /** Length in bytes of the longest token with a place in `idOf`. */
  readonly longest: number;
}

export const ORDINARY = 0;
export const SPECIAL = 1;
export const ABSENT = 2;

const tables = new WeakMap<Tokenizer, TokenBytes>();

/** The tables of a tokenizer, made once and kept as long as the tokenizer is. */
export function tokenBytesOf(tokenizer: Tokenizer): TokenBytes {
  const known = tables.get(tokenizer);
  if (known !== undefined) return known;
  const made = makeTables(tokenizer);
  tables.set(tokenizer, made);
  return made;
}

function makeTables(tokenizer: Tokenizer): TokenBytes {
  const starts = new Uint32Array(tokenizer.vocabSize + 1);
  const kinds = new Uint8Array(tokenizer.vocabSize);
  const pieces: Uint8Array[] = [];
  const idOf = new Map<string, number>();
  let longest = 0;
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const piece = bytesOrNone(tokenizer, id);
    kinds[id] = piece === undefined ? ABSENT : tokenizer.isSpecial(id) ? SPECIAL : ORDINARY;
    // A special token has no text: one zero byte keeps the words on its two sides apart.
    pieces.push(kinds[id] === ORDINARY ? (piece ?? EMPTY) : EMPTY);
    starts[id + 1] = starts[id]! + pieces[id]!.length; // both were just written
    if (kinds[id] !== ORDINARY || piece === undefined) continue;
    const latin1 = Buffer.from(piece).toString('latin1');
    if (!idOf.has(latin1)) idOf.set(latin1, id);
    longest = Math.max(longest, piece.length);
  }
  return { tokenizer, bytes: new Uint8Array(Buffer.concat(pieces)), starts, kinds, idOf, longest };
}

const EMPTY = new Uint8Array(1);

/** The tokenizer throws for an id without a token; here that is a fact of the table. */
function bytesOrNone(tokenizer: Tokenizer, id: number): Uint8Array | undefined {
  try {
    return tokenizer.tokenBytes(id);
  } catch {
    return undefined;
  }
}
