// Rounding to half precision and bfloat16, against numpy's nearest halves and against the definition: the nearer neighbour, of two equally near the even one.
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  narrowFinite,
  narrowToBfloat16,
  narrowToHalf,
  widenBfloat16,
  widenHalf,
} from '../../src/checkpoint/float16.ts';
import { readSafetensors } from '../../src/checkpoint/safetensors.ts';
import { DataError } from '../../src/errors.ts';
import { packagePath } from '../../src/package-root.ts';

type Narrow = typeof narrowToHalf;
type Widen = typeof widenHalf;

function bitsOf(narrow: Narrow, ...values: number[]): number[] {
  const bits = new Uint16Array(values.length);
  narrow(Float32Array.from(values), bits);
  return [...bits];
}

// Every number of a 16-bit type that is finite and not below zero, by its bits.
function ladder(widen: Widen, firstInfinite: number): Float32Array {
  const values = new Float32Array(firstInfinite);
  widen(
    Uint16Array.from(values, (_, i) => i),
    values,
  );
  return values;
}

const TYPES: [string, Narrow, Widen, number][] = [
  ['half precision', narrowToHalf, widenHalf, 0x7c00],
  ['bfloat16', narrowToBfloat16, widenBfloat16, 0x7f80],
];

describe.each(TYPES)('%s', (_, narrow, widen, firstInfinite) => {
  const numbers = ladder(widen, firstInfinite);

  it('keeps each of its own numbers, of both signs, with infinities and not-a-number', () => {
    const positive = new Uint16Array(firstInfinite);
    narrow(numbers, positive);
    expect(positive.every((bits, i) => bits === i)).toBe(true);
    const negative = new Uint16Array(firstInfinite);
    narrow(
      numbers.map((x) => -x),
      negative,
    );
    expect(negative.every((bits, i) => bits === (i | 0x8000))).toBe(true);
    const [infinity, minus, nan] = bitsOf(narrow, Infinity, -Infinity, Number.NaN);
    expect([infinity, minus]).toEqual([firstInfinite, firstInfinite | 0x8000]);
    expect(nan! & 0x7fff).toBeGreaterThan(firstInfinite);
  });

  it('takes the nearer of two neighbours, and of two equally near the one with even bits', () => {
    fc.assert(
      fc.property(fc.nat(firstInfinite - 2), fc.nat(2 ** 16), (i, part) => {
        const [low, high] = [numbers[i]!, numbers[i + 1]!];
        const value = Math.fround(low + ((high - low) * part) / 2 ** 16);
        const [up, down] = [high - value, value - low]; // exact: single-precision numbers in double precision
        const expected = up < down ? i + 1 : up > down ? i : i + (i & 1);
        expect(bitsOf(narrow, value, -value)).toEqual([expected, expected | 0x8000]);
      }),
      { seed: 16, numRuns: 5000 },
    );
    for (let i = 0; i < firstInfinite - 1; i += 37) {
      const middle = (numbers[i]! + numbers[i + 1]!) / 2;
      if (Math.fround(middle) === middle) expect(bitsOf(narrow, middle)).toEqual([i + (i & 1)]);
    }
  });
});

describe('half precision', () => {
  it("agrees with numpy's rounding", () => {
    const tensors = readSafetensors(join(packagePath('test', 'fixtures', 'engine'), 'half.safetensors'));
    const bits = new Uint16Array(tensors.get('x')!.data.length);
    narrowToHalf(tensors.get('x')!.data, bits);
    const values = new Float32Array(bits.length);
    widenHalf(bits, values);
    expect([...values]).toEqual([...tensors.get('half')!.data]);
  });

  it('overflows from 65,520 on, and names a tensor whose finite value does', () => {
    expect(bitsOf(narrowToHalf, 65504, 65519.996, 65520, -65520, 3.4e38)).toEqual([
      0x7bff, 0x7bff, 0x7c00, 0xfc00, 0x7c00,
    ]);
    expect([...narrowFinite(Float32Array.of(Infinity, -Infinity, 65504), 'w')]).toEqual([0x7c00, 0xfc00, 0x7bff]);
    expect(() => narrowFinite(Float32Array.of(1, 70000), 'embed_out.weight')).toThrow(DataError);
    expect(() => narrowFinite(Float32Array.of(1, 70000), 'embed_out.weight')).toThrow(
      /tensor "embed_out\.weight": expected values below 65520, found 70000, which fp16 cannot hold/,
    );
  });

  it('is widened in place from the second half of the same memory', () => {
    const values = new Float32Array(1001);
    const bits = new Uint16Array(values.buffer, 2 * 1001, 1001);
    for (let i = 0; i < bits.length; i++) bits[i] = 31 * i;
    const expected = new Float32Array(1001);
    widenHalf(bits.slice(), expected);
    widenHalf(bits, values);
    expect([...values]).toEqual([...expected]);
  });
});
