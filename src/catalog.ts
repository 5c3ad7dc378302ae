// What can be named in a job here, and whether a job is possible: models, datasets, benchmarks and policies behind one value that
// the server hands to the API. Reads files, touches no tensors.
import { policies } from '../augmentation/policies.ts';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isRemote } from './api/catalog.ts';
import type { BackendName, Catalog, NewDataset, NewModel, PreviewWish } from './api/catalog.ts';
import type { PreviewTask } from './api/preview-batch.ts';
import type { Fault } from './api/problem.ts';
import { sourceOf } from './eval/benchmark-sources.ts';
import { benchmarkNames, findBenchmark } from './eval/benchmarks.ts';
import { prepareDataset, type DatasetDescription } from './data/replay.ts';
import { readTokenizer } from './data/tokenizer.ts';
import { DataError, InputError, messageOf, NotFoundError } from './errors.ts';
import { PROTOCOLS_OF } from './eval/evaluation.ts';
import { itemTexts } from './eval/item-texts.ts';
import { checkTask } from './eval/scoring-task.ts';
import { estimateJob } from './estimate.ts';
import { datasetFacts, modelFacts, type Start } from './facts.ts';
import { scoringOf, type JobSpec, type Scoring } from './job-spec.ts';
import { likelyKeys } from './likely-keys.ts';
import { modelTraining } from './model-training.ts';
import { readModelConfig } from './model/config.ts';
import { countParameters } from './model/parameters.ts';
import type { PlannedWork } from './shared-keys.ts';
import type { EarlierJob } from './store/shared-standing.ts';
import { checkBelow } from './suite/roots.ts';
import { datasetCacheFolder, findDataset, listDatasets, registerDataset } from './suite/datasets.ts';
import { dataHeaders, dataPrefix, type HubLogin } from './suite/hub/remote-data.ts';
import { checkOwnName, findModel, hasMoments, listModels, registerModel, type SuiteModel } from './suite/models.ts';
import { findPythia, PYTHIA_MODELS, type PythiaModel } from './suite/pythia/models.ts';
import { countValues } from './suite/pythia/sizes.ts';
import { roomOf } from './train/micro-batch.ts';
import { resolvePlan, resolveWindow } from './train/plan.ts';

/** The catalog of a home folder, and of a hub where there is one. Files that are named must lie below one of `roots`, anywhere where there are none: so the command line has it. Every call reads the folder anew, so that what is registered meanwhile is there. */
export function openCatalog(home: string, hub?: HubLogin, roots?: readonly string[]) {
  return {
    models: () => describeModels(home),
    modelTraining: (name: string) => modelTraining(home, name),
    datasets: () => listDatasets(home).map((dataset) => ({ ...dataset })),
    benchmarks: () => benchmarkNames(home).map((name) => describeBenchmark(home, name)),
    policies: () => policies.map((policy) => ({ ...policy })),
    addModel: (model: NewModel) => {
      if (roots !== undefined) {
        checkBelow(roots, model.folder, '/folder');
        if (model.tokenizer !== undefined) checkBelow(roots, model.tokenizer, '/tokenizer');
      }
      return addModel(home, model);
    },
    addDataset: async (dataset: NewDataset, report?: (words: string) => void) => {
      if (roots !== undefined && !isRemote(dataset.prefix)) checkBelow(roots, dataset.prefix, '/prefix');
      return addDataset(home, hub, dataset, report);
    },
    checkOutside: (jobId: string, path: string) => checkBelow([join(home, 'jobs', jobId, 'outside')], path, '/path'),
    estimate: (spec: JobSpec, backend: BackendName) => ({
      family: findModel(home, spec.model).family,
      ...estimateJob(home, spec, backend),
    }),
    likelyKeys: (spec: JobSpec, planned: PlannedWork, earlier: readonly EarlierJob[]) =>
      likelyKeys(home, spec, planned, earlier),
    hasCheckpoint: (folder: string) => existsSync(join(folder, 'manifest.json')),
    preview: (spec: JobSpec, wish: PreviewWish) => previewTask(home, hub, spec, wish),
    checkSpec: (spec: JobSpec, start?: Start) => checkSpec(home, spec, start ?? null),
    itemTexts: (scoring: Scoring, sha256: string) => findItemTexts(home, scoring, sha256),
  } satisfies Catalog;
}

/** The texts of what was scored, if the files here are still those. */
function findItemTexts(home: string, { benchmark: name, ...how }: Scoring, sha256: string) {
  const benchmark = findBenchmark(name, home);
  if (benchmark.sha256 !== sha256)
    throw new DataError(
      `${benchmark.path}: these files are others (SHA-256 ${benchmark.sha256}) than were scored (${sha256})`,
    );
  return itemTexts({ benchmark, ...how });
}

function addModel(home: string, { name, checkpoint, folder, tokenizer, ...more }: NewModel) {
  // What cannot be read must not get into the list; what is missing, registerModel names.
  for (const [path, read] of [
    [join(folder, 'config.json'), readModelConfig],
    [tokenizer ?? join(folder, 'tokenizer.json'), readTokenizer],
  ] as const) {
    if (path === tokenizer || existsSync(path)) read(path);
  }
  const step = Number(checkpoint.slice('step'.length));
  registerModel(home, { name, step, folder, tokenizerPath: tokenizer, ...more });
  return describeModel(home, findModel(home, name));
}

async function addDataset(
  home: string,
  hub: HubLogin | undefined,
  { name, ...given }: NewDataset,
  report?: (words: string) => void,
) {
  checkOwnName(name, 'dataset'); // before anything of that name is fetched
  const { shards, trainSteps, seed, ...rest } = given;
  const description: DatasetDescription = {
    ...{ ...rest, prefix: dataPrefix(rest.prefix, hub) },
    ...(shards !== undefined && { shards }),
    ...(trainSteps !== undefined && { trainSteps }),
    ...(seed !== undefined && { seed }),
  };
  const headers = dataHeaders(description.prefix, hub);
  const access = { cacheFolder: datasetCacheFolder(home, name), ...headers, ...(report && { report }) };
  await prepareDataset(description, access);
  return { ...registerDataset(home, name, description, access) };
}

/** The batch of the step that is wished for, or of the window's first, rewritten as an arm of the job has it. */
function previewTask(
  home: string,
  hub: HubLogin | undefined,
  spec: JobSpec,
  { step, arm, maxRows }: PreviewWish,
): PreviewTask {
  const { tokenizerPath } = findModel(home, spec.model);
  const { policy, ...draws } = spec.intervention;
  const first = () => resolveWindow(spec, modelFacts(home, spec.model)).from;
  return {
    ...{ home, hub, dataset: findDataset(home, spec.dataset).name, tokenizerPath, maxRows },
    ...{ step: step ?? first(), rowsPerStep: spec.training.rowsPerStep },
    // The placebo changes words without gender, with the same draws.
    intervention: arm === 'placebo' ? { ...draws, policy: 'placebo-v1', wordPairs: [] } : { ...draws, policy },
  };
}

function checkSpec(home: string, spec: JobSpec, start: Start | null): Fault[] {
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
  const model = attempt('/model', () => modelFacts(home, spec.model, start));
  const dataset = attempt('/dataset', () => datasetFacts(home, spec.dataset));
  const plan = model && dataset && attempt('', () => resolvePlan(spec, model, dataset, roomOf(spec.backend)));
  const { benchmarks } = spec.evaluation;
  const scorings = benchmarks === 'auto' ? (plan?.benchmarks ?? []) : benchmarks.map(scoringOf);
  scorings.forEach(({ benchmark, ...how }, i) => {
    const pointer = benchmarks === 'auto' ? '/evaluation/benchmarks' : `/evaluation/benchmarks/${i}`;
    attempt(pointer, () => checkTask({ benchmark: findBenchmark(benchmark, home), ...how }));
  });
  return faults;
}

/** Those that are here first, then the rest of the Pythia suite. */
function describeModels(home: string) {
  const here = listModels(home).map((model) => describeModel(home, model));
  const names = new Set(here.map(({ name }) => name));
  return [...here, ...PYTHIA_MODELS.filter(({ name }) => !names.has(name)).map(describeAbsent)];
}

function describeModel(home: string, model: SuiteModel) {
  const config = readModelConfig(model.configPath);
  return {
    name: model.name,
    suite: model.suite,
    family: model.family,
    seed: model.seed,
    isHere: true,
    numParameters: countParameters(config),
    numLayers: config.numLayers,
    hiddenSize: config.hiddenSize,
    endStep: model.endStep,
    trainedOn: model.dataset,
    dataset: model.dataset !== null && hasDataset(home, model.dataset) ? model.dataset : null,
    checkpoints: [...model.checkpoints.keys()].map((step) => ({
      checkpoint: `step${step}`,
      hasOptimizerState: hasMoments(model, step),
    })),
    numPublished: model.publishedSteps.length,
    benchmarks: model.benchmarks,
    notes: findPythia(model.name)?.notes ?? [],
  };
}

function describeAbsent({
  name,
  size,
  family,
  seed,
  endStep,
  dataset,
  publishedSteps,
  notes,
}: PythiaModel): ModelDescription {
  return {
    ...{ name, suite: 'pythia', family, seed, isHere: false, numParameters: countValues(size).numParameters },
    ...{ numLayers: size.numLayers, hiddenSize: size.hiddenSize, endStep, trainedOn: dataset, dataset: null },
    ...{ checkpoints: [], numPublished: publishedSteps.length, benchmarks: [], notes },
  };
}

type ModelDescription = ReturnType<typeof describeModel>;

function hasDataset(home: string, name: string): boolean {
  try {
    return findDataset(home, name).name === name;
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof DataError) return false; // a job that names it is told why
    throw error;
  }
}

function describeBenchmark(home: string, name: string) {
  const source = sourceOf(name);
  try {
    const { kind, sha256, isOfficial } = findBenchmark(name, home);
    return { name, isThere: true, kind, protocols: PROTOCOLS_OF[kind], sha256, isOfficial, source };
  } catch (error) {
    return { name, isThere: false, detail: messageOf(error), source };
  }
}
