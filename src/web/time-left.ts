// How long an arm still needs, from the moments at which this page saw its steps.

export interface Sighting {
  readonly step: number;
  readonly atMs: number;
}

const MOST_SIGHTINGS = 30;
const LEAST_SPAN_MS = 5_000;

/** The sightings with a new one; only moments at which the step had grown count, and only the newest ones are kept. */
export function addSighting(sightings: readonly Sighting[], next: Sighting): Sighting[] {
  const last = sightings.at(-1);
  if (last === undefined || next.step < last.step) return [next]; // a new attempt begins further back
  if (next.step === last.step) return [...sightings];
  return [...sightings, next].slice(-MOST_SIGHTINGS);
}

/** Seconds until `toStep` at the rate seen so far, or null while too little was seen. */
export function secondsLeft(sightings: readonly Sighting[], toStep: number): number | null {
  const first = sightings[0];
  const last = sightings.at(-1);
  if (first === undefined || last === undefined || last.atMs - first.atMs < LEAST_SPAN_MS) return null;
  const stepsPerMs = (last.step - first.step) / (last.atMs - first.atMs);
  return stepsPerMs <= 0 ? null : Math.max(0, toStep - last.step) / stepsPerMs / 1000;
}
