// The config.json of an exported model: every field that transformers' GPTNeoXConfig reads, from 4.30 to 5 (models/gpt_neox/configuration_gpt_neox.py).
import { readJsonFile } from './json-file.ts';
import type { ModelConfig } from '../model/config.ts';

/** Fields that tell of the file that the configuration came from, not of the model. */
const NOT_OF_THE_MODEL = ['dtype', '_name_or_path', 'transformers_version', 'quantization_config'];

/** JSON text: what the source's config.json says, completed; the shape is the one it was read as. */
export function huggingFaceConfig(sourcePath: string, config: ModelConfig, precision: 'fp16' | 'fp32'): string {
  const source = readJsonFile(sourcePath) as Record<string, unknown>; // readModelConfig found it an object
  const kept = Object.entries(source).filter(([key]) => !NOT_OF_THE_MODEL.includes(key));
  const defaults = {
    attention_bias: true,
    attention_dropout: 0,
    bos_token_id: 0, // <|endoftext|>
    classifier_dropout: 0.1,
    eos_token_id: 0,
    hidden_dropout: 0,
    initializer_range: 0.02,
    use_cache: true,
  };
  const ofTheShape = {
    architectures: ['GPTNeoXForCausalLM'],
    model_type: 'gpt_neox',
    hidden_act: 'gelu',
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    layer_norm_eps: config.layerNormEpsilon,
    max_position_embeddings: config.maxPositions,
    num_attention_heads: config.numHeads,
    num_hidden_layers: config.numLayers,
    rotary_emb_base: config.rotaryBase,
    rotary_pct: config.rotaryFraction,
    // transformers 5 has moved both there; 4 leaves the field alone.
    rope_parameters: {
      rope_type: 'default',
      rope_theta: config.rotaryBase,
      partial_rotary_factor: config.rotaryFraction,
    },
    tie_word_embeddings: false,
    torch_dtype: precision === 'fp16' ? 'float16' : 'float32',
    use_parallel_residual: true,
    vocab_size: config.vocabSize,
  };
  const fields = Object.entries({ ...defaults, ...Object.fromEntries(kept), ...ofTheShape });
  return `${JSON.stringify(Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1))), null, 2)}\n`;
}
