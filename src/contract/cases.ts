// Every function with a gradient of its own, and the model that they make, each with its float64 counterpart and shapes small enough for
// finite differences.
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig } from '../model/config.ts';
import { meanLoss } from '../model/gpt-neox.ts';
import { parameterShapes } from '../model/parameters.ts';
import { attentionTables } from '../model/rotary.ts';
import { causalAttention } from '../tensor/attention.ts';
import { crossEntropy } from '../tensor/cross-entropy.ts';
import { embed } from '../tensor/embedding.ts';
import { gelu, type GeluForm } from '../tensor/gelu.ts';
import { layerNorm } from '../tensor/layer-norm.ts';
import { linear } from '../tensor/linear.ts';
import { mlp } from '../tensor/mlp.ts';
import type { Precision } from '../tensor/precision.ts';
import { recomputed } from '../tensor/recompute.ts';
import { residual } from '../tensor/residual.ts';
import * as reference from './reference.ts';
import type { AttentionSizes, Values } from './reference.ts';

const NO_MODEL = { numLayers: 1, intermediateSize: 1, vocabSize: 1, maxPositions: 8, layerNormEpsilon: 1e-5 };

export interface Case {
  /** The function whose gradient this is, by its exported name. */
  readonly operation: string;
  readonly name: string;
  readonly shapes: number[][];
  readonly run: (inputs: tf.Tensor[], precision?: Precision) => tf.Tensor;
  /** Whether it has products, whose factors may be bf16. */
  readonly hasProducts?: true;
  readonly reference: (inputs: Values[]) => Values;
  readonly scale?: number;
  /** Tensors that `run` makes besides its result: labels, ids, tables. */
  readonly numConstants?: number;
}

const LABELS = Int32Array.of(3, 0, 8, 3, 3, 1);
export const IDS = Int32Array.of(2, 0, 2, 2, 5);

export const CASES: Case[] = [
  ...[
    [5, 7, 3], // narrower output than input
    [4, 3, 11], // wider
    [1, 1, 1],
    [1, 6, 2],
  ].map(([N, input, output]) => ({
    operation: 'linear',
    name: `linear [${N}, ${input}] → [${N}, ${output}]`,
    shapes: [[N!, input!], [output!, input!], [output!]],
    hasProducts: true as const,
    run: ([x, w, b]: tf.Tensor[], precision?: Precision) =>
      linear(x as tf.Tensor2D, w as tf.Tensor2D, b as tf.Tensor1D, precision),
    reference: (inputs: Values[]) => reference.linear(inputs, N!),
  })),
  mlpCase('tanh', reference.geluTanh),
  mlpCase('erf', reference.geluErf),
  ...[1e-5, 1e-1].map((epsilon) => ({
    operation: 'layerNorm',
    name: `layerNorm with epsilon ${epsilon}`,
    shapes: [[4, 7], [7], [7]],
    run: ([x, w, b]: tf.Tensor[]) => layerNorm(x as tf.Tensor2D, w as tf.Tensor1D, b as tf.Tensor1D, epsilon),
    reference: (inputs: Values[]) => reference.layerNorm(inputs, epsilon),
  })),
  {
    operation: 'gelu',
    name: 'gelu, tanh form',
    shapes: [[3, 17]],
    scale: 2,
    run: ([x]) => gelu(x!, 'tanh'),
    reference: ([x]) => x!.map(reference.geluTanh),
  },
  {
    operation: 'gelu',
    name: 'gelu, erf form',
    shapes: [[3, 17]],
    scale: 2,
    run: ([x]) => gelu(x!, 'erf'),
    reference: ([x]) => x!.map(reference.geluErf),
  },
  attentionCase({ B: 2, T: 5, H: 3, D: 6, R: 4, base: 10 }),
  attentionCase({ B: 1, T: 3, H: 1, D: 4, R: 4, base: 10000 }),
  attentionCase({ B: 3, T: 1, H: 2, D: 8, R: 2, base: 10 }),
  {
    operation: 'crossEntropy',
    name: 'crossEntropy with repeated labels',
    numConstants: 1,
    shapes: [
      [6, 5],
      [9, 5],
    ],
    hasProducts: true,
    run: ([h, e], precision) =>
      crossEntropy(h as tf.Tensor2D, e as tf.Tensor2D, tf.tensor1d(LABELS, 'int32'), precision),
    reference: (inputs) => Float64Array.of(-reference.mean(reference.labelLogProbs(inputs, LABELS))),
  },
  {
    operation: 'embed',
    name: 'embed with repeated ids',
    numConstants: 1,
    shapes: [[6, 3]],
    run: ([table]) => embed(table as tf.Tensor2D, tf.tensor1d(IDS, 'int32')),
    reference: ([table]) => Float64Array.from({ length: 15 }, (_, i) => table![IDS[Math.floor(i / 3)]! * 3 + (i % 3)]!),
  },
  {
    operation: 'residual',
    name: 'residual',
    shapes: [
      [3, 4],
      [3, 4],
      [3, 4],
    ],
    run: ([a, b, c]) => residual(a as tf.Tensor2D, b as tf.Tensor2D, c as tf.Tensor2D),
    reference: ([a, b, c]) => a!.map((value, i) => value + b![i]! + c![i]!),
  },
  {
    operation: 'recomputed',
    name: 'recomputed linear and gelu',
    shapes: [[3, 4], [5, 4], [5]],
    run: (inputs) =>
      recomputed(inputs, [], ([x, w, b]) => gelu(linear(x as tf.Tensor2D, w as tf.Tensor2D, b as tf.Tensor1D), 'tanh')),
    reference: (inputs) => reference.linear(inputs, 3).map(reference.geluTanh),
  },
  modelCase(),
];

function mlpCase(form: GeluForm, activation: (x: number) => number): Case {
  const [N, C, F] = [5, 3, 7];
  return {
    operation: 'mlp',
    name: `mlp, ${form} form`,
    shapes: [[N, C], [F, C], [F], [C, F], [C]],
    hasProducts: true,
    run: ([x, up, upBias, down, downBias], precision) => {
      const weights = { up: up as tf.Tensor2D, upBias: upBias as tf.Tensor1D };
      const narrowing = { down: down as tf.Tensor2D, downBias: downBias as tf.Tensor1D };
      return mlp(x as tf.Tensor2D, { ...weights, ...narrowing }, form, precision);
    },
    reference: ([x, up, upBias, down, downBias]) => {
      const wide = reference.linear([x!, up!, upBias!], N).map(activation);
      return reference.linear([wide, down!, downBias!], N);
    },
  };
}

function attentionCase(sizes: AttentionSizes): Case {
  const { B, T, H, D, R, base } = sizes;
  const config = { ...NO_MODEL, numHeads: H, hiddenSize: H * D, rotaryFraction: R / D, rotaryBase: base };
  return {
    operation: 'causalAttention',
    name: `causalAttention of ${B} × ${T} tokens, ${H} heads of ${D}, ${R} rotated`,
    shapes: [[B * T, 3 * H * D]],
    numConstants: 4,
    hasProducts: true,
    run: ([qkv], precision) =>
      causalAttention(
        qkv as tf.Tensor2D,
        { batch: B, length: T, heads: H, headSize: D },
        attentionTables(config, T, 'fp32-angles'),
        precision,
      ),
    reference: ([qkv]) => reference.causalAttention(qkv!, sizes),
  };
}

/** The loss of a whole model of two layers, with respect to every parameter. */
function modelCase(): Case {
  const sizes = { L: 2, V: 7, B: 2, T: 3, H: 2, D: 4, R: 2, base: 10 } as const;
  const config: ModelConfig = {
    ...{ numLayers: sizes.L, hiddenSize: 8, numHeads: sizes.H, intermediateSize: 12, vocabSize: sizes.V },
    ...{ maxPositions: 8, rotaryFraction: sizes.R / sizes.D, rotaryBase: sizes.base, layerNormEpsilon: 1e-5 },
  };
  const ids = Int32Array.of(3, 0, 6, 3, 3, 1);
  const labels = Int32Array.of(0, 6, 2, 3, 1, 5);
  const parameters = parameterShapes(config);
  return {
    operation: 'meanLoss',
    name: 'meanLoss of a model of two layers',
    shapes: parameters.map(({ shape }) => [...shape]),
    scale: 0.5,
    hasProducts: true,
    run: (tensors, precision) => {
      const named = Object.fromEntries(parameters.map(({ name }, i) => [name, tensors[i]!]));
      const grid = { ids, batch: sizes.B, length: sizes.T };
      const switches = { gelu: 'tanh', rope: 'fp32-angles', ...(precision && { precision }) } as const;
      return meanLoss(named, config, grid, labels, switches);
    },
    reference: (inputs) => reference.meanLoss(inputs, sizes, ids, labels),
  };
}
