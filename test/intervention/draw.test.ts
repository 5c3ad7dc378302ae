// Draws by hash, against published values of MurmurHash3 x86_32.
import { describe, expect, it } from 'vitest';
import { drawForName, drawUniform, hashWords } from '../../src/intervention/draw.ts';

describe('hashWords', () => {
  it('is MurmurHash3 x86_32 of the words as little-endian bytes', () => {
    // Test vectors that circulate with the reference code (SMHasher); "test" is 0x74736574, "aaaa" 0x61616161.
    expect(hashWords(0, [])).toBe(0);
    expect(hashWords(1, [])).toBe(0x514e28b7);
    expect(hashWords(0xffffffff, [])).toBe(0x81f16f39);
    expect(hashWords(0, [0xffffffff])).toBe(0x76293b50);
    expect(hashWords(0, [0x87654321])).toBe(0xf55b516b);
    expect(hashWords(0x5082edee, [0x87654321])).toBe(0x2362f9de);
    expect(hashWords(0, [0])).toBe(0x2362f9de);
    expect(hashWords(0x9747b28c, [0x61616161])).toBe(0x5a97808a);
    expect(hashWords(0, [0x74736574])).toBe(0xba6bd213);
  });
});

describe('drawUniform', () => {
  it('is spread evenly over [0, 1)', () => {
    const draws = Array.from({ length: 20_000 }, (_, i) => drawUniform(7, [i, 0, 1, 1]));
    for (const share of [0.1, 0.25, 0.5, 0.9]) {
      const below = draws.filter((draw) => draw < share).length / draws.length;
      expect(Math.abs(below - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / draws.length));
    }
  });

  it('differs by name and by seed', () => {
    expect(drawForName(1, 'a')).not.toBe(drawForName(1, 'b'));
    expect(drawForName(1, 'a')).not.toBe(drawForName(2, 'a'));
  });
});
