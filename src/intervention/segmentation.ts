// How a rewritten word is written in tokens: as the tokenizer writes it, or in exactly as many tokens as there is room for.
import type { TokenBytes } from './token-bytes.ts';

/** The tokenizer's own ids for these bytes (Latin-1); for bytes that it cannot encode unchanged, the fewest tokens. */
export function canonicalIds(table: TokenBytes, latin1: string): readonly number[] | undefined {
  const bytes = Buffer.from(latin1, 'latin1');
  const text = bytes.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(bytes)) {
    const ids = table.tokenizer.encode(text);
    // Normalisation or a special token in the text would change the bytes.
    if (Buffer.concat(ids.map((id) => table.tokenizer.tokenBytes(id))).equals(bytes)) return ids;
  }
  for (let count = 1; count <= latin1.length; count++) {
    const ids = idsOfCount(table, latin1, count);
    if (ids !== undefined) return ids;
  }
  return undefined;
}

/**
 * Exactly `count` tokens that stand for these bytes (Latin-1), undefined when there are none. Of several ways the one with
 * the least sum of ids: low ids are early merges, the pieces a model has seen most.
 */
export function idsOfCount(table: TokenBytes, latin1: string, count: number): number[] | undefined {
  const length = latin1.length;
  if (count > length) return undefined;
  // best[n][end] = least sum of ids for the bytes before `end` in n tokens; cut[n][end] = where the last of them begins.
  let best = new Float64Array(length + 1).fill(Infinity);
  best[0] = 0;
  const cuts: Int32Array[] = [];
  for (let n = 1; n <= count; n++) {
    const next = new Float64Array(length + 1).fill(Infinity);
    const cut = new Int32Array(length + 1).fill(-1);
    for (let end = n; end <= length; end++)
      for (let start = Math.max(n - 1, end - table.longest); start < end; start++) {
        const id = best[start]! < Infinity ? table.idOf.get(latin1.slice(start, end)) : undefined; // start ≤ length
        if (id === undefined || best[start]! + id >= next[end]!) continue;
        next[end] = best[start]! + id;
        cut[end] = start;
      }
    best = next;
    cuts.push(cut);
  }
  if (best[length] === Infinity) return undefined;
  const ids: number[] = [];
  for (let n = count, end = length; n > 0; n--) {
    const start = cuts[n - 1]![end]!; // finite best: every cut on the way back is set
    ids.unshift(table.idOf.get(latin1.slice(start, end))!);
    end = start;
  }
  return ids;
}
