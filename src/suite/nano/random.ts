// A small seeded generator for the nano suite's stories and first weights: sfc32 (Chris Doty-Humphrey, PractRand), 32-bit
// integer arithmetic only, so that every machine draws the same values. The replay's order uses NumPy's generator instead.

export interface Random {
  /** The next 32 random bits, as an unsigned integer. */
  nextUint32(): number;
  /** A whole number in [0, bound), without bias; 1 ≤ bound ≤ 2^32. */
  below(bound: number): number;
}

/** A generator that depends on `seed` (a 32-bit whole number) and `stream` alone; different streams of a seed are independent. */
export function seededRandom(seed: number, stream: number): Random {
  let a = seed >>> 0;
  let b = stream >>> 0;
  let c = 0x9e3779b9;
  let counter = 1;
  function nextUint32(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
  // The first outputs still show the seed; the author's own seeding throws away a dozen, too.
  for (let i = 0; i < 20; i++) nextUint32();
  function below(bound: number): number {
    // Words at or above the last whole multiple of the bound are drawn again.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let word = nextUint32();
    while (word >= limit) word = nextUint32();
    return word % bound;
  }
  return { nextUint32, below };
}
