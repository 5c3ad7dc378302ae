// Puts rewritten words into a row of tokens. Each word's tokens are replaced by as many: a word that needs more pushes the row's
// end out; one that needs fewer is written in a longer segmentation of the same bytes.
import type { Edit } from '../../augmentation/edit.ts';
import { canonicalIds, idsOfCount } from './segmentation.ts';
import { SPECIAL, type TokenBytes } from './token-bytes.ts';

/** A row as bytes. */
export interface RowBytes {
  readonly tokens: Int32Array;
  /** Bytes of all tokens, one character a byte; a special token is one zero byte. */
  readonly latin1: string;
  /** Token `i` is `[tokenStarts[i], tokenStarts[i + 1])` of `latin1`; one more entry than tokens. */
  readonly tokenStarts: Uint32Array;
}

/** An edit, and the text of its document for the record. */
export interface RowEdit {
  readonly edit: Edit;
  readonly documentText: string;
}

/** An edit and the bytes of the row that it replaces. */
export interface ByteEdit {
  readonly start: number;
  readonly end: number;
  readonly record: RowEdit;
}

export interface SplicedRow {
  /** As many as before. */
  readonly tokens: Int32Array;
  /** The edits that the new row holds. */
  readonly made: readonly RowEdit[];
  readonly numTokensCut: number;
  readonly numResegmented: number;
}

/** Tokens `[first, last)` of the row and what takes their place. */
interface Replacement {
  readonly first: number;
  readonly last: number;
  readonly ids: readonly number[];
  readonly isResegmented: boolean;
  readonly edits: readonly ByteEdit[];
}

/**
 * Writes the edits (sorted, not overlapping) into the row. An edit is left out when it falls off the end of the row, or when
 * no segmentation of its surroundings has the right number of tokens (single bytes with nothing to split nearby).
 */
export function spliceTokens(table: TokenBytes, row: RowBytes, edits: readonly ByteEdit[]): SplicedRow {
  const { tokens } = row;
  const made: RowEdit[] = [];
  const spliced: number[] = [];
  let done = 0;
  let numResegmented = 0;
  const groups = groupByToken(row, edits);
  for (const [index, group] of groups.entries()) {
    const limit = groups[index + 1]?.first ?? tokens.length;
    const replacement = replace(table, row, group, done, limit);
    if (replacement === undefined) continue;
    for (; done < replacement.first; done++) spliced.push(tokens[done]!); // below the row's length
    if (spliced.length >= tokens.length) break;
    made.push(...group.edits.map((edit) => edit.record));
    if (replacement.isResegmented) numResegmented += group.edits.length;
    for (const id of replacement.ids) spliced.push(id);
    done = replacement.last;
  }
  for (; done < tokens.length; done++) spliced.push(tokens[done]!);
  const numTokensCut = spliced.length - tokens.length;
  return { tokens: Int32Array.from(spliced.slice(0, tokens.length)), made, numTokensCut, numResegmented };
}

interface Group {
  readonly first: number;
  readonly last: number;
  readonly edits: readonly ByteEdit[];
}

/** Edits whose words share a token are replaced together. */
function groupByToken({ tokenStarts }: RowBytes, edits: readonly ByteEdit[]): Group[] {
  const groups: { first: number; last: number; edits: ByteEdit[] }[] = [];
  for (const edit of edits) {
    const first = tokenAt(tokenStarts, edit.start);
    const last = tokenAt(tokenStarts, edit.end - 1) + 1;
    const previous = groups.at(-1);
    if (previous !== undefined && first < previous.last) {
      previous.edits.push(edit);
      previous.last = Math.max(previous.last, last);
    } else groups.push({ first, last, edits: [edit] });
  }
  return groups;
}

/** The token that holds a byte, by bisection. */
function tokenAt(tokenStarts: Uint32Array, byte: number): number {
  let low = 0;
  let high = tokenStarts.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (tokenStarts[middle]! <= byte) low = middle;
    else high = middle;
  }
  return low;
}

const FARTHEST_NEIGHBOUR = 16;

function replace(
  table: TokenBytes,
  row: RowBytes,
  group: Group,
  least: number,
  limit: number,
): Replacement | undefined {
  const found = replaceRange(table, row, group, group.first, group.last);
  if (found !== undefined) return found;
  // Too few bytes for as many tokens ("S H E" → "HE"): split tokens beside the word, first behind it, then before it.
  for (let reach = 1; reach <= FARTHEST_NEIGHBOUR; reach++) {
    const last = group.last + reach;
    if (last > limit || isSpecial(table, row, last - 1)) break;
    const widened = replaceRange(table, row, group, group.first, last);
    if (widened !== undefined) return widened;
  }
  for (let reach = 1; reach <= FARTHEST_NEIGHBOUR; reach++) {
    const first = group.first - reach;
    if (first < least || isSpecial(table, row, first)) break;
    const widened = replaceRange(table, row, group, first, group.last);
    if (widened !== undefined) return widened;
  }
  return undefined;
}

function isSpecial(table: TokenBytes, { tokens }: RowBytes, index: number): boolean {
  return table.kinds[tokens[index]!] === SPECIAL; // callers stay within the row
}

/** Replaces tokens `[first, last)`, which hold the group's words; undefined when the bytes cannot fill so many tokens. */
function replaceRange(
  table: TokenBytes,
  { latin1, tokenStarts }: RowBytes,
  group: Group,
  first: number,
  last: number,
): Replacement | undefined {
  const end = tokenStarts[last]!; // last ≤ number of tokens
  let written = '';
  let from = tokenStarts[first]!;
  for (const edit of group.edits) {
    written += latin1.slice(from, edit.start) + edit.record.edit.after;
    from = edit.end;
  }
  written += latin1.slice(from, end);
  const isWord = first === group.first && last === group.last;
  const { ids, isResegmented } = remembered(table, written, last - first, isWord);
  return ids === undefined ? undefined : { first, last, ids, isResegmented, edits: group.edits };
}

interface Segmented {
  readonly ids: readonly number[] | undefined;
  readonly isResegmented: boolean;
}

const MOST_REMEMBERED = 10_000;
const segmentations = new WeakMap<TokenBytes, Map<string, Segmented>>();

/** The ids of a few bytes in at least `count` tokens; the same words come again and again. */
function remembered(table: TokenBytes, latin1: string, count: number, mayGrow: boolean): Segmented {
  let memory = segmentations.get(table);
  if (memory === undefined) segmentations.set(table, (memory = new Map()));
  const key = `${count} ${mayGrow} ${latin1}`;
  let segmented = memory.get(key);
  if (segmented === undefined) {
    segmented = segment(table, latin1, count, mayGrow);
    if (memory.size >= MOST_REMEMBERED) memory.clear();
    memory.set(key, segmented);
  }
  return segmented;
}

function segment(table: TokenBytes, latin1: string, count: number, mayGrow: boolean): Segmented {
  const canonical = mayGrow ? canonicalIds(table, latin1) : undefined;
  if (canonical !== undefined && canonical.length >= count) return { ids: canonical, isResegmented: false };
  return { ids: idsOfCount(table, latin1, count), isResegmented: true };
}
