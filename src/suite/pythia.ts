// The Pythia suite as data: learning rates by size, one schedule, 154 checkpoint steps (EleutherAI/pythia, models/*/*.yml).

/** Peak learning rates; the floor is a tenth. The 1b files say 2.5e-4, the suite's read-me 3.0e-4: the files are followed. */
const PEAK_LEARNING_RATES: Readonly<Record<string, number>> = {
  '14m': 1e-3,
  '31m': 1e-3,
  '70m': 1e-3,
  '160m': 6e-4,
  '410m': 3e-4,
  '1b': 2.5e-4,
  '1.4b': 2e-4,
  '2.8b': 1.6e-4,
  '6.9b': 1.2e-4,
  '12b': 1.2e-4,
};

export const pythiaTraining = {
  endStep: 143_000,
  warmupSteps: 1_430,
  batchSize: 1_024,
  seqLength: 2_048,
  checkpointSpacing: 1_000,
} as const;

/** Peak learning rate of a name such as pythia-70m-deduped; undefined when no size of the suite is in it. */
export function pythiaPeakLearningRate(modelName: string): number | undefined {
  const size = /(?:^|-)(\d+(?:\.\d+)?[mb])(?:-|$)/.exec(modelName)?.[1];
  return size === undefined ? undefined : PEAK_LEARNING_RATES[size];
}

/** The 154 steps with a published checkpoint: 0, the powers of two up to 512, and every thousandth step. */
export function pythiaCheckpointSteps(): number[] {
  const { endStep, checkpointSpacing } = pythiaTraining;
  const early = [0, ...Array.from({ length: 10 }, (_, power) => 2 ** power)];
  const late = Array.from({ length: endStep / checkpointSpacing }, (_, i) => (i + 1) * checkpointSpacing);
  return [...early, ...late];
}
