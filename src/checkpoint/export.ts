// A checkpoint or model folder → a model folder that Hugging Face's transformers loads, or GPT-NeoX's layer files. Checkpoint end of the road. A few
// megabytes are in memory at a time.
import { copyFileSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { readModelConfig } from '../model/config.ts';
import { parameterShapes } from '../model/parameters.ts';
import { makeWholeFolder } from './appear-whole.ts';
import { readCheckpointCounters, verifyCheckpoint } from './checkpoint.ts';
import { huggingFaceConfig } from './hugging-face-config.ts';
import { writeNeox, type NeoxTraining } from './neox-writer.ts';
import { FLOAT_BYTES } from './random-access.ts';
import { writeSafetensors, type WrittenType } from './safetensors.ts';
import { countValues, type StoredTensor } from './stored-tensor.ts';
import { openWeights, pickParameters } from './weights.ts';

export interface ExportOptions {
  readonly format: 'hugging-face' | 'neox';
  readonly precision: 'fp16' | 'fp32';
  /** Of Hugging Face's: the most bytes of one file of weights, unless a single tensor is larger. */
  readonly maxShardBytes?: number | undefined;
  /** Of GPT-NeoX's: how many tensor-parallel ranks share the model. */
  readonly tensorParallel?: number | undefined;
  /** A tokenizer.json, or a folder with tokenizer files; default: those in the folder. */
  readonly tokenizer?: string | undefined;
  /** The model's config.json; default: the one in the folder. */
  readonly configPath?: string | undefined;
  /** Of GPT-NeoX's: the step of a model folder that does not tell. */
  readonly step?: number | undefined;
  /** Of Hugging Face's: the model card, README.md. */
  readonly card?: string | undefined;
  /** Of GPT-NeoX's: what its engine resumes training from, the optimizer's files included; default: weights and counters only. */
  readonly training?: NeoxTraining | undefined;
}

export interface Exported {
  /** Paths in the folder. */
  readonly files: readonly string[];
  readonly sizeBytes: number;
}

type Parameters = ReadonlyMap<string, StoredTensor>;

const MAX_SHARD_BYTES = 5e9; // transformers' own default until 5
const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
];

/**
 * Exports the weights of `from` as the folder `to`, which appears complete or not at all. Throws InputError when `to` exists or an option does not fit,
 * DataError naming the file or tensor that is damaged, of another model, or out of fp16's range.
 */
export async function exportCheckpoint(from: string, to: string, options: ExportOptions): Promise<Exported> {
  if (!existsSync(from)) throw new InputError(`${from}: expected a checkpoint or model folder, found none`);
  const configPath = options.configPath ?? join(from, 'config.json');
  if (!existsSync(configPath))
    throw new InputError(`${configPath}: expected the model's config.json, found none; name it with --config`);
  const config = readModelConfig(configPath);
  await verifyCheckpoint(from);
  const { tensors, path, close } = openWeights(from);
  try {
    const parameters = pickParameters(tensors, path, parameterShapes(config));
    return makeWholeFolder(to, (folder) => {
      if (options.format === 'hugging-face') writeModelFolder(folder, parameters, options);
      else writeNeox(folder, parameters, config, { ...options, ...countersOf(from, options), dtype: typeOf(options) });
      writeFileSync(join(folder, 'config.json'), huggingFaceConfig(configPath, config, options.precision));
      copyTokenizer(options.tokenizer ?? from, folder);
      if (options.card !== undefined) writeFileSync(join(folder, 'README.md'), options.card);
      return listed(folder);
    });
  } finally {
    close();
  }
}

function writeModelFolder(folder: string, parameters: Parameters, options: ExportOptions): void {
  const dtype = typeOf(options);
  const shards = shardsOf(parameters, dtype, options.maxShardBytes ?? MAX_SHARD_BYTES);
  const padded = (n: number): string => String(n).padStart(5, '0');
  const weightMap: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const isOnly = shards.length === 1;
    const name = isOnly ? 'model.safetensors' : `model-${padded(i + 1)}-of-${padded(shards.length)}.safetensors`;
    writeSafetensors(join(folder, name), shard, dtype);
    for (const [tensor] of shard) weightMap[tensor] = name;
  }
  if (shards.length === 1) return;
  const totalSize = shards.flat().reduce((sum, [, { shape }]) => sum + countValues(shape) * FLOAT_BYTES[dtype], 0);
  const index = { metadata: { total_size: totalSize }, weight_map: weightMap };
  writeFileSync(join(folder, 'model.safetensors.index.json'), json(index), { flush: true });
}

function shardsOf(parameters: Parameters, dtype: WrittenType, maxBytes: number): [string, StoredTensor][][] {
  const shards: [string, StoredTensor][][] = [];
  let room = 0;
  for (const [name, tensor] of parameters) {
    const sizeBytes = countValues(tensor.shape) * FLOAT_BYTES[dtype];
    if (shards.length === 0 || sizeBytes > room) {
      shards.push([]);
      room = maxBytes;
    }
    shards.at(-1)!.push([name, tensor]); // there is one by now
    room -= sizeBytes;
  }
  return shards;
}

function countersOf(from: string, { format, step }: ExportOptions): { step: number; lrCount: number } {
  if (format === 'hugging-face') return { step: 0, lrCount: 0 };
  return step === undefined ? readCheckpointCounters(from) : { step, lrCount: step };
}

function copyTokenizer(from: string, folder: string): void {
  if (!existsSync(from)) throw new InputError(`${from}: expected a tokenizer.json or a folder with one, found none`);
  if (statSync(from).isFile()) copyFileSync(from, join(folder, 'tokenizer.json'));
  else
    for (const name of TOKENIZER_FILES.filter((file) => existsSync(join(from, file))))
      copyFileSync(join(from, name), join(folder, name));
}

function listed(folder: string): Exported {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  return {
    files: paths.map((path) => path.slice(folder.length + 1)),
    sizeBytes: paths.reduce((sum, path) => sum + statSync(path).size, 0),
  };
}

function typeOf({ precision }: ExportOptions): WrittenType {
  return precision === 'fp16' ? 'F16' : 'F32';
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
