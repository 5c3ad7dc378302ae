// Trial: how often intervals hold the truth and tests a false find, in seeded simulations of the sizes of the benchmarks: Wilson and bootstrap
// for rates of 262 to 1,508 items; the bootstrap, the sign flips and the smallest detectable effect with 40 clusters and fewer.
import { bootstrapInterval, clustersOf, randomBits, RESAMPLING } from '../../src/eval/resampling.ts';
import { pairedEffect, wilsonInterval, type Interval } from '../../src/eval/statistics.ts';
import { expectWithin } from './expect.ts';

const NUM_SIMULATIONS = 10_000;
/** As many items as the gender pairs of CrowS-Pairs, those of the revised set, a file of WinoBias, and all of CrowS-Pairs. */
const SIZES = [262, 320, 396, 1508];
const RATES = [0.3, 0.5, 0.6];

export function statistics(): Promise<void> {
  for (const numItems of SIZES) {
    for (const rate of RATES) {
      const { wilson, bootstrap } = simulateRate(numItems, rate, NUM_SIMULATIONS);
      expectWithin(`n = ${numItems}, p = ${rate}: Wilson covers`, wilson, 0.94, 0.965);
      expectWithin(`n = ${numItems}, p = ${rate}: the bootstrap covers`, bootstrap, 0.935, 0.965);
    }
  }
  for (const [numClusters, least] of [
    [40, 0.92],
    [20, 0.9],
    [15, 0.88],
    [8, 0.8],
  ] as const) {
    const { coverage, falseFinds, power } = simulateClusters(numClusters, NUM_SIMULATIONS);
    expectWithin(`${numClusters} clusters: the bootstrap covers`, coverage, least, 0.96);
    console.log(`   shortfall from 95 %: ${((0.95 - coverage) * 100).toFixed(1)} points`);
    expectWithin(`${numClusters} clusters: sign flips find what is not there`, falseFinds, 0.04, 0.056);
    expectWithin(`${numClusters} clusters: power at the detectable effect`, power, 0.74, 0.85);
  }
  return Promise.resolve();
}

/** Shares of simulated samples of a rate whose interval holds it. */
export function simulateRate(numItems: number, rate: number, numSimulations: number) {
  const uniform = uniformNumbers(numItems * 1000 + rate * 100);
  // Items of a rate can be exchanged, so the interval of k hits is made once.
  const intervals = new Map<number, { readonly wilson: Interval; readonly bootstrap: Interval }>();
  let wilson = 0;
  let bootstrap = 0;
  for (let i = 0; i < numSimulations; i++) {
    let numHits = 0;
    for (let item = 0; item < numItems; item++) if (uniform() < rate) numHits += 1;
    const found = intervals.get(numHits) ?? {
      wilson: wilsonInterval(numHits, numItems),
      bootstrap: bootstrapInterval(
        clustersOf(Array.from({ length: numItems }, (_, item) => (item < numHits ? 1 : 0))),
        RESAMPLING,
      ),
    };
    intervals.set(numHits, found);
    wilson += holds(found.wilson, rate) / numSimulations;
    bootstrap += holds(found.bootstrap, rate) / numSimulations;
  }
  return { wilson, bootstrap };
}

/**
 * Samples of differences whose clusters have 10 to 29 items, a common part of one standard deviation and as much noise in each item: how often
 * the interval holds a true difference, how often the test finds one that is not there, how often it finds the detectable one.
 */
export function simulateClusters(numClusters: number, numSimulations: number, resampling = RESAMPLING) {
  const uniform = uniformNumbers(numClusters);
  const keys = Array.from({ length: numClusters }, (_, key) => Array<number>(10 + ((key * 7) % 20)).fill(key)).flat();
  const zeros = keys.map(() => 0);
  const detectable = typicalDetectable(numClusters, keys, uniform, Math.min(500, numSimulations));
  let coverage = 0;
  let falseFinds = 0;
  let power = 0;
  for (let i = 0; i < numSimulations; i++) {
    const noise = clusteredNoise(numClusters, keys, uniform);
    const effect = pairedEffect(noise, zeros, 'mean', keys, resampling);
    const shifted = pairedEffect(
      noise.map((value) => value + detectable),
      zeros,
      'mean',
      keys,
      resampling,
    );
    coverage += holds(effect.interval ?? [NaN, NaN], 0) / numSimulations;
    falseFinds += Number((effect.pValue ?? NaN) <= 0.05) / numSimulations;
    power += Number((shifted.pValue ?? NaN) <= 0.05) / numSimulations;
  }
  return { coverage, falseFinds, power };
}

// What the program calls detectable, over samples: its squared mean, because standard errors average in squares.
function typicalDetectable(
  numClusters: number,
  keys: readonly number[],
  uniform: () => number,
  numSamples: number,
): number {
  const zeros = keys.map(() => 0);
  let squares = 0;
  for (let i = 0; i < numSamples; i++) {
    const resampling = { numDraws: 100, seed: 1 }; // only its spread is used
    const { detectable } = pairedEffect(clusteredNoise(numClusters, keys, uniform), zeros, 'mean', keys, resampling);
    squares += (detectable ?? NaN) ** 2 / numSamples;
  }
  return Math.sqrt(squares);
}

function clusteredNoise(numClusters: number, keys: readonly number[], uniform: () => number): number[] {
  const common = Array.from({ length: numClusters }, () => normal(uniform));
  return keys.map((key) => common[key]! + normal(uniform)); // keys are below numClusters
}

function holds([low, high]: Interval, truth: number): number {
  return Number(low <= truth && truth <= high);
}

function uniformNumbers(seed: number): () => number {
  const bits = randomBits(seed);
  return () => bits() / 2 ** 32;
}

// Box and Muller.
function normal(uniform: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
