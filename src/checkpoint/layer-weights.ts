// The weights that the model itself computed with, as GPT-NeoX saves them apart from the optimizer's fp32 masters: a file for each layer and tensor-parallel
// rank, or all in the model file (14m, 31m). megatron/model/gpt2_model.py numbers the layers; tools/convert_to_hf.py reads the same files.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.ts';
import { excerpt } from './excerpt.ts';
import { roundInPlace } from './float16.ts';
import { shapeOnRank, type NeoxParameter } from './names.ts';
import { namesIn } from './neox-folder.ts';
import { countValues, piecesOf, type StoredTensor } from './stored-tensor.ts';
import type { TorchFile } from './torch-zip.ts';
import { stateDictOf } from './weights.ts';

/** One tensor-parallel rank's parts of the parameters, as far as their files are there. */
export type RankWeights = ReadonlyMap<NeoxParameter, StoredTensor>;

export interface Comparison {
  readonly numCompared: number;
  readonly numDifferent: number;
}

/** The name of a layer's file. */
export function layerFile(module: number, rank: number): string {
  return `layer_${String(module).padStart(2, '0')}-model_${String(rank).padStart(2, '0')}-model_states.pt`;
}

/** Opens the layer files of a rank that are there. Throws DataError for a foreign, missing or misshapen tensor, naming its file. */
export function openLayerFiles(
  folder: string,
  rank: number,
  numRanks: number,
  parameters: readonly NeoxParameter[],
  openFile: (path: string) => TorchFile,
): RankWeights {
  const weights = new Map<NeoxParameter, StoredTensor>();
  for (const module of new Set(parameters.map((parameter) => parameter.module))) {
    const path = join(folder, layerFile(module, rank));
    if (!existsSync(path)) continue;
    const file = openFile(path);
    const own = parameters.filter((parameter) => parameter.module === module);
    const named = new Map(own.map((parameter) => [parameter.suffix, parameter]));
    for (const entry of pick(file.path, stateDictOf(file), named, numRanks)) weights.set(...entry);
  }
  return weights;
}

/** The weights in a model file, or none when it has no `module`. Throws DataError as openLayerFiles does. */
export function moduleWeights(file: TorchFile, numRanks: number, parameters: readonly NeoxParameter[]): RankWeights {
  const module = file.value instanceof Map ? file.value.get('module') : undefined;
  if (module === undefined || module === null) return new Map();
  const named = new Map(parameters.map((parameter) => [parameter.neoxName, parameter]));
  return pick(file.path, stateDictOf(file, module), named, numRanks);
}

/** Throws DataError naming the first file that is missing, when the ranks do not have all parameters between them. */
export function checkComplete(
  folder: string,
  ranks: readonly RankWeights[],
  parameters: readonly NeoxParameter[],
): void {
  for (const [rank, weights] of ranks.entries()) {
    const missing = parameters.find((parameter) => !weights.has(parameter));
    if (missing)
      throw new DataError(
        `${join(folder, layerFile(missing.module, rank))}: expected the file with ${missing.name}, found none; fetch it`,
      );
  }
}

/** Whether a folder has files of layers. Throws DataError when some are of a rank that the model files do not know. */
export function hasLayerFiles(folder: string, numRanks: number): boolean {
  const ranks = namesIn(folder).flatMap((name) => /^layer_\d+-model_(\d+)-model_states\.pt$/.exec(name)?.[1] ?? []);
  const foreign = ranks.find((rank) => Number(rank) >= numRanks);
  if (foreign !== undefined)
    throw new DataError(
      `${folder}: expected layer files of ${numRanks} tensor-parallel ranks, as there are files mp_rank_*, found one of model_${foreign}; fetch the others`,
    );
  return ranks.length > 0;
}

/**
 * Compares a rank's weights with its masters rounded to their type, which is what training computed with. Throws DataError when more than half of a file's
 * values differ: then it is of another checkpoint.
 */
export function compareWithMasters(
  weights: RankWeights,
  master: (parameter: NeoxParameter) => StoredTensor,
): Comparison {
  const byFile = new Map<string, { numCompared: number; numDifferent: number }>();
  for (const [parameter, weight] of weights) {
    const counts = byFile.get(weight.path) ?? { numCompared: 0, numDifferent: 0 };
    byFile.set(weight.path, counts);
    counts.numCompared += countValues(weight.shape);
    counts.numDifferent += countDifferent(weight, master(parameter));
  }
  for (const [path, { numCompared, numDifferent }] of byFile) {
    if (2 * numDifferent > numCompared)
      throw new DataError(
        `${path}: expected the optimizer's fp32 weights, rounded, found ${numDifferent} of ${numCompared} values different: the files are of different checkpoints; fetch all of one`,
      );
  }
  const counts = [...byFile.values()];
  return {
    numCompared: counts.reduce((sum, count) => sum + count.numCompared, 0),
    numDifferent: counts.reduce((sum, count) => sum + count.numDifferent, 0),
  };
}

function countDifferent(weight: StoredTensor, master: StoredTensor): number {
  let numDifferent = 0;
  let from = 0;
  for (const values of piecesOf(weight)) {
    const expected = new Float32Array(values.length);
    master.read(from, expected);
    roundInPlace(weight.dtype, expected);
    for (const [i, value] of values.entries()) {
      if (value !== expected[i] && !(Number.isNaN(value) && Number.isNaN(expected[i]))) numDifferent += 1;
    }
    from += values.length;
  }
  return numDifferent;
}

function pick(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  named: ReadonlyMap<string, NeoxParameter>,
  numRanks: number,
): Map<NeoxParameter, StoredTensor> {
  const weights = new Map<NeoxParameter, StoredTensor>();
  for (const [name, parameter] of named) {
    const tensor = tensors.get(name);
    if (!tensor) throw new DataError(`${path}: tensor "${name}" is missing`);
    const expected = shapeOnRank(parameter, numRanks);
    if (tensor.shape.join() !== expected.join())
      throw new DataError(
        `${path}: tensor "${name}" has shape ${excerpt(tensor.shape)}, expected ${excerpt(expected)} by the model's configuration`,
      );
    weights.set(parameter, tensor);
  }
  const foreign = [...tensors.keys()].find((name) => !named.has(name));
  if (foreign !== undefined)
    throw new DataError(`${path}: tensor ${excerpt(foreign)} has no place in the model; check the configuration`);
  return weights;
}
