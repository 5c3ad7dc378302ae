// A model folder with random weights, as the first step of a training has them or larger.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { initialiseWeights, type InitialShape, type InitialTensor } from '../../src/suite/nano/initialise.ts';

/** The first weights of a training, matrices `scale` times as large: five times, and a model does not say one thing for ever. */
export function randomWeights(shape: InitialShape, seed: number, scale = 1): Map<string, InitialTensor> {
  const weights = initialiseWeights(shape, seed);
  for (const tensor of weights.values()) {
    if (tensor.shape.length > 1) tensor.data.forEach((value, i) => (tensor.data[i] = scale * value));
  }
  return weights;
}

/** Makes the folder. */
export function writeRandomModel(place: string, shape: InitialShape, numHeads: number, seed: number, scale = 1): void {
  mkdirSync(place);
  writeSafetensors(join(place, 'model.safetensors'), randomWeights(shape, seed, scale));
  const config = {
    model_type: 'gpt_neox',
    num_hidden_layers: shape.numLayers,
    hidden_size: shape.hiddenSize,
    num_attention_heads: numHeads,
    intermediate_size: 4 * shape.hiddenSize,
    vocab_size: shape.vocabSize,
  };
  writeFileSync(join(place, 'config.json'), JSON.stringify(config));
}
