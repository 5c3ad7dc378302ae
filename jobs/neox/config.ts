// What GPT-NeoX v1.0 is told: one YAML file whose paths are relative to the folder that it lies in. Keys are GPT-NeoX's own (megatron/neox_arguments);
// the settings are those of Pythia's runs (EleutherAI/pythia, models/*/*.yml) where the plan does not say.
import { InputError } from '../../src/errors.ts';
import type { ModelConfig } from '../../src/model/config.ts';
import type { RunPlan } from '../../src/train/plan.ts';
import { PYTHIA_ADAM } from '../../src/train/step.ts';

export interface EngineSettings {
  /** Rows of one forward pass on one GPU. */
  readonly microBatchSize: number;
  /** GPUs that share one copy of the model. */
  readonly tensorParallel: number;
  /** make_vocab_size_divisible_by. */
  readonly vocabDivisor: number;
  /** Names the index arrays; nothing is drawn. */
  readonly seed: number;
}

/** Paths in the folder. */
export const LAYOUT = { data: 'data/window', start: 'checkpoint', trained: 'trained', config: 'config.yml' } as const;

/** The padded vocabulary that GPT-NeoX computes must be the model's. Throws InputError when no setting makes it so. */
export function vocabDivisorFor(vocabSize: number, numTokens: number, tensorParallel: number): number {
  const padded = (divisor: number) => Math.ceil(numTokens / (divisor * tensorParallel)) * divisor * tensorParallel;
  const found = [128, vocabSize / tensorParallel].find((divisor) => padded(divisor) === vocabSize);
  if (found !== undefined && Number.isInteger(found)) return found;
  throw new InputError(
    `the model's vocabulary has ${vocabSize} rows, which GPT-NeoX does not pad ${numTokens} tokens to on ${tensorParallel} tensor-parallel ranks: choose another --tensor-parallel`,
  );
}

/** The content of config.yml. Throws InputError for what GPT-NeoX cannot be told. */
export function neoxConfig(plan: RunPlan, model: ModelConfig, settings: EngineSettings): Record<string, unknown> {
  checkFits(plan, model, settings);
  return { ...modelPart(plan, model, settings), ...trainingPart(plan), ...batchPart(plan, settings), ...filesPart() };
}

function checkFits(plan: RunPlan, model: ModelConfig, { microBatchSize }: EngineSettings): void {
  const { from, to, rowsPerStep } = plan;
  if (rowsPerStep % microBatchSize !== 0)
    throw new InputError(`--micro-batch ${microBatchSize} does not divide the ${rowsPerStep} rows of a step`);
  if (model.intermediateSize !== 4 * model.hiddenSize)
    throw new InputError(
      `GPT-NeoX's inner width is four times ${model.hiddenSize}; the model's is ${model.intermediateSize}`,
    );
  if (to - from < 2)
    throw new InputError(`GPT-NeoX cannot begin with data for a single step; the window is ${from} to ${to}`);
}

function modelPart({ seqLength, gelu }: RunPlan, model: ModelConfig, settings: EngineSettings) {
  return {
    pipe_parallel_size: 1,
    model_parallel_size: settings.tensorParallel,
    num_layers: model.numLayers,
    hidden_size: model.hiddenSize,
    num_attention_heads: model.numHeads,
    seq_length: seqLength,
    max_position_embeddings: model.maxPositions,
    make_vocab_size_divisible_by: settings.vocabDivisor,
    norm: 'layernorm',
    layernorm_epsilon: model.layerNormEpsilon,
    pos_emb: 'rotary',
    rotary_pct: model.rotaryFraction,
    rotary_emb_base: model.rotaryBase,
    no_weight_tying: true,
    gpt_j_residual: true,
    output_layer_parallelism: 'column',
    activation: 'gelu',
    bias_gelu_fusion: gelu === 'tanh', // the fused kernel is the tanh form, the plain one erf
    scaled_upper_triang_masked_softmax_fusion: true,
    hidden_dropout: 0,
    attention_dropout: 0,
  };
}

function trainingPart({ to, schedule }: RunPlan) {
  const { peak, floor, totalSteps, warmupSteps } = schedule;
  const { beta1, beta2, epsilon, weightDecay, clipNorm } = PYTHIA_ADAM;
  return {
    optimizer: { type: 'Adam', params: { lr: peak, betas: [beta1, beta2], eps: epsilon } },
    weight_decay: weightDecay,
    gradient_clipping: clipNorm,
    min_lr: floor,
    lr_decay_style: 'cosine',
    lr_decay_iters: totalSteps,
    warmup: warmupSteps / totalSteps,
    use_checkpoint_lr_scheduler: true,
    train_iters: to,
    // Never: the schedule, and with finetune the step and the place in the data, would begin anew.
    finetune: false,
    no_load_optim: false,
    no_load_rng: true, // nothing is drawn; without it a checkpoint without generators is refused
    zero_optimization: {
      stage: 1,
      allgather_partitions: true,
      allgather_bucket_size: 500_000_000,
      overlap_comm: true,
      reduce_scatter: true,
      reduce_bucket_size: 500_000_000,
      contiguous_gradients: true,
      cpu_offload: false,
      load_from_fp32_weights: true,
    },
    fp16: {
      fp16: true,
      enabled: true,
      loss_scale: 0,
      loss_scale_window: 1000,
      initial_scale_power: 12,
      hysteresis: 2,
      min_loss_scale: 1,
    },
    checkpoint_activations: true,
    checkpoint_num_layers: 1,
    partition_activations: true,
    synchronize_each_layer: true,
    distributed_backend: 'nccl',
  };
}

function batchPart({ rowsPerStep, to }: RunPlan, { microBatchSize, seed }: EngineSettings) {
  return {
    train_batch_size: rowsPerStep, // gradient accumulation follows from it and the number of GPUs
    train_micro_batch_size_per_gpu: microBatchSize,
    seed,
    data_impl: 'mmap',
    num_workers: 2,
    eval_interval: to + 1,
    eval_iters: 0,
    log_interval: 1,
    steps_per_print: 10,
  };
}

function filesPart() {
  const { data, trained, start } = LAYOUT;
  return {
    train_data_paths: [data],
    train_data_weights: [1],
    // Never read; GPT-NeoX wants all three or none, and with data_path it would hold back a part of the training data.
    valid_data_paths: [data],
    valid_data_weights: [1],
    test_data_paths: [data],
    test_data_weights: [1],
    tokenizer_type: 'HFTokenizer',
    vocab_file: `${start}/tokenizer.json`,
    save: trained,
    load: trained,
  };
}

/** Steps between checkpoints: those at which the plan scores. */
export function saveInterval({ from, to, evaluateAt }: RunPlan): number {
  const inside = evaluateAt.filter((step) => step > from && step < to);
  const [first, second] = inside;
  if (first === undefined) return to;
  return second === undefined ? first : second - first;
}

/** YAML 1.1: every value of one line, in JSON's form. */
export function yamlOf(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${JSON.stringify(key)}: ${flow(value)}\n`)
    .join('');
}

function flow(value: unknown): string {
  if (typeof value === 'number') return yamlNumber(value);
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}: ${flow(inner)}`)
    .join(', ')}}`;
}

/** PyYAML takes 1e-8 for a text: a number with an exponent needs its point. */
function yamlNumber(value: number): string {
  const text = String(value);
  return /^-?\d+e/.test(text) ? text.replace('e', '.0e') : text;
}
