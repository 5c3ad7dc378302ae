// What can be named in a job here, and whether a job is possible: models, datasets, benchmarks and policies behind one value that
// the server hands to the API. Reads files, touches no tensors.
import { policies } from '../augmentation/policies.ts';
import type { Catalog } from './api/catalog.ts';
import type { Fault } from './api/problem.ts';
import { benchmarkNames, findBenchmark } from './eval/benchmarks.ts';
import { DataError, InputError, messageOf, NotFoundError } from './errors.ts';
import type { JobSpec } from './job-spec.ts';
import { readModelConfig } from './model/config.ts';
import { countParameters } from './model/parameters.ts';
import { findDataset, listDatasets } from './suite/datasets.ts';
import { findModel, hasMoments, listModels, type SuiteModel } from './suite/models.ts';
import { resolvePlan, type DatasetFacts, type ModelFacts } from './train/plan.ts';

/** The catalog of a home folder; every call reads the folder anew, so that what is registered meanwhile is there. */
export function openCatalog(home: string) {
  return {
    models: () => listModels(home).map(describeModel),
    datasets: () => listDatasets(home).map((dataset) => ({ ...dataset })),
    benchmarks: () => benchmarkNames(home).map((name) => describeBenchmark(home, name)),
    policies: () => policies.map((policy) => ({ ...policy })),
    checkSpec: (spec: JobSpec) => checkSpec(home, spec),
  } satisfies Catalog;
}

/** The facts of a model that planning needs. Throws NotFoundError or DataError. */
export function modelFacts(home: string, name: string): ModelFacts {
  const model = findModel(home, name);
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
    benchmarks: model.benchmarks,
  };
}

/** The facts of a dataset that planning needs. Throws NotFoundError or DataError. */
export function datasetFacts(home: string, name: string): DatasetFacts {
  return findDataset(home, name);
}

function checkSpec(home: string, spec: JobSpec): Fault[] {
  const faults: Fault[] = [];
  const attempt = <T>(pointer: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (![InputError, NotFoundError, DataError].some((kind) => error instanceof kind)) throw error;
      const own = error instanceof InputError ? error.pointer : undefined;
      faults.push({ pointer: own ?? pointer, detail: messageOf(error) });
      return undefined;
    }
  };
  const model = attempt('/model', () => modelFacts(home, spec.model));
  const dataset = attempt('/dataset', () => datasetFacts(home, spec.dataset));
  const plan = model && dataset && attempt('', () => resolvePlan(spec, model, dataset));
  const { benchmarks } = spec.evaluation;
  const names = benchmarks === 'auto' ? (plan?.benchmarks ?? []) : benchmarks;
  names.forEach((name, i) => {
    const pointer = benchmarks === 'auto' ? '/evaluation/benchmarks' : `/evaluation/benchmarks/${i}`;
    attempt(pointer, () => findBenchmark(name, home));
  });
  return faults;
}

function describeModel(model: SuiteModel) {
  const config = readModelConfig(model.configPath);
  return {
    name: model.name,
    suite: model.suite,
    numParameters: countParameters(config),
    numLayers: config.numLayers,
    hiddenSize: config.hiddenSize,
    endStep: model.endStep,
    dataset: model.dataset,
    checkpoints: [...model.checkpoints.keys()].map((step) => ({
      checkpoint: `step${step}`,
      hasOptimizerState: hasMoments(model, step),
    })),
    benchmarks: model.benchmarks,
  };
}

function describeBenchmark(home: string, name: string) {
  try {
    const { kind, sha256, isOfficial } = findBenchmark(name, home);
    return { name, isThere: true, kind, sha256, isOfficial };
  } catch (error) {
    return { name, isThere: false, detail: messageOf(error) };
  }
}
