// One row: tokens → text of its documents → edits → tokens of the same number. Only the tokens of edited words change.
// A row is cut out of the corpus anywhere, so a word at its very start or end may be part of a longer one: left alone.
import type { Edit } from '../../augmentation/edit.ts';
import { rewrite, type RewriteOptions } from '../../augmentation/rewrite.ts';
import { mayHoldPronoun } from '../../augmentation/match.ts';
import { DataError } from '../errors.ts';
import { spliceTokens, type ByteEdit, type RowBytes, type RowEdit } from './splice.ts';
import { ABSENT, SPECIAL, type TokenBytes } from './token-bytes.ts';
import { decodeUtf8, type DecodedText } from './utf8.ts';

/** What happens to one document of a row; undefined leaves it as it is. */
export type DocumentOptions = (document: number) => RewriteOptions | undefined;

export interface RewrittenRow {
  /** As many as before. */
  readonly tokens: Int32Array;
  readonly edits: readonly RowEdit[];
  /** Tokens that fell off the row's end because words before them needed more. */
  readonly numTokensCut: number;
  /** Edits written in more tokens than the tokenizer would use, so that the row keeps its length. */
  readonly numResegmented: number;
}

/**
 * Rewrites a row; undefined when nothing in it changes. `where` names the row in errors. Throws DataError for a token id
 * that the tokenizer lacks.
 */
export function rewriteRow(
  table: TokenBytes,
  tokens: Int32Array,
  options: DocumentOptions,
  where: string,
): RewrittenRow | undefined {
  const row = readRow(table, tokens, where);
  const edits = row.documents.flatMap((document, index) => editsOf(row, document, options(index)));
  if (edits.length === 0) return undefined;
  const spliced = spliceTokens(table, row, edits);
  if (spliced.made.length === 0) return undefined;
  return {
    tokens: spliced.tokens,
    edits: spliced.made,
    numTokensCut: spliced.numTokensCut,
    numResegmented: spliced.numResegmented,
  };
}

/** A document's bytes within the row; it may begin before the row and end after it. */
interface DocumentSpan {
  readonly start: number;
  readonly end: number;
  readonly isStartCut: boolean;
  readonly isEndCut: boolean;
}

let buffer = Buffer.alloc(1 << 16);

/** A row whose documents are told apart. */
interface RowOfDocuments extends RowBytes {
  readonly documents: readonly DocumentSpan[];
}

function readRow(table: TokenBytes, tokens: Int32Array, where: string): RowOfDocuments {
  const tokenStarts = new Uint32Array(tokens.length + 1);
  const documents: DocumentSpan[] = [];
  let length = 0;
  let start = 0;
  for (let i = 0; i < tokens.length; i++) {
    const id = tokens[i]!; // within the loop's bounds, as are the table's entries below once the kind is known
    const kind = table.kinds[id];
    if (kind === undefined || kind === ABSENT)
      throw new DataError(
        `${where}, position ${i}: token id ${id} has no token in the tokenizer (expected one below ${table.kinds.length}); is it the dataset's tokenizer?`,
      );
    const from = table.starts[id]!;
    const to = table.starts[id + 1]!;
    if (length + to - from > buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(buffer.length + to - from)]);
    if (kind === SPECIAL) {
      documents.push({ start, end: length, isStartCut: start === 0, isEndCut: false });
      start = length + 1;
    }
    tokenStarts[i] = length;
    for (let byte = from; byte < to; byte++) buffer[length++] = table.bytes[byte]!;
  }
  tokenStarts[tokens.length] = length;
  documents.push({ start, end: length, isStartCut: start === 0, isEndCut: true });
  return { tokens, latin1: buffer.toString('latin1', 0, length), tokenStarts, documents };
}

function editsOf(row: RowBytes, document: DocumentSpan, options: RewriteOptions | undefined): ByteEdit[] {
  if (options === undefined || document.start === document.end) return [];
  const bytes = row.latin1.slice(document.start, document.end);
  const hasWordPairs = options.wordPairs !== undefined && options.wordPairs.length > 0;
  if (!hasWordPairs && !mayHoldPronoun(bytes)) return [];
  const decoded = decodeUtf8(bytes);
  return rewrite(decoded.text, options)
    .edits.filter((edit) => !isCut(edit, decoded, document))
    .map((edit) => ({
      start: document.start + decoded.byteOffset(edit.start),
      end: document.start + decoded.byteOffset(edit.end),
      record: { edit, documentText: decoded.text },
    }));
}

/** Nothing, or bytes of a cut character, which are no text. */
const NO_TEXT = /^\ufffd{0,3}$/;

/** Whether the word touches a cut: at the end always, at the start only when not in title case ("t|he", "OT|HER"). */
function isCut(edit: Edit, { text }: DecodedText, document: DocumentSpan): boolean {
  if (document.isEndCut && NO_TEXT.test(text.slice(edit.end, edit.end + 4))) return true;
  return (
    document.isStartCut && edit.start < 4 && NO_TEXT.test(text.slice(0, edit.start)) && !/^[A-Z][a-z]/.test(edit.before)
  );
}
