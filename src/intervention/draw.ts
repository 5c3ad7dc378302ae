// Draws that depend on what is drawn for and on nothing else: not on order, batching, or what was drawn before.
// MurmurHash3 x86_32 (Austin Appleby, public domain) of the words that name the thing, little-endian.

/** MurmurHash3 x86_32 of 32-bit words: an integer in [0, 2^32). */
export function hashWords(seed: number, words: readonly number[]): number {
  let hash = seed | 0;
  for (const word of words) hash = Math.imul(rotateLeft(hash ^ scramble(word), 13), 5) + 0xe6546b64;
  hash ^= words.length * 4;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A number in [0, 1) for the thing that the words name. */
export function drawUniform(seed: number, words: readonly number[]): number {
  return hashWords(seed, words) / 2 ** 32;
}

/** A number in [0, 1) for a name; its UTF-16 units are the words. */
export function drawForName(seed: number, name: string): number {
  return drawUniform(
    seed,
    Array.from({ length: name.length }, (_, index) => name.charCodeAt(index)),
  );
}

function scramble(word: number): number {
  return Math.imul(rotateLeft(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
