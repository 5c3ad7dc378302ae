// One arm of a job, from its task to its last score: hands the loop its replay, rewrite, record, evaluate and save.
import { join } from 'node:path';
import { loadCheckpoint, loadWeights, saveCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { openDataset, prepareDataset, type Dataset } from '../src/data/replay.ts';
import { DataError } from '../src/errors.ts';
import { readTokenizer, type Tokenizer } from '../src/data/tokenizer.ts';
import { scoreHeldBack } from '../src/eval/held-back.ts';
import { textGenerator } from '../src/eval/pythia-em.ts';
import { evaluateTask } from '../src/eval/score.ts';
import type { ScoringModel } from '../src/eval/likelihood.ts';
import type { Intervention } from '../src/intervention/batch.ts';
import type { Arm } from '../src/job-spec.ts';
import { readModelConfig, type ModelConfig } from '../src/model/config.ts';
import type { Parameters } from '../src/model/gpt-neox.ts';
import { scoreEnds } from '../src/model/ends.ts';
import { tokenLogProbs } from '../src/model/likelihood.ts';
import { toTensors } from '../src/model/tensors.ts';
import { liveTensorBytes, selectBackend } from '../src/tensor/backend.ts';
import { travel, type LoopPlan, type Road } from '../src/train/loop.ts';
import { PYTHIA_ADAM } from '../src/train/step.ts';
import {
  disposeState,
  fromState,
  toState,
  withLossScale,
  withRestartedCount,
  type StateArrays,
  type TrainState,
} from '../src/train/state.ts';
import type { BatchTask, TimedProof } from './batches.ts';
import type { TrainerMessage, TrainerTask } from './messages.ts';
import { startPrefetch, type PreparedBatch } from './prefetch.ts';

type Send = (message: TrainerMessage) => void;

/** The model's files are not what they claim to be: told apart from a fault of the data. */
export class CheckpointError extends DataError {
  override readonly name: string = 'CheckpointError';
}

/** Runs the arm to its end, or until the signal aborts; everything that happens goes through `send`. */
export async function runArm(task: TrainerTask, send: Send, signal: AbortSignal): Promise<void> {
  send({ type: 'phase', phase: 'loading' });
  await selectBackend(task.backend);
  const [config, tokenizer] = await ofTheModel(() => [
    readModelConfig(task.configPath),
    readTokenizer(task.tokenizerPath),
  ]);
  await prepareDataset(task.dataset, task.access);
  const dataset = openDataset(task.dataset, task.access);
  try {
    if (task.scoreAt !== null) await scoreOnly(task, task.scoreAt, { config, tokenizer, dataset }, send);
    else await train(task, config, tokenizer, dataset, send, signal);
  } finally {
    dataset.close();
  }
  send({ type: 'phase', phase: 'done' });
}

/** A checkpoint that was not trained here is only scored. */
async function scoreOnly(
  task: TrainerTask,
  step: number,
  parts: Omit<Scored, 'parameters'>,
  send: Send,
): Promise<void> {
  const parameters = toTensors(parts.config, await ofTheModel(() => loadWeights(task.startFolder, parts.config)));
  await evaluate(task, { ...parts, parameters }, step, send);
}

async function train(
  task: TrainerTask,
  config: ModelConfig,
  tokenizer: Tokenizer,
  dataset: Dataset,
  send: Send,
  signal: AbortSignal,
): Promise<void> {
  const { plan } = task;
  const start = await loadStart(task.startFolder, config, task.isOwnCheckpoint ? undefined : plan.from);
  const state = startOf(task, config, start);
  const prefetch = startPrefetch(batchTask(task), state.step, plan.to);
  const road: Road<PreparedBatch, TimedProof> = {
    replay: (step) => prefetch.take(step), // replayed and rewritten ahead, in a thread: batches.ts
    rewrite: (batch) => ({ batch, proof: batch.proof }),
    record: ({ proof, ...step }) => send({ type: 'step', record: { ...step, ...proof, ...memoryInUse() } }),
    evaluate: async (reached) => {
      const { parameters } = reached;
      await evaluate(task, { config, parameters, tokenizer, dataset }, reached.step, send);
      send({ type: 'phase', phase: 'training' });
    },
    save: async (reached) => {
      send({ type: 'checkpoint', checkpoint: await save(task, config, reached) });
    },
  };
  try {
    if (!task.isOwnCheckpoint && plan.evaluateAt.includes(state.step)) await road.evaluate(state);
    send({ type: 'phase', phase: 'training' });
    disposeState(await travel(state, loopPlan(task, config), road, signal));
  } finally {
    await prefetch.close();
  }
}

function memoryInUse() {
  return { rssBytes: process.memoryUsage.rss(), tensorBytes: liveTensorBytes() };
}

export type RowsOfArm = Pick<TrainerTask, 'arm' | 'dataset' | 'access' | 'plan' | 'tokenizerPath' | 'intervention'>;

/** What an arm's batches are made of. */
export function batchTask({ arm, dataset, access, plan, tokenizerPath, intervention }: RowsOfArm): BatchTask {
  const done = interventionOf(arm, intervention);
  const rewriting = done === null ? null : { tokenizerPath, intervention: done };
  return { dataset, access, rowsPerStep: plan.rowsPerStep, rewriting };
}

/** What an arm's batches undergo: the job's intervention, its placebo with the same draws, or nothing. */
function interventionOf(arm: Arm, intervention: Intervention): Intervention | null {
  if (arm === 'intervention') return intervention;
  if (arm !== 'placebo') return null;
  const { direction, probability, seed, per } = intervention;
  return { policy: 'placebo-v1', direction, probability, seed, ...(per !== undefined && { per }) };
}

/** The checkpoint in a folder, of the given step where one is given. Throws CheckpointError when it is not what it claims to be. */
export async function loadStart(folder: string, config: ModelConfig, step: number | undefined): Promise<StateArrays> {
  const start = await ofTheModel(() => loadCheckpoint(folder, config));
  if (step === undefined || start.step === step) return start;
  throw new CheckpointError(`${folder}: its state.json says step ${start.step}, expected step ${step}`);
}

/** A run's own checkpoint is resumed exactly, whatever the plan says; so is a burn-in's, whose moments count as the model's. */
export function startOf(
  { plan, isOwnCheckpoint }: Pick<TrainerTask, 'plan' | 'isOwnCheckpoint'>,
  config: ModelConfig,
  start: StateArrays,
): TrainState {
  const isWithoutMoments = !isOwnCheckpoint && plan.resume === 'weights-only';
  const state = toState(config, start, isWithoutMoments ? 'weights-only' : 'exact-state');
  const counted = !isOwnCheckpoint && plan.adamStep === 'zero-restart' ? withRestartedCount(state) : state;
  return withLossScale(counted, plan.lossScale, start);
}

/** Says of a fault of the model's files that it is one. */
export async function ofTheModel<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new CheckpointError(error.message, { cause: error });
  }
}

/** What the loop needs to know of a task. */
export function loopPlan({ plan }: Pick<TrainerTask, 'plan'>, config: ModelConfig): LoopPlan {
  return {
    config,
    switches: { gelu: plan.gelu, rope: plan.rope, recompute: plan.recompute ?? 'none', precision: plan.precision },
    adam: PYTHIA_ADAM,
    microBatchSize: plan.microBatchSize,
    badSteps: plan.badSteps,
    to: plan.to,
    schedule: plan.schedule,
    evaluateAt: new Set(plan.evaluateAt),
    saveAt: new Set(plan.saveAt),
  };
}

interface Scored {
  readonly config: ModelConfig;
  readonly parameters: Parameters;
  readonly tokenizer: Tokenizer;
  readonly dataset: Dataset;
}

async function evaluate(task: TrainerTask, scored: Scored, step: number, send: Send): Promise<void> {
  send({ type: 'phase', phase: 'evaluating' });
  const model: ScoringModel = {
    tokenLogProbs: (rows) => tokenLogProbs(scored, rows),
    encode: (text) => scored.tokenizer.encode(text),
    scoreEnds: (rows, numLast) => scoreEnds(scored, rows, numLast),
  };
  const generator = textGenerator(scored, scored.tokenizer);
  for (const scoring of task.scorings) {
    send({ type: 'evaluation', step, evaluation: await evaluateTask(scoring, model, generator) });
  }
  if (task.heldBack === null) return;
  const rows: number[][] = [];
  await scored.dataset.fetchSamples(task.heldBack.from, task.heldBack.to - task.heldBack.from);
  for (let sample = task.heldBack.from; sample < task.heldBack.to; sample++) {
    rows.push([...scored.dataset.readSample(sample)]);
  }
  send({ type: 'evaluation', step, evaluation: await scoreHeldBack(rows, model) });
}

async function save(task: TrainerTask, config: ModelConfig, state: TrainState) {
  const folder = join(task.checkpointFolder, `step-${state.step}`);
  const saved = await saveCheckpoint(folder, await fromState(state), config, task.configPath);
  return { step: state.step, ...saved };
}
