// Whether a config.json is that of a size of the suite.
import { DataError } from '../../errors.ts';
import { readModelConfig, type ModelConfig } from '../../model/config.ts';
import { paddedVocabulary, type PythiaSize } from './sizes.ts';

/** Reads a config.json; throws DataError with the first field that is not as the suite's size has it. */
export function checkConfig(path: string, size: PythiaSize): ModelConfig {
  const config = readModelConfig(path);
  const expected: Partial<ModelConfig> = {
    ...{ numLayers: size.numLayers, hiddenSize: size.hiddenSize, numHeads: size.numHeads },
    ...{ intermediateSize: 4 * size.hiddenSize, vocabSize: paddedVocabulary(size) },
    ...{ rotaryFraction: 0.25, rotaryBase: 10_000, layerNormEpsilon: 1e-5 },
  };
  for (const [field, value] of Object.entries(expected)) {
    const found = config[field as keyof ModelConfig]; // a key of `expected`
    if (found !== value) {
      throw new DataError(`${path}: expected ${field} ${value} as pythia-${size.name} has it, found ${found}`);
    }
  }
  return config;
}
