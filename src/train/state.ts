// What training carries from step to step, as a value: weights, Adam's moments and the counters.
import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../model/gpt-neox.ts';
import type { ModelConfig } from '../model/config.ts';
import { parameterShapes } from '../model/parameters.ts';

export interface TrainState {
  /** Optimizer updates finished. */
  readonly step: number;
  /** Updates that advanced the learning-rate schedule. */
  readonly lrCount: number;
  /** Updates behind Adam's moments: what its bias correction counts. */
  readonly adamCount: number;
  readonly parameters: Parameters;
  readonly expAvg: Parameters;
  readonly expAvgSq: Parameters;
}

/** Values by Hugging Face name, row-major, outside any back end. */
export type NamedArrays = ReadonlyMap<string, Float32Array>;

/** Tensors of the model's shapes from arrays; zeros where no array is given. The caller disposes them. */
export function toTensors(config: ModelConfig, arrays?: NamedArrays): Parameters {
  return Object.fromEntries(
    parameterShapes(config).map(({ name, shape }) => {
      const values = arrays?.get(name);
      if (arrays !== undefined && values === undefined) throw new Error(`bug: no values for ${name}`);
      return [name, values === undefined ? tf.zeros([...shape]) : tf.tensor(values, [...shape], 'float32')];
    }),
  );
}

/** Copies every tensor out of the back end, in the model's file order. */
export async function toArrays(tensors: Parameters): Promise<Map<string, Float32Array>> {
  const arrays = new Map<string, Float32Array>();
  for (const [name, tensor] of Object.entries(tensors)) arrays.set(name, (await tensor.data()) as Float32Array);
  return arrays;
}

/** Frees all tensors of a state. */
export function disposeState(state: TrainState): void {
  for (const group of [state.parameters, state.expAvg, state.expAvgSq]) tf.dispose(Object.values(group));
}
