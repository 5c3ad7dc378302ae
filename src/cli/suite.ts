// `tiresias suite`: builds models of the nano suite with the service's own training loop, 154 checkpoints each.
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadCheckpoint, saveCheckpoint } from '../checkpoint/checkpoint.ts';
import { openDataset, replayBatch, type Dataset } from '../data/replay.ts';
import { InputError } from '../errors.ts';
import { readModelConfig, type ModelConfig } from '../model/config.ts';
import { homeFolder } from '../settings.ts';
import { checkpointSteps, nanoConfig, nanoSizes, nanoTraining, type NanoSize } from '../suite/nano/definition.ts';
import { ensureNanoData } from '../suite/nano/corpus.ts';
import { initialiseWeights } from '../suite/nano/initialise.ts';
import { selectBackend, type BackendName } from '../tensor/backend.ts';
import { travel, type Road } from '../train/loop.ts';
import { PYTHIA_ADAM } from '../train/step.ts';
import { disposeState, fromState, toState, type StateArrays } from '../train/state.ts';
import { startProgress } from './progress.ts';

/** Steps that keep Adam's moments, too: an exact resume can start there. */
function keepsMoments(step: number): boolean {
  return step % 100 === 0 || step === 1330;
}

export function addSuiteCommand(program: Command): void {
  const suite = program.command('suite').description('the nano suite: a miniature Pythia with planted bias');
  suite
    .command('build')
    .description('train a model of the nano suite from step 0, keeping its 154 checkpoints')
    .option('--size <name>', 'nano-1m or nano-4m', 'nano-1m')
    .option('--seed <n>', 'seed of corpus and first weights', '1')
    .option('--to <folder>', 'where to write (default: the home folder)')
    .option(
      '--backend <name>',
      'auto, cuda, tensorflow, native, wasm or cpu; nano-1m of the repository was built on wasm',
      'auto',
    )
    .addHelpText('after', '\nExample:\n  $ tiresias suite build --size nano-1m --seed 2')
    .action(async (options: { size: string; seed: string; to?: string; backend: BackendName | 'auto' }) => {
      const size = nanoSizes.find(({ name }) => name === options.size);
      if (size === undefined) throw new InputError(`--size ${options.size}: there is nano-1m and nano-4m`);
      const seed = Number(options.seed);
      const folder = options.to ?? join(homeFolder(), 'suite', `${size.name}-seed${seed}`);
      await buildModel(size, seed, folder, options.backend);
    });
}

async function buildModel(size: NanoSize, seed: number, folder: string, wanted: BackendName | 'auto'): Promise<void> {
  const backend = await selectBackend(wanted);
  process.stderr.write(`back end ${backend.name}: ${backend.reason}\n`);
  mkdirSync(folder, { recursive: true });
  const configPath = join(folder, 'config.json');
  writeFileSync(configPath, `${JSON.stringify(nanoConfig(size), null, 2)}\n`);
  const config = readModelConfig(configPath);
  const data = await ensureNanoData(seed, join(homeFolder(), 'suite'));
  const dataset = openDataset(data.preshuffled);
  try {
    const start = await newestState(folder, config, size, seed);
    await train(start, config, configPath, folder, dataset);
  } finally {
    dataset.close();
  }
}

/** Where a stopped build goes on: its newest checkpoint with moments, else the first weights. */
async function newestState(folder: string, config: ModelConfig, size: NanoSize, seed: number): Promise<StateArrays> {
  const steps = checkpointSteps().filter((step) => existsSync(join(folder, `step${step}`, 'optimizer.safetensors')));
  const newest = steps.at(-1);
  if (newest !== undefined) return loadCheckpoint(join(folder, `step${newest}`), config);
  const parameters = new Map([...initialiseWeights(size, seed)].map(([name, { data }]) => [name, data]));
  const zeros = new Map([...parameters].map(([name, data]) => [name, new Float32Array(data.length)]));
  return { step: 0, lrCount: 0, adamCount: 0, parameters, moments: { expAvg: zeros, expAvgSq: zeros } };
}

async function train(
  start: StateArrays,
  config: ModelConfig,
  configPath: string,
  folder: string,
  dataset: Dataset,
): Promise<void> {
  const { peakLearningRate: peak, minLearningRate: floor, trainSteps, warmupFraction, batchSize } = nanoTraining;
  const progress = startProgress(trainSteps, start.step);
  const losses = join(folder, 'losses.csv');
  if (start.step === 0) writeFileSync(losses, 'step,lossNats,learningRate,gradientNorm\n');
  const road: Road<ReturnType<typeof replayBatch>, undefined> = {
    replay: (step) => replayBatch(dataset, step),
    rewrite: (batch) => ({ batch, proof: undefined }),
    record: ({ step, lossNats, learningRate, gradientNorm, tokensPerSecond }) => {
      appendFileSync(losses, `${step},${lossNats},${learningRate},${gradientNorm}\n`);
      progress.update(step + 1, `loss ${lossNats?.toFixed(3)}, ${Math.round(tokensPerSecond)} tokens/s`);
    },
    evaluate: () => Promise.resolve(),
    save: async (state) => {
      const { moments, ...rest } = await fromState(state);
      const content = keepsMoments(state.step) ? { ...rest, moments } : rest;
      await saveCheckpoint(join(folder, `step${state.step}`), content, config, configPath);
    },
  };
  const state = toState(config, start, 'exact-state');
  if (start.step === 0) await road.save(state);
  const plan = {
    config,
    switches: { gelu: 'tanh', rope: 'fp16-angles' } as const,
    adam: PYTHIA_ADAM,
    microBatchSize: batchSize,
    to: trainSteps,
    schedule: { peak, floor, totalSteps: trainSteps, warmupSteps: warmupFraction * trainSteps },
    evaluateAt: new Set<number>(),
    saveAt: new Set(checkpointSteps()),
  };
  disposeState(await travel(state, plan, road));
  progress.stop();
}
