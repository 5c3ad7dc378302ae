// The shape of a GPT-NeoX model, read from a Hugging Face config.json (model_type gpt_neox).
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { DataError, messageOf } from '../errors.ts';

export interface ModelConfig {
  readonly numLayers: number; // L
  readonly hiddenSize: number; // C
  readonly numHeads: number; // H
  readonly intermediateSize: number; // 4·C
  readonly vocabSize: number; // V, padded
  readonly maxPositions: number;
  readonly rotaryFraction: number;
  readonly rotaryBase: number;
  readonly layerNormEpsilon: number;
}

const size = (most: number) => z.int().min(1).max(most);
const configFile = z
  .object({
    model_type: z.literal('gpt_neox'),
    num_hidden_layers: size(1000),
    hidden_size: size(100_000),
    num_attention_heads: size(1000),
    intermediate_size: size(1_000_000),
    vocab_size: size(1_000_000),
    max_position_embeddings: size(1_000_000).default(2048),
    rotary_pct: z.number().gt(0).max(1).default(0.25),
    rotary_emb_base: z.number().positive().default(10000),
    layer_norm_eps: z.number().positive().default(1e-5),
    hidden_act: z.literal('gelu').default('gelu'),
    rope_scaling: z.null().optional(),
    use_parallel_residual: z.literal(true).default(true),
    tie_word_embeddings: z.literal(false).default(false),
  })
  .refine((c) => c.hidden_size % c.num_attention_heads === 0, 'hidden_size is not a multiple of num_attention_heads')
  .refine((c) => Math.floor((c.hidden_size / c.num_attention_heads) * c.rotary_pct) % 2 === 0, {
    path: ['rotary_pct'],
    message: 'rotates an odd number of dimensions of a head',
  });

/** Reads and checks a config.json; throws DataError naming the file and the field. */
export function readModelConfig(path: string): ModelConfig {
  let parsed;
  try {
    parsed = configFile.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw new DataError(`${path}: cannot be read as a JSON model configuration: ${messageOf(error)}`, { cause: error });
  }
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new DataError(`${path}: field "${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'not a GPT-NeoX model'}`);
  }
  const file = parsed.data;
  return {
    numLayers: file.num_hidden_layers,
    hiddenSize: file.hidden_size,
    numHeads: file.num_attention_heads,
    intermediateSize: file.intermediate_size,
    vocabSize: file.vocab_size,
    maxPositions: file.max_position_embeddings,
    rotaryFraction: file.rotary_pct,
    rotaryBase: file.rotary_emb_base,
    layerNormEpsilon: file.layer_norm_eps,
  };
}

/** Size of one head, D. */
export function headSize(config: ModelConfig): number {
  return config.hiddenSize / config.numHeads;
}
