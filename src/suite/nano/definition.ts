// The nano suite as data: a miniature Pythia. One hundredth of Pythia's 143,000 steps, the learning-rate schedule scaled alike,
// and 154 checkpoint steps placed as Pythia's are (arXiv 2304.01373).

export interface NanoSize {
  readonly name: 'nano-1m' | 'nano-4m';
  readonly numLayers: number;
  readonly hiddenSize: number;
  readonly numHeads: number;
  /** Rows of the embeddings; the tokenizer's 1,024 ids are padded to it. */
  readonly vocabSize: number;
}

export const nanoSizes: readonly NanoSize[] = [
  { name: 'nano-1m', numLayers: 4, hiddenSize: 128, numHeads: 4, vocabSize: 1024 },
  { name: 'nano-4m', numLayers: 6, hiddenSize: 224, numHeads: 7, vocabSize: 2048 },
];

export const nanoTraining = {
  /** Tokens of a model input; a row has one more. */
  seqLength: 128,
  /** Rows a step. */
  batchSize: 16,
  trainSteps: 1430,
  peakLearningRate: 1e-3,
  minLearningRate: 1e-4,
  warmupFraction: 0.01,
  /** Seed of the data order, as in Pythia. */
  dataSeed: 1234,
} as const;

/** The 154 steps with a checkpoint: 0, the powers of two up to 512, and every multiple of ten up to 1,430. */
export function checkpointSteps(): number[] {
  const steps = [0];
  for (let step = 1; step <= 512; step *= 2) steps.push(step);
  for (let step = 10; step <= nanoTraining.trainSteps; step += 10) steps.push(step);
  return steps.sort((a, b) => a - b);
}

/** The config.json of a size, in the fields that Hugging Face's GPTNeoXConfig reads. */
export function nanoConfig(size: NanoSize): Readonly<Record<string, unknown>> {
  return {
    architectures: ['GPTNeoXForCausalLM'],
    bos_token_id: 0,
    eos_token_id: 0,
    hidden_act: 'gelu',
    hidden_size: size.hiddenSize,
    initializer_range: 0.02,
    intermediate_size: 4 * size.hiddenSize,
    layer_norm_eps: 1e-5,
    max_position_embeddings: 2048,
    model_type: 'gpt_neox',
    num_attention_heads: size.numHeads,
    num_hidden_layers: size.numLayers,
    rotary_emb_base: 10000,
    rotary_pct: 0.25,
    tie_word_embeddings: false,
    torch_dtype: 'float32',
    use_cache: true,
    use_parallel_residual: true,
    vocab_size: size.vocabSize,
  };
}
