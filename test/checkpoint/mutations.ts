// Seeded damage to files: the same seed gives the same damage.

/** Numbers in [0, 1) from a seed: mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A damaged copy of a file, and what was done to it. The first `denseBytes` and the last are hit more often than the rest: there the structure lies. */
export function mutate(bytes: Buffer, seed: number, denseBytes: number): { damaged: Buffer; what: string } {
  const random = randomFrom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const place = (): number => {
    const where = random();
    if (where < 0.4) return below(Math.min(denseBytes, bytes.length));
    return where < 0.7 ? bytes.length - 1 - below(Math.min(denseBytes, bytes.length)) : below(bytes.length);
  };
  const damaged = Buffer.from(bytes);
  const at = place();
  const kinds: (() => { damaged: Buffer; what: string })[] = [
    () => {
      const flips = Array.from({ length: 1 + below(4) }, () => [place(), below(8)] as const);
      for (const [byte, bit] of flips) damaged[byte]! ^= 1 << bit;
      return { damaged, what: `bits flipped in bytes ${flips.map(([byte]) => byte).join(', ')}` };
    },
    () => ({ damaged: damaged.subarray(0, at), what: `cut to ${at} bytes` }),
    () => {
      const count = Math.min(1 + below(8), damaged.length - at);
      damaged.fill(random() < 0.5 ? 0xff : 0x7f, at, at + count);
      return { damaged, what: `${count} huge bytes at ${at}` };
    },
    () => {
      const count = Math.min(1 + below(64), damaged.length - at);
      damaged.fill(0, at, at + count);
      return { damaged, what: `${count} zeros at ${at}` };
    },
    () => {
      const count = Math.min(1 + below(200), damaged.length - at);
      const to = below(damaged.length - count);
      damaged.copy(damaged, to, at, at + count);
      return { damaged, what: `${count} bytes of ${at} over those of ${to}` };
    },
    () => {
      const inserted = Buffer.alloc(1 + below(40), below(256));
      const parts = [damaged.subarray(0, at), inserted, damaged.subarray(at)];
      return { damaged: Buffer.concat(parts), what: `${inserted.length} bytes put in at ${at}` };
    },
    () => {
      const count = Math.min(1 + below(40), damaged.length - at);
      const parts = [damaged.subarray(0, at), damaged.subarray(at + count)];
      return { damaged: Buffer.concat(parts), what: `${count} bytes taken out at ${at}` };
    },
  ];
  return kinds[below(kinds.length)]!(); // one of them
}
