// The first weights of a GPT-NeoX model from a seed, distributed as gpt-neox v1.0 does (megatron/model/init_functions.py):
// small_init N(0, √(2/(5·C))) for embeddings, qkv, h→4h and the output embedding; wang_init N(0, 2/(L·√C)) for the two
// projections back into the residual stream; biases 0, layer norms 1 and 0. Departure: a normal number is the sum of twelve
// uniform ones less six, because additions and Math.sqrt are exactly alike on every machine and Math.log and Math.cos are not.
import { seededRandom, type Random } from './random.ts';

export interface InitialShape {
  readonly numLayers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
}

export interface InitialTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The tensors under their Hugging Face names, in the order of the model; the same seed gives the same bits everywhere. */
export function initialiseWeights({ numLayers, hiddenSize, vocabSize }: InitialShape, seed: number): Map<string, InitialTensor> {
  const small = Math.sqrt(2 / (5 * hiddenSize));
  const wang = 2 / (numLayers * Math.sqrt(hiddenSize));
  const tensors = new Map<string, InitialTensor>();
  // Each tensor has its own stream, so that its values do not depend on the tensors before it.
  const normal = (name: string, rows: number, columns: number, deviation: number): void => {
    const random = seededRandom(seed, 2 + tensors.size);
    const data = Float32Array.from({ length: rows * columns }, () => deviation * drawNormal(random));
    tensors.set(name, { shape: [rows, columns], data });
  };
  const constant = (name: string, size: number, value: number): void => {
    tensors.set(name, { shape: [size], data: new Float32Array(size).fill(value) });
  };
  const linear = (name: string, rows: number, columns: number, deviation: number): void => {
    normal(`${name}.weight`, rows, columns, deviation);
    constant(`${name}.bias`, rows, 0);
  };
  const layerNorm = (name: string): void => {
    constant(`${name}.weight`, hiddenSize, 1);
    constant(`${name}.bias`, hiddenSize, 0);
  };
  normal('gpt_neox.embed_in.weight', vocabSize, hiddenSize, small);
  for (let layer = 0; layer < numLayers; layer++) {
    const prefix = `gpt_neox.layers.${String(layer)}`;
    layerNorm(`${prefix}.input_layernorm`);
    layerNorm(`${prefix}.post_attention_layernorm`);
    linear(`${prefix}.attention.query_key_value`, 3 * hiddenSize, hiddenSize, small);
    linear(`${prefix}.attention.dense`, hiddenSize, hiddenSize, wang);
    linear(`${prefix}.mlp.dense_h_to_4h`, 4 * hiddenSize, hiddenSize, small);
    linear(`${prefix}.mlp.dense_4h_to_h`, hiddenSize, 4 * hiddenSize, wang);
  }
  layerNorm('gpt_neox.final_layer_norm');
  normal('embed_out.weight', vocabSize, hiddenSize, small);
  return tensors;
}

// Mean 0, variance 1: twelve uniform numbers have variance 12 · 1/12. The sum of 32-bit words is exact in a double.
function drawNormal(random: Random): number {
  let sum = 0;
  for (let i = 0; i < 12; i++) sum += random.nextUint32();
  return (sum + 6) / 2 ** 32 - 6; // + 12 · ½, the middle of each word's interval
}
