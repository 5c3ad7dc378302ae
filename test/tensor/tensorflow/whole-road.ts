// The whole road on whatever back end is current, at its smallest: burn-in, steps with gradient accumulation, scores of both benchmarks and of
// held-back rows, a checkpoint written and resumed from, a greedy continuation. What comes out is numbers to compare.
import * as tf from '@tensorflow/tfjs-core';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCheckpoint, saveCheckpoint } from '../../../src/checkpoint/checkpoint.ts';
import { readTokenizer } from '../../../src/data/tokenizer.ts';
import { openBenchmark, type Benchmark } from '../../../src/eval/benchmarks.ts';
import { scoreHeldBack } from '../../../src/eval/held-back.ts';
import { evaluateBenchmark } from '../../../src/eval/score.ts';
import { readModelConfig, type ModelConfig } from '../../../src/model/config.ts';
import { generateGreedy } from '../../../src/model/generate.ts';
import { tokenLogProbs } from '../../../src/model/likelihood.ts';
import { packagePath } from '../../../src/package-root.ts';
import { nanoTokenizerPath } from '../../../src/suite/nano/corpus.ts';
import { initialiseWeights } from '../../../src/suite/nano/initialise.ts';
import { burnIn } from '../../../src/train/burn-in.ts';
import { travel, type LoopPlan, type StepRecord } from '../../../src/train/loop.ts';
import {
  disposeState,
  fromState,
  toState,
  withLossScale,
  type WholeArrays,
  type TrainState,
} from '../../../src/train/state.ts';
import type { TrainingRows } from '../../../src/train/rows.ts';
import { PYTHIA_ADAM } from '../../../src/train/step.ts';

const SHAPE = { numLayers: 2, hiddenSize: 16, vocabSize: 1024 };
const LINES = 4; // of each benchmark file

export interface RoadResult {
  /** Losses and gradient norms of the steps, and scores, by name. */
  readonly figures: Readonly<Record<string, number>>;
  readonly continuation: readonly number[];
  readonly end: WholeArrays;
}

/** Travels the road from random weights, five rows of random ids a step. */
export async function travelWholeRoad(): Promise<RoadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-road-'));
  try {
    const configPath = join(folder, 'config.json');
    writeFileSync(configPath, JSON.stringify(configFile()));
    return await travelIn(folder, configPath, readModelConfig(configPath));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function travelIn(folder: string, configPath: string, config: ModelConfig): Promise<RoadResult> {
  const figures: Record<string, number> = {};
  const benchmarks = shortBenchmarks(folder);
  const plan: LoopPlan = {
    config,
    ...{ switches: { gelu: 'tanh', rope: 'fp16-angles' }, adam: PYTHIA_ADAM, microBatchSize: 2, to: 6 },
    schedule: { peak: 1e-3, floor: 1e-4, totalSteps: 10, warmupSteps: 1 },
    ...{ evaluateAt: new Set([6]), saveAt: new Set([5]) },
  };
  const checkpoint = join(folder, 'step-5');
  const road = {
    replay: randomRows,
    rewrite: (batch: TrainingRows) => ({ batch, proof: null }),
    record: ({ step, lossNats, gradientNorm }: StepRecord<null>) =>
      void Object.assign(figures, { [`loss of step ${step}`]: lossNats, [`norm of step ${step}`]: gradientNorm }),
    evaluate: async (state: TrainState) => void Object.assign(figures, await scores(state, config, benchmarks)),
    save: async (state: TrainState) =>
      void (await saveCheckpoint(checkpoint, await fromState(state), config, configPath)),
  };
  const weights = new Map([...initialiseWeights(SHAPE, 3)].map(([name, { data }]) => [name, data]));
  const fresh = toState(config, { step: 3, lrCount: 3, adamCount: 0, parameters: weights }, 'weights-only');
  const burnt = withLossScale(await burnIn(fresh, 2, randomRows, plan), 'emulated', {});
  disposeState(await travel(burnt, { ...plan, to: 5 }, road));
  const saved = await loadCheckpoint(checkpoint, config);
  const resumed = withLossScale(toState(config, saved, 'exact-state'), 'emulated', saved);
  const state = await travel(resumed, plan, road);
  const continuation = await generateGreedy({ parameters: state.parameters, config }, [5, 9, 2], 4);
  const end = await fromState(state);
  disposeState(state);
  joinBlocks();
  return { figures, continuation, end };
}

/** How several blocks of logits are joined; a model of this size has but one. */
function joinBlocks(): void {
  tf.tidy(() => {
    const block = tf.zeros([2, 3]);
    tf.concat([block, block]);
    tf.addN([block, block, block]);
  });
}

function configFile() {
  return {
    ...{ model_type: 'gpt_neox', num_hidden_layers: SHAPE.numLayers, hidden_size: SHAPE.hiddenSize },
    ...{ num_attention_heads: 2, intermediate_size: 4 * SHAPE.hiddenSize, vocab_size: SHAPE.vocabSize },
  };
}

/** Five rows: micro-batches of two leave an uneven last one. */
function randomRows(step: number): TrainingRows {
  const [numRows, rowLength] = [5, 9];
  const tokens = Int32Array.from(
    { length: numRows * rowLength },
    (_, i) => ((step * 977 + i) * 7919) % SHAPE.vocabSize,
  );
  return { tokens, numRows, rowLength };
}

async function scores(state: TrainState, config: ModelConfig, benchmarks: readonly Benchmark[]) {
  const tokenizer = readTokenizer(nanoTokenizerPath());
  const model = {
    tokenLogProbs: (rows: readonly (readonly number[])[]) =>
      tokenLogProbs({ parameters: state.parameters, config }, rows),
    encode: (text: string) => tokenizer.encode(text),
  };
  const { tokens, numRows, rowLength } = randomRows(99);
  const rows = Array.from({ length: numRows }, (_, i) => [...tokens.slice(i * rowLength, (i + 1) * rowLength)]);
  const evaluations = [await scoreHeldBack(rows, model)];
  for (const benchmark of benchmarks) evaluations.push(await evaluateBenchmark(benchmark, model));
  const named = evaluations.flatMap(({ benchmark, items }) =>
    items.flatMap(({ logLikelihood }, i) =>
      logLikelihood.map((value, j) => [`${benchmark}, item ${i}, ${j}`, value] as const),
    ),
  );
  return Object.fromEntries(named);
}

/** The first lines of the miniature benchmarks. */
function shortBenchmarks(folder: string): Benchmark[] {
  const source = packagePath('suite', 'nano', 'benchmarks');
  const target = join(folder, 'benchmarks');
  mkdirSync(target);
  cpSync(source, target, { recursive: true });
  const winobias = join(target, 'nano-winobias');
  const pairs = join(target, 'nano-crows-pairs.csv');
  for (const path of [pairs, ...readdirSync(winobias).map((name) => join(winobias, name))]) {
    writeFileSync(path, readFileSync(path, 'utf8').split('\n').slice(0, LINES).join('\n') + '\n');
  }
  return [openBenchmark('winobias', winobias), openBenchmark('crows-pairs', pairs)];
}
