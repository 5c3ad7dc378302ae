// `tiresias bench train`: how fast this machine trains and in how much memory, measured, with its own matrix-product rate in the same run as the
// limit; or, with --plan, the memory that is predicted.
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { InputError } from '../errors.ts';
import type { ModelConfig } from '../model/config.ts';
import { countParameters, parameterShapes } from '../model/parameters.ts';
import type { Parameters, Recompute } from '../model/gpt-neox.ts';
import { toTensors } from '../model/tensors.ts';
import { selectBackend, type BackendName } from '../tensor/backend.ts';
import { hasPrecision, PRECISIONS, type Precision } from '../tensor/precision.ts';
import { currentNative } from '../tensor/native.ts';
import { wasmMemory } from '../tensor/wasm.ts';
import { planMemory } from '../train/memory.ts';
import { PYTHIA_ADAM, trainStep } from '../train/step.ts';
import type { TrainState } from '../train/state.ts';
import { addDataBenches } from './bench-replay.ts';
import { backendOption } from './backend-option.ts';
import { wholeNumber } from './options.ts';
import { formatFigures } from './table.ts';

/** Layers, width, heads, padded vocabulary. */
const SHAPES: Readonly<Record<string, readonly [number, number, number, number]>> = {
  'nano-1m': [4, 128, 4, 1024],
  'nano-4m': [6, 224, 7, 2048],
  'pythia-14m': [6, 128, 4, 50304],
  'pythia-31m': [6, 256, 8, 50304],
  'pythia-70m': [6, 512, 8, 50304],
  'pythia-160m': [12, 768, 12, 50304],
};
const WARMUP_STEPS = 1;

interface BenchOptions {
  readonly modelShape: ModelConfig;
  readonly microBatch: number;
  readonly microBatches: number;
  readonly seqLength: number;
  readonly precision: Precision;
  readonly recompute: Recompute;
  readonly backend: BackendName | 'auto';
  readonly steps: number;
  readonly plan?: boolean;
  readonly json?: boolean;
}

export function addBenchCommand(program: Command): void {
  const bench = program.command('bench').description('measure speed');
  addDataBenches(bench);
  bench
    .command('train')
    .description('whole training steps of a model shape with random weights; the first step is not counted')
    .requiredOption('--model-shape <name>', Object.keys(SHAPES).join(', '), parseShape)
    .option('--micro-batch <n>', 'samples of a forward pass', wholeNumber(1), 2)
    .option('--micro-batches <n>', 'forward passes of a step', wholeNumber(1), 1)
    .option('--seq-length <n>', 'tokens of a sample', wholeNumber(1), 512)
    .addOption(
      new Option('--recompute <what>', 'activations computed again').choices(['none', 'layers']).default('none'),
    )
    .addOption(
      new Option('--precision <name>', 'of the factors of products; bf16 on native')
        .choices(PRECISIONS)
        .default('fp32'),
    )
    .addOption(backendOption())
    .option('--steps <n>', 'measured steps', wholeNumber(1), 5)
    .option('--plan', 'predict the memory of these steps, and run none')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  $ tiresias bench train --model-shape nano-1m --micro-batch 16 --seq-length 128 --json',
    )
    .action(benchTrain);
}

async function benchTrain(options: BenchOptions): Promise<void> {
  if (options.plan === true) return print(planned(options), options);
  const { modelShape: config, microBatch, microBatches, seqLength, recompute, steps, precision } = options;
  const backend = await selectBackend(options.backend);
  if (!hasPrecision(precision)) {
    throw new InputError(
      `--precision ${precision}: the back end ${backend.name} multiplies in fp32 only; take --backend native`,
    );
  }
  const idleRssBytes = process.memoryUsage.rss();
  const times = await timeSteps(options);
  const memory = { ...peakLiveBytes(), ...peakRss(idleRssBytes) };
  const shares = kernelShares();
  const gemmGflopPerSecond = await measureGemm(config, microBatch * seqLength);
  const secondsPerStep = median(times);
  const numTokens = microBatch * microBatches * seqLength;
  const counted = countParameters(config) - config.vocabSize * config.hiddenSize;
  const flopPerToken = 6 * counted + 12 * config.numLayers * config.hiddenSize * seqLength;
  const result = {
    backend: backend.name,
    precision,
    ...{ microBatch, microBatches, seqLength, recompute, steps },
    secondsPerStep,
    fastestStepSeconds: Math.min(...times),
    tokensPerSecond: numTokens / secondsPerStep,
    gflopPerSecond: (flopPerToken * numTokens) / secondsPerStep / 1e9,
    gemmGflopPerSecond,
    ...memory,
    ...shares,
  };
  print(result, options);
}

/** What the planner predicts of the same steps, under the names of what is measured. */
function planned({ modelShape: config, microBatch, microBatches, seqLength, recompute }: BenchOptions) {
  const rowsPerStep = microBatch * microBatches;
  const model = { ...config, numParameters: countParameters(config) };
  const plan = planMemory(model, { microBatchSize: microBatch, rowsPerStep, seqLength, recompute });
  const idleRssBytes = process.memoryUsage.rss();
  const { peakLiveBytes, rssAboveIdleBytes, stateBytes, summit } = plan;
  const memory = { peakLiveBytes, rssAboveIdleBytes, peakRssBytes: idleRssBytes + rssAboveIdleBytes };
  return { microBatch, microBatches, seqLength, recompute, ...memory, stateBytes, summit };
}

function print(result: Readonly<Record<string, string | number>>, { json }: BenchOptions): void {
  process.stdout.write(json === true ? `${JSON.stringify(result)}\n` : formatFigures(result));
}

function peakRss(idleRssBytes: number) {
  const peakRssBytes = process.resourceUsage().maxRSS * 1024;
  return { idleRssBytes, peakRssBytes, rssAboveIdleBytes: peakRssBytes - idleRssBytes };
}

/** Where the back end tells what its tensors take. */
function peakLiveBytes(): { peakLiveBytes: number } | Record<never, never> {
  const memory = wasmMemory() ?? currentNative();
  return memory === undefined ? {} : { peakLiveBytes: memory.peakLiveBytes };
}

/** Which share of the time in kernels each takes, where the back end tells, the slowest first. */
function kernelShares(): Record<string, number> {
  const times = currentNative()?.kernelTimes();
  if (times === undefined) return {};
  const total = times.reduce((sum, { seconds }) => sum + seconds, 0);
  const sorted = [...times].sort((a, b) => b.seconds - a.seconds);
  return Object.fromEntries(sorted.map(({ kernel, seconds }) => [`kernelShare.${kernel}`, seconds / total]));
}

function parseShape(name: string): ModelConfig {
  const shape = SHAPES[name];
  if (shape === undefined) throw new InvalidArgumentError(`there is ${Object.keys(SHAPES).join(', ')}.`);
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

async function timeSteps(options: BenchOptions): Promise<number[]> {
  const { modelShape: config, microBatch, microBatches, seqLength: length, recompute, steps, precision } = options;
  let state: TrainState = {
    ...{ step: 0, lrCount: 0, adamCount: 0 },
    parameters: randomParameters(config),
    expAvg: toTensors(config),
    expAvgSq: toTensors(config),
  };
  const switches = { gelu: 'tanh', rope: 'fp16-angles', recompute, precision } as const;
  const settings = { config, switches, adam: PYTHIA_ADAM, microBatchSize: microBatch };
  const numRows = microBatch * microBatches;
  const tokens = Int32Array.from({ length: numRows * (length + 1) }, (_, i) => (i * 7919) % config.vocabSize);
  const times: number[] = [];
  for (let i = 0; i < steps + WARMUP_STEPS; i++) {
    const startedMs = performance.now();
    ({ state } = await trainStep(state, { tokens, numRows, rowLength: length + 1 }, 1e-4, settings));
    if (i >= WARMUP_STEPS) times.push((performance.now() - startedMs) / 1000);
  }
  return times;
}

function randomParameters(config: ModelConfig): Parameters {
  return Object.fromEntries(
    parameterShapes(config).map(({ name, shape }, seed) => {
      const isNorm = /layer_?norm\.weight$/.test(name);
      return [name, isNorm ? tf.ones([...shape]) : tf.randomNormal([...shape], 0, 0.02, 'float32', seed + 1)];
    }),
  );
}

/** Rate of the widest linear layer's product alone, GFLOP/s: what no training step here can exceed. */
async function measureGemm(config: ModelConfig, rows: number): Promise<number> {
  const { hiddenSize: C, intermediateSize: F } = config;
  const a = tf.randomNormal([rows, C]) as tf.Tensor2D;
  const b = tf.randomNormal([C, F]) as tf.Tensor2D;
  const times: number[] = [];
  for (let i = 0; i < 6; i++) {
    const startedMs = performance.now();
    const product = tf.matMul(a, b);
    await product.data();
    product.dispose();
    if (i > 0) times.push((performance.now() - startedMs) / 1000);
  }
  tf.dispose([a, b]);
  return (2 * rows * C * F) / median(times) / 1e9;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}
