// The part of numpy's legacy RandomState that fixes the order of GPT-NeoX's training data: seeding with an integer and shuffle of
// a one-dimensional array. MT19937 (Matsumoto and Nishimura 1998); bounded numbers by masking and rejection, as numpy draws them.
import { InputError } from '../errors.ts';

const N = 624;
const M = 397;

export interface NumpyRandom {
  /** The next 32 random bits, 0 to 2^32 − 1. */
  nextWord(): number;
  /** Shuffles in place, from the last element down to the second. */
  shuffle(array: Int32Array | Uint32Array): void;
}

/** numpy.random.RandomState(seed). Throws InputError unless the seed is a whole number from 0 to 2^32 − 1. */
export function numpyRandom(seed: number): NumpyRandom {
  if (!Number.isInteger(seed) || seed < 0 || seed > 2 ** 32 - 1) {
    throw new InputError(`seed: expected a whole number from 0 to ${2 ** 32 - 1}, found ${seed}`);
  }
  const key = new Uint32Array(N);
  key[0] = seed;
  for (let i = 1; i < N; i++) {
    const previous = key[i - 1]!;
    key[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
  }
  let position = N;

  function nextWord(): number {
    if (position === N) {
      twist(key);
      position = 0;
    }
    let word = key[position++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return word >>> 0;
  }

  function shuffle(array: Int32Array | Uint32Array): void {
    for (let i = array.length - 1; i > 0; i--) {
      const mask = 0xffffffff >>> Math.clz32(i);
      let j = (nextWord() & mask) >>> 0;
      while (j > i) j = (nextWord() & mask) >>> 0;
      const kept = array[i]!;
      array[i] = array[j]!;
      array[j] = kept;
    }
  }

  return { nextWord, shuffle };
}

function twist(key: Uint32Array): void {
  for (let i = 0; i < N; i++) {
    const mixed = (key[i]! & 0x80000000) | (key[(i + 1) % N]! & 0x7fffffff);
    key[i] = key[(i + M) % N]! ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
  }
}
