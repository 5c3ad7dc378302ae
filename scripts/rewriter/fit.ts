// Logistic regression on hashed features by AdaGrad, one example at a time in an order drawn from a seed, and its rounding to bytes.

/** An example whose features have been read. */
export interface FeaturedExample {
  readonly isObject: boolean;
  readonly weight: number;
  readonly buckets: Uint32Array;
  readonly document: string | undefined;
}

export interface FitOptions {
  readonly numBuckets: number;
  readonly numPasses: number;
  readonly learningRate: number;
  readonly decay: number;
  readonly seed: number;
}

/** One weight a bucket, in log-odds. */
export function fit(examples: readonly FeaturedExample[], options: FitOptions): Float32Array {
  const { numBuckets, numPasses, learningRate, decay, seed } = options;
  const weights = new Float32Array(numBuckets);
  const squares = new Float32Array(numBuckets).fill(1);
  const random = seededRandom(seed);
  const order = Uint32Array.from(examples, (_, index) => index);
  for (let pass = 0; pass < numPasses; pass++) {
    shuffle(order, random);
    for (const index of order) {
      const { isObject, weight, buckets } = examples[index]!; // order holds the examples' own places
      const error = (1 / (1 + Math.exp(-sumOf(weights, buckets))) - (isObject ? 1 : 0)) * weight;
      if (Math.abs(error) < 1e-4) continue;
      for (const bucket of buckets) {
        const gradient = error + decay * weights[bucket]!;
        squares[bucket]! += gradient * gradient;
        weights[bucket]! -= (learningRate * gradient) / Math.sqrt(squares[bucket]!);
      }
    }
  }
  return weights;
}

/** The sum of the weights of some buckets. */
export function sumOf(weights: Float32Array | Int8Array, buckets: Uint32Array): number {
  let sum = 0;
  for (const bucket of buckets) sum += weights[bucket]!; // buckets are inside the table
  return sum;
}

/** Weights as bytes, and what one unit is worth; weights beyond the largest byte are cut. */
export function toBytes(weights: Float32Array): { readonly bytes: Int8Array; readonly logOddsPerUnit: number } {
  const largest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  const logOddsPerUnit = largest / 127;
  return { bytes: Int8Array.from(weights, (weight) => Math.round(weight / logOddsPerUnit)), logOddsPerUnit };
}

/** Mulberry32: numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffle(order: Uint32Array, random: () => number): void {
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const kept = order[last]!; // both are inside
    order[last] = order[other]!;
    order[other] = kept;
  }
}
