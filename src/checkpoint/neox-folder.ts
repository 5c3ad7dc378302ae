// Finds the files of a GPT-NeoX checkpoint, and reads the counters that training left in them: DeepSpeed's layout as DeeperSpeed eb7f5cff writes it.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, InputError, messageOf } from '../errors.ts';
import type { ModelConfig } from '../model/config.ts';
import { excerpt } from './excerpt.ts';
import { shapeOnRank, type NeoxParameter } from './names.ts';
import type { TorchFile } from './torch-zip.ts';
import { dict, number } from './zero.ts';

const MOST_RANKS = 4096;
const MOST_LATEST_BYTES = 4096;
const MODEL_FILE = /^mp_rank_(\d+)_model_states\.pt$/;

export interface Counters {
  /** Optimizer updates finished. */
  readonly step: number;
  /** Updates that advanced the learning-rate schedule. */
  readonly lrCount: number;
  /** Updates that were skipped because a gradient overflowed. */
  readonly skippedSteps: number;
}

/**
 * The folder global_stepN of a checkpoint: `from` itself, or the one that its file `latest` names; undefined when there are no files of GPT-NeoX.
 * Throws InputError when `from` is no folder, DataError when `latest` leads nowhere.
 */
export function findStepFolder(from: string): string | undefined {
  if (!existsSync(from) || !statSync(from).isDirectory())
    throw new InputError(`${from}: expected a folder with a GPT-NeoX checkpoint, found none`);
  const latest = join(from, 'latest');
  if (!existsSync(latest))
    return namesIn(from).some((name) => /^(mp_rank_|zero_pp_|layer_)/.test(name)) ? from : undefined;
  if (statSync(latest).size > MOST_LATEST_BYTES)
    throw new DataError(`${latest}: expected the name of a folder, found ${statSync(latest).size} bytes`);
  const name = readFileSync(latest, 'utf8').trim();
  // A name, not a path: the file says which of the folders beside it is meant.
  if (!/^[\w.-]+$/.test(name) || /^\.+$/.test(name))
    throw new DataError(`${latest}: expected the name of a folder beside it, found ${excerpt(name)}`);
  const folder = join(from, name);
  if (!existsSync(folder))
    throw new DataError(`${latest}: names ${name}, which is not there; fetch that folder, or give another as --from`);
  return folder;
}

/** The files mp_rank_NN_model_states.pt, rank 0 first. Throws DataError when one is missing. */
export function findModelFiles(folder: string): string[] {
  return findRanks(folder, MODEL_FILE, 'mp_rank_00_model_states.pt');
}

/** The ZeRO shards of a tensor-parallel rank, data-parallel rank 0 first. Throws DataError when one is missing. */
export function findShards(folder: string, rank: number): string[] {
  const mp = String(rank).padStart(2, '0');
  const pattern = new RegExp(`^zero_pp_rank_(\\d+)_mp_rank_${mp}_optim_states\\.pt$`);
  return findRanks(folder, pattern, `zero_pp_rank_0_mp_rank_${mp}_optim_states.pt`);
}

export function hasShards(folder: string): boolean {
  return namesIn(folder).some((name) => name.startsWith('zero_pp_rank_'));
}

/** The names of the files in a folder. Throws DataError when it cannot be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw new DataError(`${folder}: expected a readable folder: ${messageOf(error)}`, { cause: error });
  }
}

// Paths of a rank-numbered kind of file, rank 0 first, none missing.
function findRanks(folder: string, pattern: RegExp, example: string): string[] {
  const found = new Map<number, string>();
  for (const name of namesIn(folder)) {
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

/** The counters of a checkpoint from its model files. Throws DataError when they disagree with each other, the folder's name or the number of files. */
export function readCounters(models: readonly TorchFile[], folder: string): Counters {
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

/** Throws DataError naming `path` when that many tensor-parallel ranks cannot share the model. */
export function checkDivisible(
  config: ModelConfig,
  parameters: readonly NeoxParameter[],
  numRanks: number,
  path: string,
): void {
  const odd = parameters.find((parameter) => shapeOnRank(parameter, numRanks).some((size) => !Number.isInteger(size)));
  if (odd || config.numHeads % numRanks !== 0) {
    throw new DataError(
      `${path}: ${numRanks} tensor-parallel ranks cannot share ${odd?.name ?? `${config.numHeads} heads`}; the configuration is of another model`,
    );
  }
}
