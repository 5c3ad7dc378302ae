// A checkpoint or model folder → a model folder that Hugging Face's transformers loads, or GPT-NeoX's layer files. Checkpoint end of the road. A few
// megabytes are in memory at a time.
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { readModelConfig, type ModelConfig } from '../model/config.ts';
import { parameterShapes } from '../model/parameters.ts';
import { rotaryFrequencies } from '../model/rotary.ts';
import { makeWholeFolder } from './appear-whole.ts';
import { readCheckpointCounters, verifyCheckpoint } from './checkpoint.ts';
import { huggingFaceConfig } from './hugging-face-config.ts';
import { layerFile } from './layer-weights.ts';
import { optimizerGroups, type NeoxParameter } from './names.ts';
import { checkDivisible } from './neox-folder.ts';
import { FLOAT_BYTES } from './random-access.ts';
import { writeSafetensors, type WrittenType } from './safetensors.ts';
import { countValues, type StoredTensor } from './stored-tensor.ts';
import { cutForRank } from './tensor-parallel.ts';
import { writeTorch, type TensorToSave, type ValueToSave } from './torch-writer.ts';
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
      else writeNeox(folder, parameters, config, { ...countersOf(from, options), options });
      writeFileSync(join(folder, 'config.json'), huggingFaceConfig(configPath, config, options.precision));
      copyTokenizer(options.tokenizer ?? from, folder);
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

interface NeoxRun {
  readonly step: number;
  readonly lrCount: number;
  readonly options: ExportOptions;
}

function writeNeox(top: string, parameters: Parameters, config: ModelConfig, run: NeoxRun): void {
  const numRanks = run.options.tensorParallel ?? 1;
  const dtype = typeOf(run.options);
  const all = inModuleOrder(optimizerGroups(config).flat());
  checkDivisible(config, all, numRanks, `--tensor-parallel ${numRanks}`);
  const tag = `global_step${run.step}`;
  const folder = join(top, tag);
  mkdirSync(folder);
  for (let rank = 0; rank < numRanks; rank++) {
    for (const module of new Set(all.map((parameter) => parameter.module))) {
      const state = new Map<string, TensorToSave>();
      for (const parameter of all.filter((other) => other.module === module)) {
        const whole = parameters.get(parameter.name)!; // pickParameters found them all
        state.set(parameter.suffix, { dtype, tensor: cutForRank(parameter, whole, rank, numRanks) });
        if (parameter.suffix === 'attention.query_key_value.bias')
          state.set('attention.rotary_emb.inv_freq', { dtype, tensor: frequencies(config) });
      }
      writeTorch(join(folder, layerFile(module, rank)), state);
    }
    const mp = String(rank).padStart(2, '0');
    writeTorch(join(folder, `mp_rank_${mp}_model_states.pt`), modelState(config, run, numRanks));
  }
  writeFileSync(join(top, 'latest'), tag, { flush: true });
}

// A module's parameters in the order in which GPT-NeoX saves them: that of its construction, not of the optimizer's groups.
function inModuleOrder(parameters: readonly NeoxParameter[]): NeoxParameter[] {
  const places = ['input_layernorm', 'query_key_value', 'attention.dense', 'post_attention', 'h_to_4h', '4h_to_h'];
  const place = ({ suffix }: NeoxParameter): number =>
    2 * places.findIndex((part) => suffix.includes(part)) + (suffix.endsWith('.bias') ? 1 : 0);
  return [...parameters].sort((a, b) => a.module - b.module || place(a) - place(b));
}

// GPT-NeoX keeps the rotary frequencies among a block's weights and misses them when they are not there.
function frequencies(config: ModelConfig): TensorToSave['tensor'] {
  const values = rotaryFrequencies(config);
  return { shape: [values.length], read: (from, into) => into.set(values.subarray(from, from + into.length)) };
}

function modelState(config: ModelConfig, { step, lrCount }: NeoxRun, numRanks: number): ValueToSave {
  return dictOf({
    module: null, // the layer files have it
    optimizer: null,
    lr_scheduler: dictOf({ num_iters: lrCount }),
    csr_tensor_module_names: [],
    skipped_steps: step - lrCount,
    global_steps: step,
    dp_world_size: 1,
    mp_world_size: numRanks,
    iteration: step,
    args: dictOf({
      num_layers: config.numLayers,
      hidden_size: config.hiddenSize,
      num_attention_heads: config.numHeads,
      max_position_embeddings: config.maxPositions,
      make_vocab_size_divisible_by: 128, // this and the next as in all of Pythia; GPT-NeoX compares them with its arguments
      tokenizer_type: 'HFTokenizer',
      padded_vocab_size: config.vocabSize,
      model_parallel_size: numRanks,
    }),
  });
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

function dictOf(values: Readonly<Record<string, ValueToSave>>): ReadonlyMap<string, ValueToSave> {
  return new Map(Object.entries(values));
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
