// A small model with large random weights, so that the most likely token changes with what was read, early tokens and late ones.
import type { ModelConfig } from '../../src/model/config.ts';
import { randomBits } from '../../src/eval/resampling.ts';
import type { GeneratingModel } from '../../src/model/generate.ts';
import { parameterShapes } from '../../src/model/parameters.ts';
import { toTensors } from '../../src/model/tensors.ts';

/** The caller disposes its parameters. */
export function randomModel(
  seed: number,
  numHeads: number,
  { vocabSize, maxPositions }: Pick<ModelConfig, 'vocabSize' | 'maxPositions'>,
): GeneratingModel {
  const config: ModelConfig = {
    numLayers: 2,
    hiddenSize: 16 * numHeads,
    numHeads,
    intermediateSize: 48,
    vocabSize,
    maxPositions,
    rotaryFraction: 0.25,
    rotaryBase: 10000,
    layerNormEpsilon: 1e-5,
  };
  const next = randomBits(seed);
  const arrays = parameterShapes(config).map(({ name, shape }) => {
    const size = shape.reduce((a, b) => a * b, 1);
    if (shape.length === 1) return [name, new Float32Array(size).fill(name.endsWith('.bias') ? 0 : 1)] as const;
    return [name, Float32Array.from({ length: size }, () => next() / 2 ** 31 - 1)] as const;
  });
  return { parameters: toTensors(config, new Map(arrays)), config };
}
