// Byte-pair merging of one piece of text (Sennrich et al. 2016): of all neighbouring pairs the one learnt first is merged, the leftmost
// of equals, until no pair is known. Part of the tokenizer. A heap over a linked list: n·log n even for a megabyte without a blank.

/** More tokens than any vocabulary has; keys of pairs stay exact integers. */
export const MOST_TOKENS = 2 ** 21;

export interface Merges {
  /** Rank of the pair (left, right) by left · 2^21 + right: 0 was learnt first. */
  readonly ranks: ReadonlyMap<number, number>;
  /** Token that the merge of a rank makes. */
  readonly results: Int32Array;
}

/** The key of a pair in Merges.ranks. */
export function pairKey(left: number, right: number): number {
  return left * MOST_TOKENS + right;
}

/** Merges `ids` in place and returns how many are left, at its start. */
export function mergePairs(ids: Int32Array, merges: Merges): number {
  const n = ids.length;
  const next = new Int32Array(n); // −1 at the end
  const previous = new Int32Array(n);
  const heap: number[] = [];
  for (let i = 0; i < n; i++) {
    next[i] = i + 1 < n ? i + 1 : -1;
    previous[i] = i - 1;
  }

  const offer = (left: number): void => {
    const right = next[left]!;
    if (right === -1) return;
    const rank = merges.ranks.get(pairKey(ids[left]!, ids[right]!));
    if (rank !== undefined) push(heap, rank * 2 ** 32 + left);
  };
  for (let i = 0; i < n; i++) offer(i);

  while (heap.length > 0) {
    const entry = pop(heap);
    const rank = Math.floor(entry / 2 ** 32);
    const left = entry - rank * 2 ** 32;
    const right = next[left]!;
    // An entry is out of date when one of its halves was merged elsewhere; −1 marks a half that was swallowed.
    if (ids[left] === -1 || right === -1 || merges.ranks.get(pairKey(ids[left]!, ids[right]!)) !== rank) continue;
    ids[left] = merges.results[rank]!;
    ids[right] = -1;
    next[left] = next[right]!;
    if (next[left] !== -1) previous[next[left]!] = left;
    offer(left);
    if (previous[left] !== -1) offer(previous[left]!);
  }

  let kept = 0;
  for (let i = 0; i < n; i++) if (ids[i] !== -1) ids[kept++] = ids[i]!;
  return kept;
}

// A binary heap with the least number first.
function push(heap: number[], value: number): void {
  let at = heap.length;
  heap.push(value);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent]! <= value) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = value;
}

function pop(heap: number[]): number {
  const least = heap[0]!;
  const value = heap.pop()!; // the caller saw that it is not empty
  if (heap.length === 0) return least;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child += 1;
    if (heap[child]! >= value) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = value;
  return least;
}
