// A random model of the Pythia suite's form, small but for its vocabulary, as the files that a hub has of it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { ModelConfig } from '../../src/model/config.ts';
import { parameterShapes } from '../../src/model/parameters.ts';
import { seededRandom } from '../../src/suite/nano/random.ts';
import { nanoTokenizerPath } from '../../src/suite/nano/corpus.ts';
import { findPythia, type PythiaModel } from '../../src/suite/pythia/models.ts';
import { NUM_TOKENS, paddedVocabulary, type PythiaSize } from '../../src/suite/pythia/sizes.ts';

/** A model of the registry under its own name, of a size that takes 3 MB. */
export function tiny(name: string): PythiaModel {
  const model = findPythia(name)!;
  return { ...model, size: { ...model.size, numLayers: 1, hiddenSize: 8, numHeads: 1, tensorParallel: 1 } };
}

const tokenizer = tokenizerFile();

/** The files of a revision: those a pull takes, and others; `more` replaces or adds. */
export function revisionFiles({ size }: PythiaModel, weights: Buffer, more: Record<string, Buffer> = {}) {
  const others = { 'README.md': Buffer.from('# words'), 'generation_config.json': Buffer.from('{}') };
  const own = { 'config.json': configFile(size), 'tokenizer.json': tokenizer, 'model.safetensors': weights };
  return { ...others, ...own, ...more };
}

/** The files but one. */
export function without(files: Record<string, Buffer>, name: string): Record<string, Buffer> {
  return Object.fromEntries(Object.entries(files).filter(([path]) => path !== name));
}

/** A config.json of a size, as the hub has it. */
export function configFile(size: PythiaSize): Buffer {
  return json({
    ...{ architectures: ['GPTNeoXForCausalLM'], model_type: 'gpt_neox', hidden_act: 'gelu', layer_norm_eps: 1e-5 },
    ...{ hidden_size: size.hiddenSize, intermediate_size: 4 * size.hiddenSize, num_hidden_layers: size.numLayers },
    ...{ num_attention_heads: size.numHeads, max_position_embeddings: 2048, rotary_emb_base: 10_000, rotary_pct: 0.25 },
    ...{ tie_word_embeddings: false, use_parallel_residual: true, vocab_size: paddedVocabulary(size) },
  });
}

/** A model.safetensors with the values of a seed; `change` may spoil a tensor. */
export function weightsFile(
  size: PythiaSize,
  seed: number,
  change: (name: string, data: Float32Array) => void = () => undefined,
): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-weights-'));
  const config: ModelConfig = {
    ...{ numLayers: size.numLayers, hiddenSize: size.hiddenSize, numHeads: size.numHeads },
    ...{ intermediateSize: 4 * size.hiddenSize, vocabSize: paddedVocabulary(size), maxPositions: 2048 },
    ...{ rotaryFraction: 0.25, rotaryBase: 10_000, layerNormEpsilon: 1e-5 },
  };
  const random = seededRandom(seed, 0);
  const tensors = parameterShapes(config).map(({ name, shape }) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < data.length; i += 7) data[i] = random.nextUint32() / 2 ** 32 - 0.5; // mostly zeros: quick, and no two seeds alike
    change(name, data);
    return [name, { shape, data }] as const;
  });
  try {
    writeSafetensors(join(folder, 'model.safetensors'), tensors);
    return readFileSync(join(folder, 'model.safetensors'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A tokenizer.json with as many tokens as the suite's: the nano suite's, and tokens that no text has. */
export function tokenizerFile(): Buffer {
  const file = JSON.parse(readFileSync(nanoTokenizerPath(), 'utf8')) as { model: { vocab: Record<string, number> } };
  const { vocab } = file.model;
  for (let id = Object.keys(vocab).length; id < NUM_TOKENS; id++) vocab[`zqx${id}`] = id;
  return json(file);
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
