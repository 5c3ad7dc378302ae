// How fast bytes come, over the last seconds.

const SPAN_MS = 10_000;
const LEAST_SPAN_MS = 1_000;

/** Takes how many bytes have come by a moment of a clock that nobody sets; answers bytes a second, null while too little was seen. */
export function rateOfBytes(): (nowMs: number, numBytes: number) => number | null {
  let seen: { readonly atMs: number; readonly numBytes: number }[] = [];
  return (nowMs, numBytes) => {
    seen.push({ atMs: nowMs, numBytes });
    // The newest one that is older than the span stays: what came since is known from it.
    const begin = seen.findLastIndex(({ atMs }) => atMs <= nowMs - SPAN_MS);
    if (begin > 0) seen = seen.slice(begin);
    const first = seen[0]!; // at least the one just seen
    const spanMs = nowMs - first.atMs;
    return spanMs < LEAST_SPAN_MS ? null : Math.max(0, (1000 * (numBytes - first.numBytes)) / spanMs);
  };
}
