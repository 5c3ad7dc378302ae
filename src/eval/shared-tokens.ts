// Which tokens two sentences share, as the official CrowS-Pairs metric finds them (nyu-mll/crows-pairs metric.py): the equal blocks of Python's
// difflib.SequenceMatcher over token ids. Departure: difflib's "autojunk" for 200 and more tokens is left out; no pair is that long.

/** Equal runs: `length` ids from `a` on in the first row and from `b` on in the second. */
export interface Block {
  readonly a: number;
  readonly b: number;
  readonly length: number;
}

/** The blocks in order, none empty: the longest first found, then those left and right of it in the same way. */
export function matchingBlocks(first: readonly number[], second: readonly number[]): Block[] {
  return blocksWithin(first, second, { a: 0, b: 0 }, { a: first.length, b: second.length });
}

interface Place {
  readonly a: number;
  readonly b: number;
}

function blocksWithin(first: readonly number[], second: readonly number[], from: Place, to: Place): Block[] {
  const longest = longestBlock(first, second, from, to);
  if (longest.length === 0) return [];
  const end = { a: longest.a + longest.length, b: longest.b + longest.length };
  return [...blocksWithin(first, second, from, longest), longest, ...blocksWithin(first, second, end, to)];
}

// Of several longest blocks the one that begins earliest in the first row, then earliest in the second.
function longestBlock(first: readonly number[], second: readonly number[], from: Place, to: Place): Block {
  let best: Block = { ...from, length: 0 };
  let runs = new Uint32Array(second.length + 1); // at j + 1: length of the run that ends at the row above and at j
  for (let a = from.a; a < to.a; a++) {
    const next = new Uint32Array(second.length + 1);
    for (let b = from.b; b < to.b; b++) {
      if (first[a] !== second[b]) continue;
      const length = runs[b]! + 1; // b ≤ second.length
      next[b + 1] = length;
      if (length > best.length) best = { a: a + 1 - length, b: b + 1 - length, length };
    }
    runs = next;
  }
  return best;
}
