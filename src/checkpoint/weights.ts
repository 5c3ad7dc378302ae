// The weights of a model folder in any of Hugging Face's forms: model.safetensors or pytorch_model.bin, whole or in shards with an index.
// Buffers that older code saved beside the parameters (causal masks, rotary frequencies) are left out by name.
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DataError } from '../errors.ts';
import type { ParameterShape } from '../model/parameters.ts';
import { excerpt } from './excerpt.ts';
import { readJsonFile } from './json-file.ts';
import { isBuffer } from './names.ts';
import { TensorReference } from './pickle-values.ts';
import { SafetensorsFile } from './safetensors.ts';
import { countValues, readWhole, type StoredTensor } from './stored-tensor.ts';
import { TorchFile } from './torch-zip.ts';

export interface Weight {
  readonly shape: readonly number[];
  /** Row-major, widened to fp32. */
  readonly data: Float32Array;
}

const FORMS = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
];

/** The file that holds, or lists, the weights of a folder; undefined when there is none. */
export function findWeights(folder: string): string | undefined {
  return FORMS.map((name) => join(folder, name)).find((path) => existsSync(path));
}

export interface OpenWeights {
  /** By name; they can be read until `close`. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The file that holds, or lists, them. */
  readonly path: string;
  close(): void;
}

/** Opens the weights of a folder; the caller closes them. Throws DataError naming the file that is missing or damaged. */
export function openWeights(folder: string): OpenWeights {
  const path = findWeights(folder);
  if (path === undefined)
    throw new DataError(`${folder}: expected one of ${FORMS.join(', ')}, found none; fetch the weights`);
  const opened: { close(): void }[] = [];
  const close = (): void => opened.splice(0).forEach((open) => open.close());
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const file of path.endsWith('.json') ? shardsOf(folder, path) : [path]) {
      const open = file.endsWith('.safetensors') ? new SafetensorsFile(file) : new TorchFile(file);
      opened.push(open);
      for (const [name, tensor] of open instanceof SafetensorsFile ? open.tensors : stateDictOf(open)) {
        if (isBuffer(name)) continue;
        if (tensors.has(name))
          throw new DataError(`${file}: expected each tensor in one file, found ${excerpt(name)} in two`);
        tensors.set(name, tensor);
      }
    }
    return { tensors, path, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Reads all weights of a folder by name. Throws DataError as openWeights does. */
export function readWeights(folder: string): Map<string, Weight> {
  const { tensors, close } = openWeights(folder);
  try {
    return new Map([...tensors].map(([name, tensor]) => [name, { shape: tensor.shape, data: readWhole(tensor) }]));
  } finally {
    close();
  }
}

/** The parameters of a state dict that torch.save wrote, by name. Throws DataError for anything else. */
export function stateDictOf(file: TorchFile, value = file.value): Map<string, StoredTensor> {
  const where = `${file.path}, byte 0 of its pickle`;
  if (!(value instanceof Map))
    throw new DataError(`${where}: expected a state dict, found something else; save model.state_dict()`);
  const tensors = new Map<string, StoredTensor>();
  const numUsed = new Map<string, number>(); // by storage
  for (const [name, reference] of value) {
    if (typeof name !== 'string' || !(reference instanceof TensorReference))
      throw new DataError(
        `${where}: expected a state dict of tensors, found ${reference instanceof TensorReference ? 'a tensor' : typeof reference} as ${excerpt(name)}`,
      );
    if (isBuffer(name)) continue;
    const { storage, shape, pickleByte } = reference;
    const tensor = file.tensor(reference);
    const used = (numUsed.get(storage.key) ?? 0) + countValues(shape);
    // Else a small file could stand for any number of large tensors.
    if (used > storage.numValues)
      throw new DataError(
        `${file.path}, byte ${pickleByte} of its pickle: tensor ${excerpt(name)}: expected values of its own, found that storage ${excerpt(storage.key)} has ${storage.numValues} for ${used} of its tensors`,
      );
    numUsed.set(storage.key, used);
    tensors.set(name, tensor);
  }
  return tensors;
}

/**
 * The model's parameters among the tensors of a file, as `prefix` and name, in the model's order. Throws DataError naming `path` and the tensor that is
 * missing, foreign or of another shape.
 */
export function pickParameters(
  tensors: ReadonlyMap<string, StoredTensor>,
  path: string,
  shapes: readonly ParameterShape[],
  prefix = '',
): Map<string, StoredTensor> {
  const picked = new Map<string, StoredTensor>();
  for (const { name, shape } of shapes) {
    const tensor = tensors.get(prefix + name);
    if (tensor === undefined) throw new DataError(`${path}: tensor "${prefix + name}" is missing`);
    if (tensor.shape.join() !== shape.join()) {
      throw new DataError(
        `${tensor.path}: tensor "${prefix + name}" has shape ${excerpt(tensor.shape)}, expected ${excerpt(shape)}`,
      );
    }
    picked.set(name, tensor);
  }
  const foreign = [...tensors.keys()].find((name) => name.startsWith(prefix) && !picked.has(name.slice(prefix.length)));
  if (foreign !== undefined)
    throw new DataError(
      `${path}: tensor ${excerpt(foreign)} has no place in a model of ${shapes.length} parameters; check config.json`,
    );
  return picked;
}

function shardsOf(folder: string, path: string): string[] {
  const index = readJsonFile(path);
  const map = typeof index === 'object' && index !== null && 'weight_map' in index ? index.weight_map : undefined;
  const names: unknown[] = typeof map === 'object' && map !== null ? [...new Set(Object.values(map))] : [];
  if (names.length === 0) throw new DataError(`${path}: expected "weight_map" with the file of each tensor`);
  return names
    .map((name) => {
      if (typeof name !== 'string' || name !== basename(name))
        throw new DataError(`${path}: expected names of files beside it, found ${excerpt(name)}`);
      return join(folder, name);
    })
    .sort();
}
