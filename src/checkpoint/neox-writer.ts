// The files of a GPT-NeoX checkpoint: layer files, model states and, for an engine that is to train on, the optimizer's as ZeRO stage 1 of DeeperSpeed
// eb7f5cff has them (deepspeed/runtime/zero/stage1.py, elastic form). Checkpoint end of the road; zero.ts reads what this writes.
// There is one optimizer file a tensor-parallel rank, as of a run on one data-parallel rank: the elastic form is cut anew for as many as load it.
// An engine that finds no optimizer files loads no schedule either, and may go on with the fp32 masters of its own initialisation.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.ts';
import type { ModelConfig } from '../model/config.ts';
import { rotaryFrequencies } from '../model/rotary.ts';
import { layerFile } from './layer-weights.ts';
import { optimizerGroups, type NeoxParameter } from './names.ts';
import { checkDivisible } from './neox-folder.ts';
import type { WrittenType } from './safetensors.ts';
import { countValues, type StoredTensor } from './stored-tensor.ts';
import { cutForRank } from './tensor-parallel.ts';
import { writeTorch, type TensorToSave, type ValueToSave } from './torch-writer.ts';
import { MOMENTS } from './zero.ts';

/** What an engine that trains on needs beside the weights. */
export interface NeoxTraining {
  /** GPT-NeoX's cosine. */
  readonly schedule: {
    readonly peak: number;
    readonly floor: number;
    readonly totalSteps: number;
    readonly warmupSteps: number;
  };
  /** Adam's moments by name, exp_avg.NAME and exp_avg_sq.NAME; null starts them from zero. */
  readonly moments: ReadonlyMap<string, StoredTensor> | null;
  /** make_vocab_size_divisible_by: GPT-NeoX compares it with its arguments. */
  readonly vocabDivisor: number;
}

export interface NeoxRun {
  readonly step: number;
  readonly lrCount: number;
  /** Of the layer files; masters and moments are always fp32. */
  readonly dtype: WrittenType;
  readonly tensorParallel?: number | undefined;
  readonly training?: NeoxTraining | undefined;
}

/** As Pythia's runs began; GPT-NeoX adapts it from there. */
const FIRST_LOSS_SCALE = 2 ** 12;

/** Writes `latest` and the folder global_stepN into `top`. Throws DataError when the ranks cannot share the model, or a weight is out of fp16's range. */
export function writeNeox(
  top: string,
  parameters: ReadonlyMap<string, StoredTensor>,
  config: ModelConfig,
  run: NeoxRun,
): void {
  const { dtype, tensorParallel: numRanks = 1 } = run;
  const groups = optimizerGroups(config);
  const all = inModuleOrder(groups.flat());
  checkDivisible(config, all, numRanks, `--tensor-parallel ${numRanks}`);
  const tag = `global_step${run.step}`;
  const folder = join(top, tag);
  mkdirSync(folder);
  const whole = (parameter: NeoxParameter) => parameters.get(parameter.name)!; // pickParameters found them all
  for (let rank = 0; rank < numRanks; rank++) {
    for (const module of new Set(all.map((parameter) => parameter.module))) {
      const state = new Map<string, TensorToSave>();
      for (const parameter of all.filter((other) => other.module === module)) {
        state.set(parameter.suffix, { dtype, tensor: cutForRank(parameter, whole(parameter), rank, numRanks) });
        if (parameter.suffix === 'attention.query_key_value.bias')
          state.set('attention.rotary_emb.inv_freq', { dtype, tensor: frequencies(config) });
      }
      writeTorch(join(folder, layerFile(module, rank)), state);
    }
    const mp = String(rank).padStart(2, '0');
    writeTorch(join(folder, `mp_rank_${mp}_model_states.pt`), modelState(config, run, numRanks));
    if (run.training === undefined) continue;
    const states = optimizerState(groups, whole, run.training, { rank, numRanks });
    writeTorch(join(folder, `zero_pp_rank_0_mp_rank_${mp}_optim_states.pt`), states);
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

function modelState(config: ModelConfig, { step, lrCount, training }: NeoxRun, numRanks: number): ValueToSave {
  return dictOf({
    module: null, // the layer files have it
    optimizer: null,
    lr_scheduler: dictOf({ ...(training && scheduleState(training)), num_iters: lrCount }),
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
      make_vocab_size_divisible_by: training?.vocabDivisor ?? 128, // GPT-NeoX compares these with its arguments; 128 and the next in all of Pythia
      tokenizer_type: 'HFTokenizer',
      padded_vocab_size: config.vocabSize,
      model_parallel_size: numRanks,
    }),
  });
}

// AnnealingLR.state_dict of megatron/learning_rates.py.
function scheduleState({ schedule: { peak, floor, totalSteps, warmupSteps } }: NeoxTraining) {
  return {
    start_lr: peak,
    warmup_iter: warmupSteps,
    decay_style: 'cosine',
    end_iter: totalSteps,
    min_lr: floor,
  };
}

function optimizerState(
  groups: ReturnType<typeof optimizerGroups>,
  whole: (parameter: NeoxParameter) => StoredTensor,
  { moments }: NeoxTraining,
  { rank, numRanks }: { rank: number; numRanks: number },
): ValueToSave {
  const flat = (group: readonly NeoxParameter[], read: (parameter: NeoxParameter) => StoredTensor) =>
    saved(joined(group.map(read)));
  // A summand's moments are the whole bias's: mergeRanks says why.
  const moment = (name: string) => (parameter: NeoxParameter) => {
    const found = moments?.get(`${name}.${parameter.name}`);
    if (moments !== null && found === undefined)
      throw new DataError(`${[...moments.values()][0]?.path ?? 'the moments'}: has no ${name} of ${parameter.name}`);
    const stored = found ?? zeros(parameter);
    return cutForRank(
      parameter.cut === 'summands' ? { ...parameter, cut: 'copies' } : parameter,
      stored,
      rank,
      numRanks,
    );
  };
  const master = (parameter: NeoxParameter) => cutForRank(parameter, whole(parameter), rank, numRanks);
  return dictOf({
    optimizer_state_dict: dictOf({
      loss_scaler: { className: 'deepspeed.runtime.fp16.loss_scaler DynamicLossScaler', state: lossScaler() },
      dynamic_loss_scale: true,
      overflow: false,
      base_optimizer_state: groups.map((group) => [
        dictOf(Object.fromEntries(MOMENTS.map((name) => [name, flat(group, moment(name))]))),
      ]),
      zero_stage: 1,
      partition_count: 1,
      num_comm_intervals_per_group: [1, 1],
      local_sub_partitions_of_fp32_groups: groups.map((group) => [flat(group, master)]),
    }),
  });
}

// The fields of DeepSpeed's DynamicLossScaler with the settings of Pythia's runs, before its first step.
function lossScaler(): ReadonlyMap<string, ValueToSave> {
  return dictOf({
    cur_scale: FIRST_LOSS_SCALE,
    cur_iter: 0,
    last_overflow_iter: -1,
    scale_factor: 2,
    scale_window: 1000,
    min_scale: 1,
    delayed_shift: 2,
    cur_hysteresis: 2,
    consecutive_hysteresis: false,
    raise_error_at_min_scale: true,
  });
}

function saved(tensor: StoredTensor): TensorToSave {
  return { dtype: 'F32', tensor };
}

function zeros({ name, shape }: NeoxParameter): StoredTensor {
  return { path: name, dtype: 'F32', shape, read: (_, into) => void into.fill(0) };
}

/** Tensors one after the other, as one flat vector. */
function joined(parts: readonly StoredTensor[]): StoredTensor {
  let end = 0;
  const segments = parts.map((tensor) => {
    const start = end;
    end += countValues(tensor.shape);
    return { tensor, start, end };
  });
  return {
    path: parts[0]?.path ?? '',
    dtype: 'F32',
    shape: [end],
    read(from, into) {
      for (const segment of segments) {
        const [first, last] = [Math.max(from, segment.start), Math.min(from + into.length, segment.end)];
        if (first < last) segment.tensor.read(first - segment.start, into.subarray(first - from, last - from));
      }
    },
  };
}

function dictOf(values: Readonly<Record<string, ValueToSave>>): ReadonlyMap<string, ValueToSave> {
  return new Map(Object.entries(values));
}
