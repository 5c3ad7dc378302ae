// A model folder with random weights, as the first step of a training has them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { initialiseWeights, type InitialShape } from '../../src/suite/nano/initialise.ts';

/** Makes the folder. */
export function writeRandomModel(place: string, shape: InitialShape, numHeads: number, seed: number): void {
  mkdirSync(place);
  writeSafetensors(join(place, 'model.safetensors'), initialiseWeights(shape, seed));
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
