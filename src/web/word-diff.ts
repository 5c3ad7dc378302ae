// Which words differ between a text and its rewritten form: the longest common subsequence of words and what lies between them.

export interface Piece {
  readonly text: string;
  readonly isChanged: boolean;
}

// Texts beyond this are shown without marks: the table below grows with the product of the two lengths.
const MOST_WORDS = 1_000;

/** Both texts cut into pieces; joined again they are the texts, and the unchanged pieces of both are the same. */
export function diffWords(before: string, after: string): { before: Piece[]; after: Piece[] } {
  const old = wordsOf(before);
  const next = wordsOf(after);
  if (old.length > MOST_WORDS || next.length > MOST_WORDS) {
    return { before: [{ text: before, isChanged: false }], after: [{ text: after, isChanged: false }] };
  }
  const common = commonLengths(old, next);
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  const oldPieces: Piece[] = [];
  const nextPieces: Piece[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < next.length) {
    if (i < old.length && old[i] === next[j]) {
      oldPieces.push({ text: old[i++]!, isChanged: false }); // i < old.length
      nextPieces.push({ text: next[j++]!, isChanged: false }); // equal to a word that is there
    } else if (i < old.length && (j === next.length || at(i + 1, j) >= at(i, j + 1))) {
      oldPieces.push({ text: old[i++]!, isChanged: true });
    } else {
      nextPieces.push({ text: next[j++]!, isChanged: true }); // here j < next.length, or the loop had ended
    }
  }
  return { before: joined(oldPieces), after: joined(nextPieces) };
}

/** Words, and what stands between them, each for itself. */
function wordsOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}'’]+|[^\p{L}\p{N}'’]+/gu) ?? [];
}

/** [i][j] = length of the longest common subsequence of the words from i on and from j on. */
function commonLengths(old: readonly string[], next: readonly string[]): number[][] {
  const table = Array.from({ length: old.length + 1 }, () => new Array<number>(next.length + 1).fill(0));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    const row = table[i]!; // one row for each word, and one more
    const below = table[i + 1]!;
    for (let j = next.length - 1; j >= 0; j -= 1) {
      row[j] = old[i] === next[j] ? below[j + 1]! + 1 : Math.max(below[j]!, row[j + 1]!);
    }
  }
  return table;
}

function joined(pieces: readonly Piece[]): Piece[] {
  const merged: Piece[] = [];
  for (const piece of pieces) {
    const last = merged.at(-1);
    if (last?.isChanged === piece.isChanged) {
      merged[merged.length - 1] = { text: last.text + piece.text, isChanged: last.isChanged };
    } else merged.push(piece);
  }
  return merged;
}
