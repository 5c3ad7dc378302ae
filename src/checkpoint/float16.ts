// Widens IEEE 754 half-precision and bfloat16 numbers to single precision, exactly. Used by the readers of weight files.

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

/** Widens half-precision numbers, given by their bits. `into` has at least as many elements. */
export function widenHalf(bits: Uint16Array, into: Float32Array): void {
  const table = halfTable();
  for (let i = 0; i < bits.length; i++) into[i] = table[bits[i]!]!;
}

/** Widens bfloat16 numbers, given by their bits: the upper half of a single-precision number. */
export function widenBfloat16(bits: Uint16Array, into: Float32Array): void {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
}
