// Resampling by cluster: the percentile bootstrap (Efron 1979; whole clusters are drawn, as Davison and Hinkley 1997, 3.8, advise) and the
// test of random sign flips. Only the sums of clusters are touched in a draw. Random numbers: xoshiro128** (Blackman and Vigna 2018),
// seeded through splitmix32; the same seed gives the same draws on every machine.

/** Draws behind each interval and each p. */
export const NUM_DRAWS = 10_000;

/** Seeds every resampling, so that the same items always give the same interval and p. */
export const RESAMPLING_SEED = 1;

/** Where random draws come from: part of the identity of a figure that rests on them. */
export interface Resampling {
  readonly numDraws: number;
  readonly seed: number;
}

export const RESAMPLING: Resampling = { numDraws: NUM_DRAWS, seed: RESAMPLING_SEED };

/** Values that belong together, reduced to what a draw needs; both arrays have one entry a cluster. */
export interface Clusters {
  readonly sums: Float64Array;
  readonly counts: Float64Array;
}

/** Sums the values of each key; without keys every value is a cluster of its own. */
export function clustersOf(values: readonly number[], keys?: readonly (string | number)[]): Clusters {
  if (keys === undefined) return { sums: Float64Array.from(values), counts: new Float64Array(values.length).fill(1) };
  if (keys.length !== values.length) throw new Error(`bug: ${keys.length} cluster keys for ${values.length} values`);
  const places = new Map<string | number, number>();
  for (const key of keys) if (!places.has(key)) places.set(key, places.size);
  const sums = new Float64Array(places.size);
  const counts = new Float64Array(places.size);
  values.forEach((value, i) => {
    const place = places.get(keys[i]!)!; // every key has a place
    sums[place]! += value;
    counts[place]! += 1;
  });
  return { sums, counts };
}

/**
 * The 95 % percentile interval of the mean over items when whole clusters are drawn with replacement. Of two clusters or few more it is far
 * too narrow; of one it has no width.
 */
export function bootstrapInterval({ sums, counts }: Clusters, { numDraws, seed }: Resampling): [number, number] {
  const numClusters = sums.length;
  const scale = numClusters / 2 ** 32;
  const next = randomBits(seed);
  const means = new Float64Array(numDraws);
  for (let draw = 0; draw < numDraws; draw++) {
    let sum = 0;
    let count = 0;
    for (let i = 0; i < numClusters; i++) {
      const drawn = Math.floor(next() * scale); // below numClusters
      sum += sums[drawn]!;
      count += counts[drawn]!;
    }
    means[draw] = sum / count;
  }
  means.sort();
  const tail = Math.floor(0.025 * (numDraws + 1)) - 1;
  return [means[tail]!, means[numDraws - 1 - tail]!]; // tail < numDraws / 2
}

/**
 * Two-sided p of "each cluster's sum could as well have the other sign": (k + 1) / (draws + 1), where k counts the random sign patterns whose
 * total is at least as far from zero as the one seen (Phipson and Smyth 2010).
 */
export function signFlipP({ sums }: Clusters, { numDraws, seed }: Resampling): number {
  const moving = sums.filter((sum) => sum !== 0);
  const size = moving.reduce((total, sum) => total + Math.abs(sum), 0);
  const seen = Math.abs(moving.reduce((total, sum) => total + sum, 0));
  const least = seen - 1e-12 * size; // sums of the same terms in another order may differ by roundings
  const next = randomBits(seed);
  let numExtreme = 0;
  for (let draw = 0; draw < numDraws; draw++) {
    let total = 0;
    for (let start = 0; start < moving.length; start += 32) {
      let bits = next();
      const end = Math.min(start + 32, moving.length);
      for (let i = start; i < end; i++) {
        total += moving[i]! * (1 - 2 * (bits & 1)); // i is in range
        bits >>>= 1;
      }
    }
    if (Math.abs(total) >= least) numExtreme += 1;
  }
  return (numExtreme + 1) / (numDraws + 1);
}

/** A function that gives uniform whole numbers from 0 to 2³² − 1. */
export function randomBits(seed: number): () => number {
  let state = seed | 0;
  const split = () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
  let [a, b, c, d] = [split(), split(), split(), split()];
  return () => {
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
}
