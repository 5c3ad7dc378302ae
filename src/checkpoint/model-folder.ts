// A model folder in Hugging Face's layout (config.json, model.safetensors) → a model ready to score.
import * as tf from '@tensorflow/tfjs-core';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, InputError } from '../errors.ts';
import { readModelConfig, type ModelConfig } from '../model/config.ts';
import type { Parameters } from '../model/gpt-neox.ts';
import { toTensors } from '../model/tensors.ts';
import { loadWeights } from './checkpoint.ts';

export interface Model {
  readonly config: ModelConfig;
  readonly parameters: Parameters;
  dispose(): void;
}

/**
 * Loads a model into the current back end; the caller disposes it. Throws InputError when the folder is not there, DataError
 * naming the file and tensor that is wrong.
 */
export async function loadModel(folder: string): Promise<Model> {
  const configPath = join(folder, 'config.json');
  if (!existsSync(folder)) throw new InputError(`${folder}: there is no such model folder`);
  if (!existsSync(configPath)) throw new DataError(`${folder}: has no config.json, so it is no model folder`);
  const config = readModelConfig(configPath);
  const parameters = toTensors(config, await loadWeights(folder, config));
  return { config, parameters, dispose: () => tf.dispose(Object.values(parameters)) };
}
