// One optimizer update: the batch in micro-batches, gradients summed, clipped at a global norm, AdamW. Formulas of GPT-NeoX
// and DeepSpeed: mean loss over all labels, clip factor 1/max(norm + 1e-6, 1), no decay on biases and layer norms.
import * as tf from '@tensorflow/tfjs-core';
import { DataError, NumericalError } from '../errors.ts';
import type { ModelConfig } from '../model/config.ts';
import { meanLoss, type ForwardSwitches, type Parameters } from '../model/gpt-neox.ts';
import { isDecayed } from '../model/parameters.ts';
import { adamWUpdate } from '../tensor/adamw.ts';
import { addScaled } from '../tensor/add-scaled.ts';
import { describeFaultyRows, type TrainingRows } from './rows.ts';
import { squareSum } from '../tensor/square-sum.ts';
import { afterStep, overflows } from './loss-scale.ts';
import type { TrainState } from './state.ts';

export interface AdamSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly clipNorm: number;
}

/** What Pythia trained with. */
export const PYTHIA_ADAM: AdamSettings = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 };

export interface StepSettings {
  readonly config: ModelConfig;
  readonly switches: ForwardSwitches;
  readonly adam: AdamSettings;
  readonly microBatchSize: number;
  /** What becomes of a step whose loss or gradient is not finite; it stops the run when left out. */
  readonly badSteps?: 'stop' | 'skip';
}

export interface StepResult {
  readonly state: TrainState;
  /** Null where it was not finite. */
  readonly lossNats: number | null;
  /** Global L2 norm before clipping; null where it was not finite. */
  readonly gradientNorm: number | null;
  /** Why the update was left out, null where it was made: then only the step, and the loss scaler, have changed. */
  readonly skipped: string | null;
}

/**
 * Applies one update at the given learning rate; the old state is disposed or, where the update is skipped, taken over. Throws NumericalError on NaN or infinity, DataError for
 * an id outside the vocabulary; the state is then as it was.
 */
export async function trainStep(
  state: TrainState,
  rows: TrainingRows,
  learningRate: number,
  settings: StepSettings,
): Promise<StepResult> {
  const checked = await checkedGradients(state.parameters, state.step, rows, settings).catch((error: unknown) => {
    if (settings.badSteps === 'skip' && error instanceof NumericalError) return error;
    throw error;
  });
  const passed = { ...state, step: state.step + 1 };
  if (checked instanceof NumericalError)
    return { state: passed, lossNats: null, gradientNorm: null, skipped: checked.message };
  const { lossNats, gradientNorm, gradients } = checked;
  try {
    const { scaler } = state;
    const hasOverflow = scaler !== undefined && (await overflows(gradients, scaler.scale));
    const scaling = scaler === undefined ? {} : { scaler: afterStep(scaler, hasOverflow) };
    if (hasOverflow) return { state: { ...passed, ...scaling }, lossNats, gradientNorm, skipped: OVERFLOW };
    const next = update(state, gradients, gradientNorm, learningRate, settings.adam);
    return { state: { ...next, ...scaling }, lossNats, gradientNorm, skipped: null };
  } finally {
    tf.dispose(Object.values(gradients));
  }
}

const OVERFLOW = 'the emulated loss scale overflowed';

export interface CheckedGradients {
  readonly lossNats: number;
  /** Before clipping; the caller disposes them. */
  readonly gradients: Parameters;
  /** Global L2 norm of the gradients. */
  readonly gradientNorm: number;
}

/** Loss and gradients of the batch of a step, all finite. Throws NumericalError or DataError as trainStep does. */
export async function checkedGradients(
  parameters: Parameters,
  step: number,
  rows: TrainingRows,
  settings: StepSettings,
): Promise<CheckedGradients> {
  checkIds(step, rows, settings.config.vocabSize);
  const { lossNats, gradients } = await batchGradients(parameters, rows, settings);
  const gradientNorm = await globalNorm(gradients);
  if (Number.isFinite(lossNats) && Number.isFinite(gradientNorm)) return { lossNats, gradients, gradientNorm };
  const names = await notFinite(gradients);
  tf.dispose(Object.values(gradients));
  const which = await describeFaultyRows(rows, (row) => isFiniteAlone(parameters, row, settings));
  throw new NumericalError(
    `step ${step}: loss ${lossNats}, gradient norm ${gradientNorm}; not finite in: ${names.join(', ') || 'the loss'}; ${which}`,
  );
}

async function isFiniteAlone(parameters: Parameters, row: TrainingRows, settings: StepSettings): Promise<boolean> {
  const { lossNats, gradients } = await batchGradients(parameters, row, settings);
  const norm = await globalNorm(gradients);
  tf.dispose(Object.values(gradients));
  return Number.isFinite(lossNats) && Number.isFinite(norm);
}

/** What the gradients are multiplied by, so that their norm is at most the limit (DeepSpeed adds 1e-6 to the norm). */
export function clipScale(gradientNorm: number, clipNorm: number): number {
  return Math.min(1, clipNorm / (gradientNorm + 1e-6));
}

/** Looked up, a foreign id is an error, zeros or other memory, depending on the back end. */
function checkIds(step: number, { tokens, rowLength }: TrainingRows, vocabSize: number): void {
  const place = tokens.findIndex((id) => id < 0 || id >= vocabSize);
  if (place < 0) return;
  throw new DataError(
    `step ${step}, row ${Math.floor(place / rowLength)}, token ${place % rowLength}: id ${tokens[place]} is outside the ` +
      `model's vocabulary of ${vocabSize}; take the dataset that was tokenised for this model`,
  );
}

/** Mean loss in nats and its gradients over all rows; the caller disposes the gradients. */
export async function batchGradients(
  parameters: Parameters,
  rows: TrainingRows,
  settings: StepSettings,
): Promise<{ lossNats: number; gradients: Parameters }> {
  const names = Object.keys(parameters);
  const inputs = names.map((name) => parameters[name]!);
  let lossNats = 0;
  let sums: tf.Tensor[] | undefined;
  for (let begin = 0; begin < rows.numRows; begin += settings.microBatchSize) {
    const size = Math.min(settings.microBatchSize, rows.numRows - begin);
    const { grid, labels } = microBatch(rows, begin, size);
    const share = size / rows.numRows;
    const { value, grads } = tf.valueAndGrads((...tensors: tf.Tensor[]) => {
      const named = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
      return meanLoss(named, settings.config, grid, labels, settings.switches);
    })(inputs);
    lossNats += (await value.data())[0]! * share;
    value.dispose();
    sums = accumulate(sums, grads, share);
  }
  if (sums === undefined) throw new Error('bug: a batch without rows');
  const gradients = Object.fromEntries(names.map((name, i) => [name, sums[i]!]));
  return { lossNats, gradients };
}

function microBatch(rows: TrainingRows, begin: number, size: number) {
  const length = rows.rowLength - 1;
  const ids = new Int32Array(size * length);
  const labels = new Int32Array(size * length);
  for (let row = 0; row < size; row++) {
    const start = (begin + row) * rows.rowLength;
    ids.set(rows.tokens.subarray(start, start + length), row * length);
    labels.set(rows.tokens.subarray(start + 1, start + 1 + length), row * length);
  }
  return { grid: { ids, batch: size, length }, labels };
}

function accumulate(sums: tf.Tensor[] | undefined, gradients: tf.Tensor[], share: number): tf.Tensor[] {
  if (sums === undefined && share === 1) return gradients;
  return gradients.map((gradient, i) => addScaled(sums?.[i], gradient, share));
}

async function globalNorm(gradients: Parameters): Promise<number> {
  return Math.sqrt(await squareSum(Object.values(gradients)));
}

async function notFinite(gradients: Parameters): Promise<string[]> {
  const names: string[] = [];
  for (const [name, gradient] of Object.entries(gradients)) {
    if ((await gradient.data()).some((value) => !Number.isFinite(value))) names.push(name);
  }
  return names;
}

/** The next state; the old one is taken over and the gradients are disposed, tensor by tensor, so that never two whole states live. */
function update(
  state: TrainState,
  gradients: Parameters,
  gradientNorm: number,
  learningRate: number,
  adam: AdamSettings,
): TrainState {
  const count = state.adamCount === null ? null : state.adamCount + 1;
  const parameters: Record<string, tf.Tensor> = {};
  const expAvg: Record<string, tf.Tensor> = {};
  const expAvgSq: Record<string, tf.Tensor> = {};
  for (const [name, gradient] of Object.entries(gradients)) {
    const old = { weight: state.parameters[name]!, expAvg: state.expAvg[name]!, expAvgSq: state.expAvgSq[name]! };
    const next = adamWUpdate(old, gradient, {
      ...adam,
      learningRate,
      weightDecay: isDecayed(name) ? adam.weightDecay : 0,
      gradientScale: clipScale(gradientNorm, adam.clipNorm),
      correction1: count === null ? 1 : 1 - adam.beta1 ** count,
      correction2: count === null ? 1 : 1 - adam.beta2 ** count,
    });
    parameters[name] = next.weight;
    expAvg[name] = next.expAvg;
    expAvgSq[name] = next.expAvgSq;
    gradient.dispose();
  }
  return { step: state.step + 1, lrCount: state.lrCount + 1, adamCount: count, parameters, expAvg, expAvgSq };
}
