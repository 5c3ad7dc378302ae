// Parameters as arrays ↔ parameters as tensors of the current back end.
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig } from './config.ts';
import type { Parameters } from './gpt-neox.ts';
import { parameterShapes } from './parameters.ts';

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
