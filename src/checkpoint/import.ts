// A GPT-NeoX checkpoint → a checkpoint folder of ours: model.safetensors (fp32 masters, Hugging Face names), optimizer.safetensors (Adam's moments),
// config.json and state.json. Checkpoint end of the road. One parameter is in memory at a time, so that a 12B checkpoint needs no more memory than a small one.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DataError, InputError, messageOf } from '../errors.ts';
import { readModelConfig, type ModelConfig } from '../model/config.ts';
import { optimizerGroups, shapeOnRank, type NeoxParameter } from './names.ts';
import { writeSafetensors, type TensorToWrite } from './safetensors.ts';
import { mergeRanks } from './tensor-parallel.ts';
import { TorchFile } from './torch-zip.ts';
import { dict, MOMENTS, number, readWholeOptimizer, readZeroShards, type Quantity, type RankState } from './zero.ts';

const MOST_RANKS = 4096;

export interface ImportedState {
  /** Optimizer updates finished. */
  readonly step: number;
  /** Updates that advanced the learning-rate schedule. */
  readonly lrCount: number;
  readonly lossScale: number;
  /** Updates that were skipped because a gradient overflowed. */
  readonly skippedSteps: number;
}

/**
 * Imports the checkpoint in `from` – a folder global_stepN, or one with the file `latest` – as the folder `to`, which appears complete or not at all.
 * Throws InputError when `to` exists or `from` is no checkpoint, DataError naming the file that is missing, damaged or of another model.
 */
export function importNeoxCheckpoint(from: string, configPath: string, to: string): ImportedState {
  if (existsSync(to))
    throw new InputError(`${to}: expected a name that is free, found a file or folder; remove it or choose another`);
  const config = readModelConfig(configPath);
  const folder = findStepFolder(from);
  const open: TorchFile[] = [];
  const openFile = (path: string): TorchFile => {
    const file = new TorchFile(path);
    open.push(file);
    return file;
  };
  const temporary = `${to}.importing-${process.pid}`;
  try {
    const models = findRanks(folder, /^mp_rank_(\d+)_model_states\.pt$/, 'mp_rank_00_model_states.pt').map(openFile);
    const state = readCounters(models, folder);
    const groups = optimizerGroups(config);
    checkDivisible(config, groups.flat(), models);
    const ranks = models.map((model, rank) => openRank(folder, model, rank, groups, models.length, openFile));
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { recursive: true });
    const parameters = groups.flat();
    writeSafetensors(join(temporary, 'model.safetensors'), tensorsOf(parameters, 'master', ranks, ''));
    const moments = MOMENTS.flatMap((moment) => tensorsOf(parameters, moment, ranks, `${moment}.`));
    writeSafetensors(join(temporary, 'optimizer.safetensors'), moments);
    copyFileSync(configPath, join(temporary, 'config.json'));
    const imported = { ...state, lossScale: ranks[0]!.lossScale }; // there is at least one
    writeFileSync(join(temporary, 'state.json'), `${JSON.stringify(imported, null, 1)}\n`, { flush: true });
    mkdirSync(dirname(to), { recursive: true });
    renameSync(temporary, to);
    return imported;
  } finally {
    for (const file of open) file.close();
    rmSync(temporary, { recursive: true, force: true });
  }
}

function findStepFolder(from: string): string {
  if (!existsSync(from) || !statSync(from).isDirectory())
    throw new InputError(`${from}: expected a folder with a GPT-NeoX checkpoint, found none`);
  const latest = join(from, 'latest');
  if (!existsSync(latest)) return from;
  const name = readFileSync(latest, 'utf8').trim();
  // A name, not a path: the file says which of the folders beside it is meant.
  if (!/^[\w.-]+$/.test(name) || /^\.+$/.test(name))
    throw new DataError(
      `${latest}: expected the name of a folder beside it, found ${JSON.stringify(name.slice(0, 80))}`,
    );
  const folder = join(from, name);
  if (!existsSync(folder))
    throw new DataError(`${latest}: names ${name}, which is not there; fetch that folder, or give another as --from`);
  return folder;
}

// Paths of a rank-numbered kind of file, rank 0 first, none missing.
function findRanks(folder: string, pattern: RegExp, example: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw new DataError(`${folder}: expected a readable folder: ${messageOf(error)}`, { cause: error });
  }
  const found = new Map<number, string>();
  for (const name of names) {
    const match = pattern.exec(name);
    if (match) found.set(Number(match[1]), name);
  }
  if (found.size === 0)
    throw new DataError(
      `${folder}: expected files such as ${example}, found none; it is no GPT-NeoX checkpoint, or they were not fetched`,
    );
  if (found.size > MOST_RANKS)
    throw new DataError(`${folder}: expected at most ${MOST_RANKS} files such as ${example}, found ${found.size}`);
  return Array.from({ length: found.size }, (_, rank) => {
    const name = found.get(rank);
    if (name === undefined)
      throw new DataError(
        `${folder}: expected the ranks 0 to ${Math.max(...found.keys())} of ${example}, found none of rank ${rank}; fetch it`,
      );
    return join(folder, name);
  });
}

function readCounters(models: readonly TorchFile[], folder: string): Omit<ImportedState, 'lossScale'> {
  const counters = models.map((file) => {
    const values = file.value instanceof Map ? file.value : new Map<never, never>();
    const step = number(file, values.get('global_steps') ?? values.get('iteration'), 'global_steps');
    const lrCount = number(file, dict(file, values, 'lr_scheduler').get('num_iters'), 'lr_scheduler.num_iters');
    const skippedSteps = number(file, values.get('skipped_steps') ?? 0, 'skipped_steps');
    const numRanks = number(file, values.get('mp_world_size') ?? models.length, 'mp_world_size');
    if (numRanks !== models.length)
      throw new DataError(
        `${file.path}: was written by ${numRanks} tensor-parallel ranks, found the files of ${models.length}; fetch the others`,
      );
    return { step, lrCount, skippedSteps };
  });
  const [first] = counters;
  const other = counters.findIndex((counter) => counter.step !== first?.step || counter.lrCount !== first.lrCount);
  if (!first || other !== -1)
    throw new DataError(
      `${models[other]?.path ?? folder}: expected the step and schedule count of rank 0, found others: the files are of several checkpoints`,
    );
  const named = /global_step(\d+)$/.exec(folder)?.[1];
  if (named !== undefined && Number(named) !== first.step) {
    throw new DataError(
      `${models[0]?.path ?? folder}: expected step ${named} by the folder's name, found step ${first.step}; the files are of another checkpoint`,
    );
  }
  return first;
}

function checkDivisible(config: ModelConfig, parameters: readonly NeoxParameter[], models: readonly TorchFile[]): void {
  const numRanks = models.length;
  const odd = parameters.find((parameter) => shapeOnRank(parameter, numRanks).some((size) => !Number.isInteger(size)));
  if (odd || config.numHeads % numRanks !== 0) {
    throw new DataError(
      `${models[0]?.path ?? ''}: ${numRanks} tensor-parallel ranks cannot share ${odd?.name ?? `${config.numHeads} heads`}; the configuration is of another model`,
    );
  }
}

function openRank(
  folder: string,
  model: TorchFile,
  rank: number,
  groups: ReturnType<typeof optimizerGroups>,
  numRanks: number,
  openFile: (path: string) => TorchFile,
): RankState {
  const values = model.value instanceof Map ? model.value : new Map<never, never>();
  if (values.get('optimizer') instanceof Map) return readWholeOptimizer(model, groups, numRanks);
  const mp = String(rank).padStart(2, '0');
  const shards = findRanks(
    folder,
    new RegExp(`^zero_pp_rank_(\\d+)_mp_rank_${mp}_optim_states\\.pt$`),
    `zero_pp_rank_0_mp_rank_${mp}_optim_states.pt`,
  );
  return readZeroShards(shards.map(openFile), groups, numRanks);
}

function tensorsOf(
  parameters: readonly NeoxParameter[],
  quantity: Quantity,
  ranks: readonly RankState[],
  prefix: string,
): [string, TensorToWrite][] {
  return parameters.map((parameter) => {
    const parts = ranks.map((rank) => rank.tensor(parameter, quantity));
    return [prefix + parameter.name, mergeRanks(parameter, parts, quantity !== 'master')];
  });
}
