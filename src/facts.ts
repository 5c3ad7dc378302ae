// What planning needs to know of a model and a dataset, by their names in a home folder. Reads files, touches no tensors.
import { readModelConfig } from './model/config.ts';
import { countParameters } from './model/parameters.ts';
import type { StartOfFork } from './store/jobs.ts';
import { findDataset, type SuiteDataset } from './suite/datasets.ts';
import { findModel, hasMoments, type SuiteModel } from './suite/models.ts';
import { findPythia } from './suite/pythia/models.ts';
import type { DatasetFacts, ModelFacts } from './train/plan.ts';

/** Held-back samples scored at most: enough for a perplexity with a narrow interval, cheap beside a step. */
const MOST_HELD_BACK = 64;

/** The facts of a model that planning needs. Throws NotFoundError or DataError. */
export function modelFacts(home: string, name: string, start: Start | null = null): ModelFacts {
  const model = withStart(findModel(home, name), start);
  const config = readModelConfig(model.configPath);
  return {
    name,
    ...config,
    numParameters: countParameters(config),
    schedule: model.schedule,
    endStep: model.endStep,
    checkpointSpacing: model.checkpointSpacing,
    publishedSteps: model.publishedSteps,
    availableSteps: [...model.checkpoints.keys()],
    hasMoments: (step) => hasMoments(model, step),
    pullCommand: (step) => pullCommand(name, step),
    benchmarks: model.benchmarks,
  };
}

/** The checkpoint that a fork starts from. */
export type Start = Pick<StartOfFork, 'step' | 'path'>;

/** The model with a fork's start in the place of the suite's checkpoint at that step. */
export function withStart(model: SuiteModel, start: Start | null): SuiteModel {
  if (start === null) return model;
  const checkpoints = new Map([...model.checkpoints, [start.step, start.path]]);
  return { ...model, checkpoints: new Map([...checkpoints].sort(([a], [b]) => a - b)) };
}

/** How to get a checkpoint that the hub has; undefined for one that it has not. */
export function pullCommand(name: string, step: number): string | undefined {
  const isPublished = findPythia(name)?.publishedSteps.includes(step) ?? false;
  return isPublished ? `tiresias models pull ${name} --checkpoint step${step}` : undefined;
}

/** The facts of a dataset that planning needs. Throws NotFoundError or DataError. */
export function datasetFacts(home: string, name: string): DatasetFacts {
  return findDataset(home, name);
}

/** The samples after those that the model was trained on, of which the perplexity is scored; null where there are none. */
export function heldBackOf(
  { trainSteps, batchSize, numSamples }: SuiteDataset,
  { endStep }: Pick<SuiteModel, 'endStep'>,
): { readonly from: number; readonly to: number } | null {
  const from = (trainSteps ?? endStep) * batchSize;
  const to = Math.min(numSamples, from + MOST_HELD_BACK);
  return from < to ? { from, to } : null;
}
