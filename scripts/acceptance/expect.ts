// A mark that a trial must reach: printed with its figure, and an error when it is missed.

/** Prints the figure and throws when it lies outside [low, high]. */
export function expectWithin(what: string, value: number, low: number, high: number): void {
  console.log(`   ${what}: ${value.toFixed(4)} (mark: ${low} to ${high})`);
  if (!(value >= low && value <= high)) throw new Error(`${what} is ${value}, outside ${low} to ${high}`);
}

/** Prints the fact and throws when it does not hold. */
export function expectTrue(what: string, holds: boolean): void {
  console.log(`   ${what}: ${holds ? 'yes' : 'NO'}`);
  if (!holds) throw new Error(`${what} does not hold`);
}
