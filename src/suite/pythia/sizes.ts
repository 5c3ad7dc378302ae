// The ten sizes of the Pythia suite (EleutherAI/pythia, models/*/*.yml and its read-me; arXiv 2304.01373, table 1). All: FFN of 4·C, untied
// embeddings, rotary over a quarter of a head, sequences of 2,048 tokens, 1,024 of them a step.

export interface PythiaSize {
  readonly name: string;
  readonly numLayers: number;
  readonly hiddenSize: number;
  readonly numHeads: number;
  readonly peakLearningRate: number;
  /** As the files have it, not a tenth computed: that would end in another bit. */
  readonly floorLearningRate: number;
  /** GPUs of the training, each running micro-batches of `microBatchSize` rows `accumulationSteps` times a step. */
  readonly numGpus: number;
  readonly microBatchSize: number;
  readonly accumulationSteps: number;
  /** Ranks that share one copy of the model; it decides how far the vocabulary is padded. */
  readonly tensorParallel: number;
}

/** Tokens of the GPT-NeoX-20B tokenizer. */
export const NUM_TOKENS = 50_277;

/** NeoX pads the vocabulary to a multiple of this times the tensor-parallel degree. */
const VOCABULARY_MULTIPLE = 128;

// L, C, H, peak and least learning rate, GPUs, micro-batch, accumulation, tensor parallel. The 1b files say 2.5e-4, the read-me 3.0e-4.
export const PYTHIA_SIZES: readonly PythiaSize[] = [
  size('14m', 6, 128, 4, 1e-3, 1e-4, 32, 32, 1, 1),
  size('31m', 6, 256, 8, 1e-3, 1e-4, 32, 32, 1, 1),
  size('70m', 6, 512, 8, 1e-3, 1e-4, 32, 32, 1, 1),
  size('160m', 12, 768, 12, 6e-4, 6e-5, 32, 32, 1, 1),
  size('410m', 24, 1024, 16, 3e-4, 3e-5, 32, 32, 1, 1),
  size('1b', 16, 2048, 8, 2.5e-4, 2.5e-5, 64, 16, 1, 1),
  size('1.4b', 24, 2048, 16, 2e-4, 2e-5, 64, 16, 1, 1),
  size('2.8b', 32, 2560, 32, 1.6e-4, 1.6e-5, 64, 16, 1, 1),
  size('6.9b', 32, 4096, 32, 1.2e-4, 1.2e-5, 128, 8, 2, 2),
  size('12b', 36, 5120, 40, 1.2e-4, 1.2e-5, 256, 8, 2, 4),
];

/** The size of a name such as pythia-70m-deduped; undefined when no size of the suite is in it. */
export function pythiaSizeOf(modelName: string): PythiaSize | undefined {
  const name = /(?:^|-)(\d+(?:\.\d+)?[mb])(?:-|$)/.exec(modelName)?.[1];
  return PYTHIA_SIZES.find((one) => one.name === name);
}

/** V: rows of both embeddings, padding included. */
export function paddedVocabulary({ tensorParallel }: Pick<PythiaSize, 'tensorParallel'>): number {
  const multiple = VOCABULARY_MULTIPLE * tensorParallel;
  return Math.ceil(NUM_TOKENS / multiple) * multiple;
}

/** Size of one head, and how many of its dimensions are rotated. */
export function headShape({ hiddenSize, numHeads }: PythiaSize): { headSize: number; rotaryDims: number } {
  const headSize = hiddenSize / numHeads;
  return { headSize, rotaryDims: Math.floor(0.25 * headSize) };
}

/** Number of values of all parameters, and without both embeddings. */
export function countValues(one: PythiaSize): { numParameters: number; numWithoutEmbeddings: number } {
  const { numLayers: L, hiddenSize: C } = one;
  const numWithoutEmbeddings = L * (12 * C * C + 13 * C) + 2 * C;
  return { numParameters: 2 * paddedVocabulary(one) * C + numWithoutEmbeddings, numWithoutEmbeddings };
}

function size(
  name: string,
  numLayers: number,
  hiddenSize: number,
  numHeads: number,
  peakLearningRate: number,
  floorLearningRate: number,
  ...[numGpus, microBatchSize, accumulationSteps, tensorParallel]: [number, number, number, number]
): PythiaSize {
  const shape = { name, numLayers, hiddenSize, numHeads, peakLearningRate, floorLearningRate };
  return { ...shape, numGpus, microBatchSize, accumulationSteps, tensorParallel };
}
