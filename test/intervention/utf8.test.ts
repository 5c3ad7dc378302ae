// Decoding with a way back, against Node's own decoder and against bytes that are no UTF-8.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf8 } from '../../src/intervention/utf8.ts';

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

describe('decodeUtf8', () => {
  it('agrees with Node on valid text, and finds the byte of every character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
        const { text: decoded, byteOffset } = decodeUtf8(latin1(Buffer.from(text, 'utf8')));
        expect(decoded).toBe(text);
        let unit = 0;
        for (const character of text) {
          expect(byteOffset(unit)).toBe(Buffer.byteLength(text.slice(0, unit)));
          unit += character.length;
        }
        expect(byteOffset(text.length)).toBe(Buffer.byteLength(text));
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('makes one U+FFFD of each byte that belongs to no character', () => {
    const cases: readonly (readonly number[])[] = [
      [0x80],
      [0xc3],
      [0xc0, 0xaf],
      [0xe0, 0x80, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xff, 0xfe],
    ];
    for (const bytes of cases)
      expect(decodeUtf8(latin1(Uint8Array.from([0x61, ...bytes, 0x62]))).text).toBe(
        `a${'\ufffd'.repeat(bytes.length)}b`,
      );
  });

  it('gives every byte a place, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const { text, byteOffset } = decodeUtf8(latin1(bytes));
        expect(byteOffset(text.length)).toBe(bytes.length);
        // Node replaces maximal parts, this one byte by byte: they agree where nothing is replaced.
        const valid = Buffer.from(bytes).toString('utf8');
        if (!valid.includes('\ufffd')) expect(text).toBe(valid);
      }),
      { seed: 4, numRuns: 500 },
    );
  });
});
