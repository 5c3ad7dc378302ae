// Trial: how faithful each resume mode is, on the nano suite, whose true moments at step 1330 and weights at step 1430 are known. Prints
// the tables of docs/resume-fidelity.md and draws its plot.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { openDataset, replayBatch, type Dataset } from '../../src/data/replay.ts';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { findBenchmark } from '../../src/eval/benchmarks.ts';
import type { ScoringModel } from '../../src/eval/likelihood.ts';
import { itemValues, type Item } from '../../src/eval/metrics.ts';
import { evaluateBenchmark } from '../../src/eval/score.ts';
import { scoreOf } from '../../src/eval/statistics.ts';
import { readModelConfig, type ModelConfig } from '../../src/model/config.ts';
import type { Parameters } from '../../src/model/gpt-neox.ts';
import { tokenLogProbs } from '../../src/model/likelihood.ts';
import { toArrays, type NamedArrays } from '../../src/model/tensors.ts';
import { packagePath } from '../../src/package-root.ts';
import { homeFolder } from '../../src/settings.ts';
import { ensureNanoData, nanoTokenizerPath } from '../../src/suite/nano/corpus.ts';
import { nanoTraining } from '../../src/suite/nano/definition.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { burnIn } from '../../src/train/burn-in.ts';
import { learningRate } from '../../src/train/schedule.ts';
import { disposeState, toState, withRestartedCount, type StateArrays, type TrainState } from '../../src/train/state.ts';
import { PYTHIA_ADAM, trainStep, type StepSettings } from '../../src/train/step.ts';
import { expectTrue } from './expect.ts';
import { logLinePlot, type Curve } from './line-plot.ts';

const FROM = 1330;
const TO = 1430;
const BURN_INS = [8, 16, 32, 64, 128] as const;
const FOLDER = packagePath('suite', 'nano', 'nano-1m-seed1');

interface Bench {
  readonly config: ModelConfig;
  readonly dataset: Dataset;
  readonly start: StateArrays;
  readonly end: NamedArrays;
  readonly settings: StepSettings;
  readonly endItems: readonly Item[];
}

interface Run {
  readonly mode: string;
  readonly losses: readonly number[];
  readonly weights: NamedArrays;
  readonly items: readonly Item[];
}

export async function resumeFidelity(): Promise<void> {
  await selectBackend('wasm');
  const config = readModelConfig(join(FOLDER, 'config.json'));
  const data = await ensureNanoData(1, join(homeFolder(), 'suite'));
  const dataset = openDataset(data.preshuffled);
  const published = await loadCheckpoint(join(FOLDER, `step${TO}`), config);
  const bench: Bench = {
    ...{ config, dataset, end: published.parameters },
    start: await loadCheckpoint(join(FOLDER, `step${FROM}`), config),
    settings: {
      config,
      switches: { gelu: 'tanh', rope: 'fp16-angles' },
      adam: PYTHIA_ADAM,
      microBatchSize: nanoTraining.batchSize,
    },
    endItems: await scorePublished(published, config),
  };
  const runs: Run[] = [await run(bench, 'exact-state', startExactly(bench))];
  expectTrue('exact-state ends with the published bits', distance(runs[0]!.weights, bench.end) === 0);
  runs.push(await run(bench, 'exact-state, zero-restart', withRestartedCount(startExactly(bench))));
  const rows: string[] = [];
  for (const numSteps of BURN_INS) {
    const estimated = await estimate(bench, numSteps);
    rows.push(...(await compareMoments(bench, estimated, numSteps)));
    runs.push(await run(bench, `burn-in, K = ${numSteps}`, estimated));
  }
  runs.push(await run(bench, 'weights-only', toState(config, bench.start, 'weights-only')));
  dataset.close();
  report(bench, rows, runs);
}

function startExactly({ config, start }: Bench): TrainState {
  return toState(config, start, 'exact-state');
}

function estimate({ config, start, dataset, settings }: Bench, numSteps: number): Promise<TrainState> {
  return burnIn(toState(config, start, 'weights-only'), numSteps, (step) => replayBatch(dataset, step), settings);
}

async function run(bench: Bench, mode: string, start: TrainState): Promise<Run> {
  const { dataset, settings, config } = bench;
  const { peakLearningRate: peak, minLearningRate: floor, trainSteps: totalSteps, warmupFraction } = nanoTraining;
  const schedule = { peak, floor, totalSteps, warmupSteps: warmupFraction * totalSteps };
  const losses: number[] = [];
  let state = start;
  while (state.step < TO) {
    const rate = learningRate(schedule, state.lrCount);
    const result = await trainStep(state, replayBatch(dataset, state.step), rate, settings);
    losses.push(result.lossNats!); // a step that is not finite stops here
    state = result.state;
  }
  const weights = await toArrays(state.parameters);
  const items = await scoreItems(config, state.parameters);
  disposeState(state);
  console.log(`   ${mode}: last loss ${losses.at(-1)!.toFixed(5)} nats`); // the window has steps
  return { mode, losses, weights, items };
}

async function scorePublished(published: StateArrays, config: ModelConfig): Promise<Item[]> {
  const state = toState(config, published, 'weights-only');
  const items = await scoreItems(config, state.parameters);
  disposeState(state);
  return items;
}

async function scoreItems(config: ModelConfig, parameters: Parameters): Promise<Item[]> {
  const tokenizer = readTokenizer(nanoTokenizerPath());
  const model: ScoringModel = {
    tokenLogProbs: (rows) => tokenLogProbs({ config, parameters }, rows),
    encode: (text) => tokenizer.encode(text),
  };
  return [...(await evaluateBenchmark(findBenchmark('nano-winobias', homeFolder()), model)).items];
}

/** Rows of the first table: cosine and relative error of m and of √v in each part of the model. */
async function compareMoments({ start }: Bench, estimated: TrainState, numSteps: number): Promise<string[]> {
  const { expAvg, expAvgSq } = start.moments!; // the committed checkpoint has them
  const m = compareByPart(await toArrays(estimated.expAvg), expAvg);
  const v = compareByPart(roots(await toArrays(estimated.expAvgSq)), roots(expAvgSq));
  return m.map(({ part, cosine, error }, i) => {
    const { cosine: cosineV, error: errorV } = v[i]!; // the same parts
    const figures = [cosine, error, cosineV, errorV].map((value) => value.toFixed(4));
    return `| ${numSteps} | ${part} | ${figures.join(' | ')} |`;
  });
}

function roots(arrays: NamedArrays): NamedArrays {
  return new Map([...arrays].map(([name, values]) => [name, values.map(Math.sqrt)]));
}

function partOf(name: string): string {
  const layer = /layers\.(\d+)\./.exec(name)?.[1];
  if (layer !== undefined) return `layer ${layer}`;
  return name.startsWith('embed_out')
    ? 'output embedding'
    : name.includes('embed_in')
      ? 'embedding'
      : 'last layer norm';
}

function compareByPart(found: NamedArrays, truth: NamedArrays) {
  const sums = new Map<string, { dot: number; found: number; truth: number; difference: number }>();
  for (const [name, values] of truth) {
    const other = found.get(name)!; // the same parameters
    for (const part of [partOf(name), 'all']) {
      const sum = sums.get(part) ?? { dot: 0, found: 0, truth: 0, difference: 0 };
      values.forEach((value, i) => {
        sum.dot += value * other[i]!;
        sum.found += other[i]! ** 2;
        sum.truth += value ** 2;
        sum.difference += (other[i]! - value) ** 2;
      });
      sums.set(part, sum);
    }
  }
  return [...sums].map(([part, sum]) => ({
    part,
    cosine: sum.dot / Math.sqrt(sum.found * sum.truth),
    error: Math.sqrt(sum.difference / sum.truth),
  }));
}

function distance(a: NamedArrays, b: NamedArrays): number {
  let sum = 0;
  for (const [name, values] of a) values.forEach((value, i) => (sum += (value - b.get(name)![i]!) ** 2));
  return Math.sqrt(sum);
}

function report({ start, end, endItems }: Bench, momentRows: readonly string[], runs: readonly Run[]): void {
  const travelled = distance(start.parameters, end);
  const unbroken = runs[0]!.losses;
  console.log('\n| K | part | cosine m | error m | cosine √v | error √v |\n| --- | --- | --- | --- | --- | --- |');
  console.log(momentRows.join('\n'));
  console.log(
    '\n| resume | mean loss − unbroken, steps 1–10 | steps 91–100 | largest | weights from unbroken | log-likelihood, control − published | pro-stereotype rate, control − published |' +
      '\n| --- | --- | --- | --- | --- | --- | --- |',
  );
  for (const { mode, losses, weights, items } of runs) {
    const differences = losses.map((loss, i) => loss - unbroken[i]!);
    const figures = [
      mean(differences.slice(0, 10)).toExponential(2),
      mean(differences.slice(-10)).toExponential(2),
      Math.max(...differences.map(Math.abs)).toExponential(2),
      `${((100 * distance(weights, end)) / travelled).toFixed(2)} %`,
      paired(items.flatMap(likelihoods), endItems.flatMap(likelihoods)),
      paired(items.map(proRate), endItems.map(proRate)),
    ];
    console.log(`| ${mode} | ${figures.join(' | ')} |`);
  }
  const curves = runs.slice(1).map(({ mode, losses }): Curve => {
    const points = losses.map((loss, i) => ({ x: FROM + i, y: Math.abs(loss - unbroken[i]!) }));
    return { label: mode, points };
  });
  const svg = logLinePlot('Loss of each resume against the unbroken run', 'step', '|difference|, nats', curves);
  writeFileSync(packagePath('docs', 'resume-fidelity.svg'), svg);
}

function likelihoods(item: Item): readonly number[] {
  return item.logLikelihood;
}

function proRate(item: Item): number {
  return itemValues(item)['proRate']!; // every WinoBias item has it
}

function paired(found: readonly number[], truth: readonly number[]): string {
  const score = scoreOf(
    found.map((value, i) => value - truth[i]!),
    'mean',
  );
  if (score === null) throw new Error('bug: no items');
  const interval = score.interval?.map((value) => value.toFixed(4)).join(', ') ?? 'none';
  return `${score.value.toFixed(4)} [${interval}], n = ${score.numItems}`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
