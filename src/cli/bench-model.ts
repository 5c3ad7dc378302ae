// Models that benchmarks make up, and what they are measured against: the rate of the machine's own matrix products.
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from 'commander';
import type { ModelConfig } from '../model/config.ts';
import type { Parameters } from '../model/gpt-neox.ts';
import { countParameters, parameterShapes } from '../model/parameters.ts';
import { linear } from '../tensor/linear.ts';
import { currentNative } from '../tensor/native.ts';
import type { Precision } from '../tensor/precision.ts';
import { formatFigures } from './table.ts';

/** Layers, width, heads, padded vocabulary. */
const SHAPES: Readonly<Record<string, readonly [number, number, number, number]>> = {
  'nano-1m': [4, 128, 4, 1024],
  'nano-4m': [6, 224, 7, 2048],
  'pythia-14m': [6, 128, 4, 50304],
  'pythia-31m': [6, 256, 8, 50304],
  'pythia-70m': [6, 512, 8, 50304],
  'pythia-160m': [12, 768, 12, 50304],
  'pythia-410m': [24, 1024, 16, 50304],
  'pythia-1b': [16, 2048, 8, 50304],
  'pythia-1.4b': [24, 2048, 16, 50304],
};
export const SHAPE_NAMES = Object.keys(SHAPES).join(', ');

/** An option's value. Throws commander's error for an unknown shape. */
export function parseShape(name: string): ModelConfig {
  const shape = SHAPES[name];
  if (shape === undefined) throw new InvalidArgumentError(`there is ${SHAPE_NAMES}.`);
  const [numLayers, hiddenSize, numHeads, vocabSize] = shape;
  return {
    ...{ numLayers, hiddenSize, numHeads, vocabSize },
    intermediateSize: 4 * hiddenSize,
    maxPositions: 2048,
    rotaryFraction: 0.25,
    rotaryBase: 10_000,
    layerNormEpsilon: 1e-5,
  };
}

/** Uniform weights with the usual deviation of 0.02, norms of one. */
export function randomParameters(config: ModelConfig): Parameters {
  return Object.fromEntries(
    parameterShapes(config).map(({ name, shape }, seed) => {
      const isNorm = /layer_?norm\.weight$/.test(name);
      return [
        name,
        isNorm ? tf.ones([...shape]) : tf.tensor(uniform(tf.util.sizeFromShape([...shape]), seed), [...shape]),
      ];
    }),
  );
}

/** Values of a linear congruential generator: a billion are wanted at once. */
function uniform(count: number, seed: number): Float32Array {
  const values = new Float32Array(count);
  const scale = (0.02 * Math.sqrt(12)) / 2 ** 32;
  let state = Math.imul(seed + 1, 0x9e3779b9);
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    values[i] = state * scale;
  }
  return values;
}

/** Operations of the forward pass for one token: two for each weight that multiplies it, and attention; a whole step takes three times as many. */
export function forwardFlop(config: ModelConfig, seqLength: number): number {
  const multiplied = countParameters(config) - config.vocabSize * config.hiddenSize; // looking a row up multiplies nothing
  return 2 * multiplied + 4 * config.numLayers * config.hiddenSize * seqLength;
}

/**
 * GFLOP/s of the products of the model's linear layers and output embedding alone, on so many rows, each many times in a row: what no step here can exceed
 * by much.
 */
export async function measureGemm(config: ModelConfig, rows: number, precision: Precision): Promise<number> {
  const { hiddenSize: C, intermediateSize: F, vocabSize: V, numLayers: L } = config;
  const products = [
    [C, 3 * C, L],
    [C, C, L],
    [C, F, L],
    [F, C, L],
    [C, V, 1],
  ] as const; // inputs, outputs, how many a model has
  let [flop, seconds] = [0, 0];
  for (const [numIn, numOut, count] of products) {
    flop += 2 * rows * numIn * numOut * count;
    seconds += count * (await timeProduct(rows, numIn, numOut, precision));
  }
  return flop / seconds / 1e9;
}

const PRODUCTS_AT_ONCE = 4;

/** Seconds of one product: the median of rounds of some, whose results stay where they are. */
async function timeProduct(rows: number, numIn: number, numOut: number, precision: Precision): Promise<number> {
  const x = tf.randomNormal([rows, numIn]) as tf.Tensor2D;
  const weight = tf.randomNormal([numOut, numIn]) as tf.Tensor2D;
  const bias = tf.zeros([numOut]) as tf.Tensor1D;
  const times: number[] = [];
  for (let round = 0; round < 6; round++) {
    const startedMs = performance.now();
    const last = tf.tidy(() => {
      for (let i = 0; i < PRODUCTS_AT_ONCE; i++) linear(x, weight, bias, precision).dispose();
      return tf.slice(linear(x, weight, bias, precision), [0, 0], [1, 1]);
    });
    await last.data();
    last.dispose();
    if (round > 0) times.push((performance.now() - startedMs) / 1000 / (PRODUCTS_AT_ONCE + 1));
  }
  tf.dispose([x, weight, bias]);
  return median(times);
}

/** What each kernel has taken since the start of the process; of none where the back end does not tell. */
export function kernelSeconds(): Map<string, number> {
  return new Map(
    currentNative()
      ?.kernelTimes()
      .map(({ kernel, seconds }) => [kernel, seconds]),
  );
}

/** Which share of the time in kernels each has taken since `before`, the slowest first. */
export function kernelShares(before: ReadonlyMap<string, number>): Record<string, number> {
  const since = [...kernelSeconds()].map(([kernel, seconds]) => [kernel, seconds - (before.get(kernel) ?? 0)] as const);
  const total = since.reduce((sum, [, seconds]) => sum + seconds, 0);
  const sorted = since.filter(([, seconds]) => seconds > 0).sort(([, a], [, b]) => b - a);
  return Object.fromEntries(sorted.map(([kernel, seconds]) => [`kernelShare.${kernel}`, seconds / total]));
}

/** Prints figures as one JSON object or as lines. */
export function printFigures(
  result: Readonly<Record<string, string | number>>,
  { json }: { readonly json?: boolean },
): void {
  process.stdout.write(json === true ? `${JSON.stringify(result)}\n` : formatFigures(result));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}
