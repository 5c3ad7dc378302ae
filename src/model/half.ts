// Rounding to half precision (IEEE 754 binary16), in which Pythia's published models ran.

/** Nearest IEEE half-precision value, ties to even, for finite |x| below 65,504. */
export function roundToHalf(x: number): number {
  if (x === 0) return x;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), -14);
  const unit = 2 ** (exponent - 10);
  const scaled = x / unit;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const isUp = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  return (floor + (isUp ? 1 : 0)) * unit;
}
