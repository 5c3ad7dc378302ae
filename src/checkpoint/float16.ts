// IEEE 754 half-precision and bfloat16 numbers ↔ single precision: widening is exact, narrowing rounds to the nearest, ties to even, with subnormals.
// Used by the readers and writers of weight files.
import { DataError } from '../errors.ts';

let halfValues: Float32Array | undefined;

// All 65,536 half-precision numbers by their bits: looking up is several times faster than computing.
function halfTable(): Float32Array {
  if (halfValues) return halfValues;
  halfValues = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0x1f) halfValues[bits] = fraction === 0 ? sign * Infinity : Number.NaN;
    else if (exponent === 0) halfValues[bits] = sign * fraction * 2 ** -24;
    else halfValues[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return halfValues;
}

/**
 * Widens half-precision numbers, given by their bits. `into` has at least as many elements; `bits` may be the second half of its memory, as value i is
 * written to bytes 4i to 4i + 4, before the bits of all later ones.
 */
export function widenHalf(bits: Uint16Array, into: Float32Array): void {
  const table = halfTable();
  for (let i = 0; i < bits.length; i++) into[i] = table[bits[i]!]!;
}

/** Widens bfloat16 numbers, given by their bits: the upper half of a single-precision number. `into` as for widenHalf. */
export function widenBfloat16(bits: Uint16Array, into: Float32Array): void {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
}

/** Rounds to half precision, as bits. Numbers from 65,520 on become infinite. */
export function narrowToHalf(values: Float32Array, into: Uint16Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) into[i] = halfBits(words[i]!);
}

/** Rounds to bfloat16, as bits. */
export function narrowToBfloat16(values: Float32Array, into: Uint16Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const isNaN = (word & 0x7fffffff) > 0x7f800000; // stays one: rounding could carry it into infinity
    into[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
}

// Of a single-precision number given by its bits.
function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff); // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65,520: halfway to the first number out of range
  if (magnitude < 0x33000001) return sign; // at most 2^-25, half the least subnormal
  // Subnormal: the fraction with its leading one, in units of 2^-24; else: drop 13 bits and shift the exponent's bias from 127 to 15.
  const isSubnormal = magnitude < 0x38800000;
  const drop = isSubnormal ? 126 - (magnitude >>> 23) : 13;
  const bits = isSubnormal ? (magnitude & 0x7fffff) | 0x800000 : magnitude - (112 << 23);
  const half = 1 << (drop - 1);
  const rest = bits & ((1 << drop) - 1);
  const kept = bits >>> drop;
  // A carry out of the fraction goes into the exponent, as it must.
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

/** Half-precision bits of a tensor's values. Throws DataError naming the tensor when a finite value is out of range. */
export function narrowFinite(values: Float32Array, name: string): Uint16Array {
  const bits = new Uint16Array(values.length);
  narrowToHalf(values, bits);
  const at = bits.findIndex((half, i) => (half & 0x7fff) === 0x7c00 && Number.isFinite(values[i]));
  if (at === -1) return bits;
  throw new DataError(
    `tensor "${name}": expected values below 65520, found ${values[at]}, which fp16 cannot hold; export it as fp32`,
  );
}
