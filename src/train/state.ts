// What training carries from step to step, as a value: weights, Adam's moments and the counters.
import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../model/gpt-neox.ts';
import type { ModelConfig } from '../model/config.ts';
import { FRESH_SCALER, type LossScaler } from './loss-scale.ts';
import { toArrays, toTensors, type NamedArrays } from '../model/tensors.ts';

export interface TrainState {
  /** Optimizer updates finished. */
  readonly step: number;
  /** Updates that advanced the learning-rate schedule. */
  readonly lrCount: number;
  /** Updates behind Adam's moments: what its bias correction counts. Null: the moments are unbiased as they are, nothing is corrected. */
  readonly adamCount: number | null;
  /** The emulated loss scale; absent where none is emulated. */
  readonly scaler?: LossScaler;
  readonly parameters: Parameters;
  readonly expAvg: Parameters;
  readonly expAvgSq: Parameters;
}

/** A state outside any back end: what checkpoint files hold. Without moments, Adam starts from zero. */
export interface StateArrays {
  readonly step: number;
  readonly lrCount: number;
  readonly adamCount: number | null;
  readonly scaler?: LossScaler;
  readonly parameters: NamedArrays;
  readonly moments?: { readonly expAvg: NamedArrays; readonly expAvgSq: NamedArrays };
}

/** A state with its moments. */
export type WholeArrays = StateArrays & Required<Pick<StateArrays, 'moments'>>;

/** Tensors of a state in the current back end, without a loss scale; with `weights-only` the moments and their count start from zero. */
export function toState(config: ModelConfig, arrays: StateArrays, resume: 'exact-state' | 'weights-only'): TrainState {
  const { step, lrCount, parameters } = arrays;
  const moments = resume === 'exact-state' ? arrays.moments : undefined;
  if (resume === 'exact-state' && moments === undefined) throw new Error('bug: exact-state without moments');
  return {
    ...{ step, lrCount },
    adamCount: resume === 'exact-state' ? arrays.adamCount : 0,
    parameters: toTensors(config, parameters),
    expAvg: toTensors(config, moments?.expAvg),
    expAvgSq: toTensors(config, moments?.expAvgSq),
  };
}

/**
 * The count that DeepSpeed's ZeRO stage 1 has after a resume: it is not saved, and setting up counts one update with gradients of
 * zero. The first real update then corrects mature moments as if they were two updates old: 1.64 times the clean size.
 */
const ZERO_RESTART_COUNT = 1;

/** The state as a resume of ZeRO stage 1 leaves it: Adam's count restarted, all else the same. */
export function withRestartedCount(state: TrainState): TrainState {
  return { ...state, adamCount: ZERO_RESTART_COUNT };
}

/** The state with the loss scale that its checkpoint had, or the first one, where one is emulated. */
export function withLossScale(
  state: TrainState,
  lossScale: 'none' | 'emulated',
  { scaler = FRESH_SCALER }: Pick<StateArrays, 'scaler'>,
): TrainState {
  return lossScale === 'emulated' ? { ...state, scaler } : state;
}

/** Copies a whole state out of the back end. */
export async function fromState(state: TrainState): Promise<WholeArrays> {
  const { step, lrCount, adamCount, scaler } = state;
  const moments = { expAvg: await toArrays(state.expAvg), expAvgSq: await toArrays(state.expAvgSq) };
  const counters = { step, lrCount, adamCount, ...(scaler && { scaler }) };
  return { ...counters, parameters: await toArrays(state.parameters), moments };
}

/** Frees all tensors of a state. */
export function disposeState(state: TrainState): void {
  for (const group of [state.parameters, state.expAvg, state.expAvgSq]) tf.dispose(Object.values(group));
}
