// Scales of plots drawn as SVG: round ticks, and where a value stands in units of the drawing.

export interface Axis {
  readonly least: number;
  readonly most: number;
  readonly ticks: readonly number[];
  /** In the drawing; more is to the right, or up where `from` is the lower end of a vertical axis. */
  readonly at: (value: number) => number;
}

/** An axis over all given values with room at its ends, from one place of the drawing to another. */
export function axisOver(values: readonly number[], from: number, to: number, numTicks = 5): Axis {
  const [least, most] = spread(values);
  const ticks = roundTicks(least, most, numTicks);
  return { least, most, ticks, at: (value) => from + ((value - least) / (most - least)) * (to - from) };
}

/** The ends of the values and a twentieth of room on both sides; equal values stand in the middle. */
function spread(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  const [low, high] = finite.length === 0 ? [0, 1] : [Math.min(...finite), Math.max(...finite)];
  const room = high === low ? Math.max(Math.abs(high) / 10, 0.05) : (high - low) / 20;
  return [low - room, high + room];
}

/** Multiples of 1, 2 or 5 times a power of ten, about as many as asked for. */
export function roundTicks(least: number, most: number, about: number): number[] {
  const rough = (most - least) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const stride = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!; // 10 × power is
  const first = Math.ceil(least / stride - 1e-9);
  const count = Math.floor(most / stride + 1e-9) - first + 1;
  // Not by adding up, which would leave 0.30000000000000004; zero never as −0.
  return Array.from({ length: count }, (_none, place) => Number(((first + place) * stride).toPrecision(12)) + 0);
}
