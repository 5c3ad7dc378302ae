// The weights of a model folder in any of Hugging Face's forms: model.safetensors or pytorch_model.bin, whole or in shards with an index.
// Buffers that older code saved beside the parameters (causal masks, rotary frequencies) are left out by name.
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DataError, messageOf } from '../errors.ts';
import { isBuffer } from './names.ts';
import { TensorReference } from './pickle-values.ts';
import { readSafetensors } from './safetensors.ts';
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

/** Reads all weights of a folder by name. Throws DataError naming the file that is missing or damaged. */
export function readWeights(folder: string): Map<string, Weight> {
  const path = findWeights(folder);
  if (path === undefined)
    throw new DataError(`${folder}: expected one of ${FORMS.join(', ')}, found none; fetch the weights`);
  const files = path.endsWith('.json') ? shardsOf(folder, path) : [path];
  const weights = new Map<string, Weight>();
  for (const file of files) {
    const tensors = file.endsWith('.safetensors') ? readSafetensors(file) : readTorchWeights(file);
    for (const [name, weight] of tensors) {
      if (isBuffer(name)) continue;
      if (weights.has(name)) throw new DataError(`${file}: expected each tensor in one file, found "${name}" in two`);
      weights.set(name, weight);
    }
  }
  return weights;
}

/** Reads the parameters of a state dict that torch.save wrote. Throws DataError for anything else. */
export function readTorchWeights(path: string): Map<string, Weight> {
  const file = new TorchFile(path);
  try {
    if (!(file.value instanceof Map))
      throw new DataError(`${path}: expected a state dict, found something else; save model.state_dict()`);
    const weights = new Map<string, Weight>();
    for (const [name, tensor] of file.value) {
      if (typeof name !== 'string' || !(tensor instanceof TensorReference))
        throw new DataError(`${path}: expected a state dict of tensors, found ${typeof tensor} as "${String(name)}"`);
      if (!isBuffer(name)) weights.set(name, { shape: tensor.shape, data: file.readTensor(tensor) });
    }
    return weights;
  } finally {
    file.close();
  }
}

function shardsOf(folder: string, path: string): string[] {
  let index: unknown;
  try {
    index = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new DataError(`${path}: expected JSON: ${messageOf(error)}`, { cause: error });
  }
  const map = typeof index === 'object' && index !== null && 'weight_map' in index ? index.weight_map : undefined;
  const names: unknown[] = typeof map === 'object' && map !== null ? [...new Set(Object.values(map))] : [];
  if (names.length === 0) throw new DataError(`${path}: expected "weight_map" with the file of each tensor`);
  return names.sort().map((name) => {
    if (typeof name !== 'string' || name !== basename(name))
      throw new DataError(`${path}: expected names of files beside it, found ${JSON.stringify(name)}`);
    return join(folder, name);
  });
}
