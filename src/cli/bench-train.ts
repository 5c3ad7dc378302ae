// `tiresias bench train`: how fast this machine trains and in how much memory, measured, with its own matrix-product rate in the same run as the
// limit; or, with --plan, the memory that is predicted.
import { Option, type Command } from 'commander';
import { InputError } from '../errors.ts';
import type { ModelConfig } from '../model/config.ts';
import { countParameters } from '../model/parameters.ts';
import type { Recompute } from '../model/gpt-neox.ts';
import { toTensors } from '../model/tensors.ts';
import { selectBackend, type BackendName } from '../tensor/backend.ts';
import { hasPrecision, PRECISIONS, type Precision } from '../tensor/precision.ts';
import { currentNative } from '../tensor/native.ts';
import { wasmMemory } from '../tensor/wasm.ts';
import { kernelsOf } from '../train/memory-shape.ts';
import { planMemory } from '../train/memory.ts';
import { PYTHIA_ADAM, trainStep } from '../train/step.ts';
import type { TrainState } from '../train/state.ts';
import { backendOption } from './backend-option.ts';
import {
  forwardFlop,
  kernelSeconds,
  kernelShares,
  measureGemm,
  median,
  parseShape,
  printFigures,
  randomParameters,
  SHAPE_NAMES,
} from './bench-model.ts';
import { wholeNumber } from './options.ts';

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

export function addTrainBench(bench: Command): void {
  bench
    .command('train')
    .description('whole training steps of a model shape with random weights; the first step is not counted')
    .requiredOption('--model-shape <name>', SHAPE_NAMES, parseShape)
    .option('--micro-batch <n>', 'samples of a forward pass', wholeNumber(1), 2)
    .option('--micro-batches <n>', 'forward passes of a step', wholeNumber(1), 1)
    .option('--seq-length <n>', 'tokens of a sample', wholeNumber(1), 512)
    .addOption(
      new Option('--recompute <what>', 'activations computed again').choices(['none', 'layers']).default('none'),
    )
    .addOption(
      new Option('--precision <name>', 'of the factors of products; bf16 on native and cuda')
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
  if (options.plan === true) return printFigures(await planned(options), options);
  const { modelShape: config, microBatch, microBatches, seqLength, recompute, steps, precision } = options;
  const backend = await selectBackend(options.backend);
  if (!hasPrecision(precision)) {
    throw new InputError(
      `--precision ${precision}: the back end ${backend.name} multiplies in fp32 only; take --backend native or cuda`,
    );
  }
  const idleRssBytes = process.memoryUsage.rss();
  const { times, shares } = await timeSteps(options);
  const memory = { ...peakLiveBytes(), ...peakRss(idleRssBytes) };
  const gemmGflopPerSecond = await measureGemm(config, microBatch * seqLength, precision);
  const secondsPerStep = median(times);
  const numTokens = microBatch * microBatches * seqLength;
  const result = {
    backend: backend.name,
    precision,
    ...{ microBatch, microBatches, seqLength, recompute, steps },
    secondsPerStep,
    fastestStepSeconds: Math.min(...times),
    tokensPerSecond: numTokens / secondsPerStep,
    gflopPerSecond: (3 * forwardFlop(config, seqLength) * numTokens) / secondsPerStep / 1e9,
    gemmGflopPerSecond,
    ...memory,
    ...shares,
  };
  printFigures(result, options);
}

/** What the planner predicts of the same steps, under the names of what is measured. */
async function planned(options: BenchOptions) {
  const { modelShape: config, microBatch, microBatches, seqLength, recompute, precision } = options;
  const { name } = await selectBackend(options.backend);

  const rowsPerStep = microBatch * microBatches;
  const model = { ...config, numParameters: countParameters(config) };
  const step = { microBatchSize: microBatch, rowsPerStep, seqLength, recompute, precision };
  const plan = planMemory(model, step, kernelsOf(name));
  const idleRssBytes = process.memoryUsage.rss();
  const { peakLiveBytes, rssAboveIdleBytes, stateBytes, summit } = plan;
  const memory = { peakLiveBytes, rssAboveIdleBytes, peakRssBytes: idleRssBytes + rssAboveIdleBytes };
  return { backend: name, precision, microBatch, microBatches, seqLength, recompute, ...memory, stateBytes, summit };
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

/** Seconds of each step but the first, which allocates and compiles, and the kernels' shares of them. */
async function timeSteps(options: BenchOptions): Promise<{ times: number[]; shares: Record<string, number> }> {
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
  let before = kernelSeconds();
  for (let i = 0; i < steps + WARMUP_STEPS; i++) {
    if (i === WARMUP_STEPS) before = kernelSeconds();
    const startedMs = performance.now();
    ({ state } = await trainStep(state, { tokens, numRows, rowLength: length + 1 }, 1e-4, settings));
    if (i >= WARMUP_STEPS) times.push((performance.now() - startedMs) / 1000);
  }
  return { times, shares: kernelShares(before) };
}
