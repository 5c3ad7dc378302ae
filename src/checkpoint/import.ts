// A GPT-NeoX checkpoint, or a model folder of Hugging Face's → a checkpoint folder of ours: model.safetensors (fp32, Hugging Face names), optimizer.safetensors
// (Adam's moments, where there are any), config.json and state.json. Checkpoint end of the road. A few megabytes are in memory at a time, so that a 12B
// checkpoint needs no more than a small one.
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, InputError } from '../errors.ts';
import { readModelConfig } from '../model/config.ts';
import { parameterShapes } from '../model/parameters.ts';
import {
  checkComplete,
  compareWithMasters,
  hasLayerFiles,
  moduleWeights,
  openLayerFiles,
  type Comparison,
  type RankWeights,
} from './layer-weights.ts';
import { optimizerGroups, type NeoxParameter } from './names.ts';
import { checkDivisible, findModelFiles, findShards, findStepFolder, hasShards, readCounters } from './neox-folder.ts';
import { writeSafetensors, type TensorToWrite } from './safetensors.ts';
import type { StoredTensor } from './stored-tensor.ts';
import { mergeRanks } from './tensor-parallel.ts';
import { TorchFile } from './torch-zip.ts';
import { findWeights, openWeights, pickParameters } from './weights.ts';
import { makeWholeFolder } from './appear-whole.ts';
import { MOMENTS, readWholeOptimizer, readZeroShards, type RankState } from './zero.ts';

export interface ImportedState {
  /** Optimizer updates finished. */
  readonly step: number;
  /** Updates that advanced the learning-rate schedule; equal to `step` where the files do not say. */
  readonly lrCount: number;
  /** Only the optimizer's files know it. */
  readonly lossScale?: number;
  /** Updates that were skipped because a gradient overflowed; absent where the files do not say. */
  readonly skippedSteps?: number;
}

export interface Imported {
  readonly state: ImportedState;
  readonly weights: 'fp32 masters' | 'layer files' | 'model file' | 'Hugging Face files';
  readonly hasOptimizer: boolean;
  /** The model's own weights against the masters, where both are there. */
  readonly comparison?: Comparison;
}

export interface ImportOptions {
  /** The model's config.json; default: the one in the folder. */
  readonly configPath?: string | undefined;
  /** Leaves Adam's moments out. */
  readonly weightsOnly?: boolean | undefined;
  /** Of a model folder whose name does not end in stepN. */
  readonly step?: number | undefined;
}

interface Source extends Imported {
  readonly parameters: readonly (readonly [string, TensorToWrite])[];
  readonly moments: readonly (readonly [string, TensorToWrite])[];
}

type Open = (path: string) => TorchFile;

/**
 * Imports the checkpoint in `from` – a folder global_stepN, one with the file `latest`, or a model folder of Hugging Face's – as the folder `to`, which appears
 * complete or not at all. Throws InputError when `to` exists or `from` is no checkpoint, DataError naming the file that is missing, damaged or of another model.
 */
export function importCheckpoint(from: string, to: string, options: ImportOptions = {}): Imported {
  const folder = findStepFolder(from);
  const configPath = options.configPath ?? join(from, 'config.json');
  if (!existsSync(configPath))
    throw new InputError(`${configPath}: expected the model's config.json, found none; name it with --config`);
  const opened: { close(): void }[] = [];
  try {
    return makeWholeFolder(to, (temporary) => {
      const source =
        folder === undefined
          ? openModelFolder(from, configPath, options, opened)
          : openNeox(folder, configPath, options, (path) => {
              const file = new TorchFile(path);
              opened.push(file);
              return file;
            });
      writeSafetensors(join(temporary, 'model.safetensors'), source.parameters);
      if (source.hasOptimizer) writeSafetensors(join(temporary, 'optimizer.safetensors'), source.moments);
      copyFileSync(configPath, join(temporary, 'config.json'));
      writeFileSync(join(temporary, 'state.json'), `${JSON.stringify(source.state, null, 1)}\n`, { flush: true });
      const { state, weights, hasOptimizer, comparison } = source;
      return { state, weights, hasOptimizer, ...(comparison && { comparison }) };
    });
  } finally {
    for (const file of opened) file.close();
  }
}

function openNeox(folder: string, configPath: string, options: ImportOptions, openFile: Open): Source {
  const config = readModelConfig(configPath);
  const models = findModelFiles(folder).map(openFile);
  const counters = readCounters(models, folder);
  const groups = optimizerGroups(config);
  const parameters = groups.flat();
  checkDivisible(config, parameters, models.length, models[0]?.path ?? folder);
  const states = openStates(folder, models, groups, openFile);
  const { ranks, weights } = openRankWeights(folder, models, parameters, openFile);
  if (states === undefined) {
    if (ranks === undefined)
      throw new DataError(
        `${folder}: expected files such as zero_pp_rank_0_mp_rank_00_optim_states.pt or layer_00-model_00-model_states.pt, found neither; fetch them`,
      );
    checkComplete(folder, ranks, parameters);
    const tensors = merged(parameters, '', false, (parameter) => ranks.map((rank) => rank.get(parameter)!)); // complete
    return { state: counters, weights, hasOptimizer: false, parameters: tensors, moments: [] };
  }
  const [first] = states;
  if (!first) throw new Error('bug: a checkpoint of no ranks');
  const of = (quantity: 'master' | (typeof MOMENTS)[number]) => (parameter: NeoxParameter) =>
    states.map((state) => state.tensor(parameter, quantity));
  const comparisons = ranks?.map((rank, r) => compareWithMasters(rank, (p) => states[r]!.tensor(p, 'master')));
  return {
    state: {
      step: counters.step,
      lrCount: counters.lrCount,
      lossScale: first.lossScale,
      skippedSteps: counters.skippedSteps,
    },
    weights: 'fp32 masters',
    hasOptimizer: options.weightsOnly !== true,
    ...(comparisons && { comparison: sumOf(comparisons) }),
    parameters: merged(parameters, '', false, of('master')),
    moments: MOMENTS.flatMap((moment) => merged(parameters, `${moment}.`, true, of(moment))),
  };
}

// The weights that the model computed with, by rank; undefined when only the optimizer has them.
function openRankWeights(
  folder: string,
  models: readonly TorchFile[],
  parameters: readonly NeoxParameter[],
  openFile: Open,
): { ranks: RankWeights[] | undefined; weights: 'layer files' | 'model file' } {
  const numRanks = models.length;
  if (hasLayerFiles(folder, numRanks)) {
    const ranks = models.map((_, rank) => openLayerFiles(folder, rank, numRanks, parameters, openFile));
    return { ranks, weights: 'layer files' };
  }
  const ranks = models.map((model) => moduleWeights(model, numRanks, parameters));
  return { ranks: ranks.some(({ size }) => size > 0) ? ranks : undefined, weights: 'model file' };
}

// Masters and moments by rank; undefined when no file has them.
function openStates(
  folder: string,
  models: readonly TorchFile[],
  groups: ReturnType<typeof optimizerGroups>,
  openFile: Open,
): RankState[] | undefined {
  const isWhole = models.map(({ value }) => value instanceof Map && value.get('optimizer') instanceof Map);
  if (!isWhole.includes(true) && !hasShards(folder)) return undefined;
  return models.map((model, rank) =>
    isWhole[rank]
      ? readWholeOptimizer(model, groups, models.length)
      : readZeroShards(findShards(folder, rank).map(openFile), groups, models.length),
  );
}

function openModelFolder(
  from: string,
  configPath: string,
  options: ImportOptions,
  opened: { close(): void }[],
): Source {
  if (findWeights(from) === undefined)
    throw new DataError(
      `${from}: expected files such as mp_rank_00_model_states.pt or model.safetensors, found none; it is no checkpoint, or they were not fetched`,
    );
  if (existsSync(join(from, 'state.json')))
    throw new InputError(`${from}: is a checkpoint folder already, with its state.json; use it as it is`);
  const step = options.step ?? Number(/step(\d+)\/?$/.exec(from)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(step) || step < 0)
    throw new InputError(`${from}: its name does not end in stepN; say the step with --step`);
  const weights = openWeights(from);
  opened.push(weights);
  const parameters = pickParameters(weights.tensors, weights.path, parameterShapes(readModelConfig(configPath)));
  const state = { step, lrCount: step };
  return { state, weights: 'Hugging Face files', hasOptimizer: false, parameters: [...parameters], moments: [] };
}

function merged(
  parameters: readonly NeoxParameter[],
  prefix: string,
  isMoment: boolean,
  partsOf: (parameter: NeoxParameter) => readonly StoredTensor[],
): [string, StoredTensor][] {
  return parameters.map((parameter) => [prefix + parameter.name, mergeRanks(parameter, partsOf(parameter), isMoment)]);
}

function sumOf(comparisons: readonly Comparison[]): Comparison {
  return {
    numCompared: comparisons.reduce((sum, { numCompared }) => sum + numCompared, 0),
    numDifferent: comparisons.reduce((sum, { numDifferent }) => sum + numDifferent, 0),
  };
}
