// The ten sizes of the suite with their published parameter counts.
import type { ModelConfig } from '../../src/model/config.ts';

interface PythiaSize {
  readonly name: string;
  readonly numLayers: number;
  readonly hiddenSize: number;
  readonly numHeads: number;
  readonly vocabSize: number;
  readonly numParameters: number;
  readonly numWithoutEmbeddings: number;
}

export const PYTHIA_SIZES: readonly PythiaSize[] = [
  size('14m', 6, 128, 4, 50304, 14_067_712, 1_189_888),
  size('31m', 6, 256, 8, 50304, 30_494_720, 4_739_072),
  size('70m', 6, 512, 8, 50304, 70_426_624, 18_915_328),
  size('160m', 12, 768, 12, 50304, 162_322_944, 85_056_000),
  size('410m', 24, 1024, 16, 50304, 405_334_016, 302_311_424),
  size('1b', 16, 2048, 8, 50304, 1_011_781_632, 805_736_448),
  size('1.4b', 24, 2048, 16, 50304, 1_414_647_808, 1_208_602_624),
  size('2.8b', 32, 2560, 32, 50304, 2_775_208_960, 2_517_652_480),
  size('6.9b', 32, 4096, 32, 50432, 6_857_302_016, 6_444_163_072),
  size('12b', 36, 5120, 40, 50688, 11_846_072_320, 11_327_027_200),
];

function size(
  name: string,
  numLayers: number,
  hiddenSize: number,
  numHeads: number,
  vocabSize: number,
  numParameters: number,
  numWithoutEmbeddings: number,
): PythiaSize {
  return { name, numLayers, hiddenSize, numHeads, vocabSize, numParameters, numWithoutEmbeddings };
}

/** The configuration of a size, as its config.json would give it. */
export function pythiaConfig(name: string): ModelConfig {
  const found = PYTHIA_SIZES.find((one) => one.name === name)!;
  return {
    numLayers: found.numLayers,
    hiddenSize: found.hiddenSize,
    numHeads: found.numHeads,
    vocabSize: found.vocabSize,
    intermediateSize: 4 * found.hiddenSize,
    maxPositions: 2048,
    rotaryFraction: 0.25,
    rotaryBase: 10000,
    layerNormEpsilon: 1e-5,
  };
}
