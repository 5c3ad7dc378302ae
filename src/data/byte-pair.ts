// Byte-pair merging of one piece of text (Sennrich et al. 2016): of all neighbouring pairs the one learnt first is merged, the leftmost
// of equals, until no pair is known. Part of the tokenizer. Long pieces take n·log n, so that a megabyte without a blank is no trap.

const SHORT = 48;

/** Merges by pair: an open hash table, three times as fast here as a Map of numbers beyond 2^31. */
export class Merges {
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #rank: Int32Array; // −1 in a free slot
  readonly #results: Int32Array;
  readonly #mask: number;

  constructor(numMerges: number) {
    const numSlots = 2 ** Math.ceil(Math.log2(2 * numMerges + 2));
    this.#left = new Int32Array(numSlots);
    this.#right = new Int32Array(numSlots);
    this.#rank = new Int32Array(numSlots).fill(-1);
    this.#results = new Int32Array(numMerges);
    this.#mask = numSlots - 1;
  }

  /** Says what the pair (left, right) becomes; rank 0 was learnt first. The last of several ranks of a pair counts. */
  add(left: number, right: number, rank: number, result: number): void {
    const slot = this.#slot(left, right);
    this.#left[slot] = left;
    this.#right[slot] = right;
    this.#rank[slot] = rank;
    this.#results[rank] = result;
  }

  /** Rank of a pair, or −1 when it is not merged. */
  rank(left: number, right: number): number {
    return this.#rank[this.#slot(left, right)]!;
  }

  /** Token that the merge of a rank makes. */
  result(rank: number): number {
    return this.#results[rank]!;
  }

  // The pair's slot, or the free one where it would be; at most half of the slots are taken.
  #slot(left: number, right: number): number {
    let slot = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & this.#mask;
    while (this.#rank[slot] !== -1 && (this.#left[slot] !== left || this.#right[slot] !== right))
      slot = (slot + 1) & this.#mask;
    return slot;
  }
}

/** Merges `ids` in place and returns how many are left, at its start. */
export function mergePairs(ids: Int32Array, merges: Merges): number {
  return ids.length <= SHORT ? mergeByScanning(ids, merges) : mergeByHeap(ids, merges);
}

// Most pieces are words of a few bytes, for which looking at every pair each time is the quickest.
function mergeByScanning(ids: Int32Array, merges: Merges): number {
  const ranks = new Int32Array(ids.length);
  let n = ids.length;
  for (let i = 0; i + 1 < n; i++) ranks[i] = merges.rank(ids[i]!, ids[i + 1]!);
  for (;;) {
    let at = -1;
    let least = 2 ** 31;
    for (let i = 0; i + 1 < n; i++) {
      const rank = ranks[i]!;
      if (rank !== -1 && rank < least) {
        least = rank;
        at = i;
      }
    }
    if (at === -1) return n;
    ids[at] = merges.result(least);
    ids.copyWithin(at + 1, at + 2, n);
    ranks.copyWithin(at + 1, at + 2, n);
    n -= 1;
    if (at > 0) ranks[at - 1] = merges.rank(ids[at - 1]!, ids[at]!);
    if (at + 1 < n) ranks[at] = merges.rank(ids[at]!, ids[at + 1]!);
  }
}

// A linked list of the pieces and a heap of their pairs, by rank and then by place.
function mergeByHeap(ids: Int32Array, merges: Merges): number {
  const n = ids.length;
  const next = Int32Array.from(ids, (_, i) => (i + 1 < n ? i + 1 : -1)); // −1 at the end
  const previous = Int32Array.from(ids, (_, i) => i - 1);
  const heap: number[] = [];

  const offer = (left: number): void => {
    const right = next[left]!;
    if (right === -1) return;
    const rank = merges.rank(ids[left]!, ids[right]!);
    if (rank !== -1) push(heap, rank * 2 ** 32 + left);
  };
  for (let i = 0; i < n; i++) offer(i);

  while (heap.length > 0) {
    const entry = pop(heap);
    const rank = Math.floor(entry / 2 ** 32);
    const left = entry - rank * 2 ** 32;
    const right = next[left]!;
    // An entry is out of date when one of its halves was merged elsewhere; −1 marks a half that was swallowed.
    if (ids[left] === -1 || right === -1 || merges.rank(ids[left]!, ids[right]!) !== rank) continue;
    ids[left] = merges.result(rank);
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
