// The fused kernels of src/tensor on the back ends of `native/`: shapes are taken from the tensors here and checked once more by the addon against its buffers.
import * as tf from '@tensorflow/tfjs-core';
import type { FusedName } from '../fused.ts';
import { PRECISIONS, type Precision } from '../precision.ts';
import type { KernelArguments } from './operations.ts';

type Fused = (args: KernelArguments) => tf.TensorInfo[];

/** In the order of native/kernels.h. */
const GELU_FORMS = ['tanh', 'erf'];

export const FUSED: Readonly<Record<FusedName, Fused>> = {
  AdamW: adamW,
  AddScaled: addScaled,
  CausalAttention: attention,
  CausalAttentionGradient: attentionGradient,
  CrossEntropy: crossEntropy,
  LabelLogProbs: labelLogProbs,
  LayerNorm: layerNorm,
  LayerNormGradient: layerNormGradient,
  Linear: linear,
  LinearGradient: linearGradient,
  Mlp: mlp,
  MlpGradient: mlpGradient,
  ScaleOwned: scaleOwned,
  SquareSum: squareSum,
};

function adamW({ inputs, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const { weight, expAvg, expAvgSq, gradient } = inputs;
  const outputs = [weight!, expAvg!, expAvgSq!].map((owned) => backend.inPlace(owned));
  const { learningRate, beta1, beta2, epsilon, weightDecay, gradientScale, correction1, correction2 } = attrs;
  const settings = [
    learningRate,
    beta1,
    beta2,
    epsilon,
    weightDecay,
    gradientScale,
    correction1,
    correction2,
  ] as number[];
  const count = tf.util.sizeFromShape(weight!.shape);
  backend.run('adamw', [weight!, expAvg!, expAvgSq!, gradient!], outputs, [count, ...settings]);
  return outputs;
}

function attentionNumbers(attrs: KernelArguments['attrs']): number[] {
  const { batch, length, heads, headSize, rotated } = attrs;
  return [...([batch, length, heads, headSize, rotated] as number[]), precisionOf(attrs)];
}

function attention({ inputs: { qkv, cos, sin }, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const sizes = attentionNumbers(attrs);
  const [B, T, H, D] = sizes as [number, number, number, number];
  const outputs = [backend.makeOutput([B * T, H * D]), backend.makeOutput([B * H, T])];
  backend.run('attention', [qkv!, cos!, sin!], outputs, sizes);
  return outputs;
}

function attentionGradient({ inputs, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const { dy, qkv, attended, logSumExp, cos, sin } = inputs;
  const out = backend.makeOutput(qkv!.shape);
  backend.run('attentionGradient', [dy!, qkv!, attended!, logSumExp!, cos!, sin!], [out], attentionNumbers(attrs));
  return [out];
}

function addScaled({ inputs: { sum, x }, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const out = backend.inPlace(sum!);
  backend.run('addScaled', [sum!, x!], [out], [tf.util.sizeFromShape(x!.shape), attrs.factor as number]);
  return [out];
}

function precisionOf({ precision }: KernelArguments['attrs']): number {
  return PRECISIONS.indexOf(precision as Precision);
}

function crossEntropy({ inputs: { hidden, embedding, labels }, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const [N, C] = matrix(hidden!);
  const outputs = [backend.makeOutput([]), backend.makeOutput(hidden!.shape), backend.makeOutput(embedding!.shape)];
  const numbers = [N, C, matrix(embedding!)[0], precisionOf(attrs)];
  backend.run('crossEntropy', [hidden!, embedding!, labels!], outputs, numbers);
  return outputs;
}

function labelLogProbs({ inputs: { hidden, embedding, labels }, backend }: KernelArguments): tf.TensorInfo[] {
  const [N, C] = matrix(hidden!);
  const out = backend.makeOutput([N]);
  backend.run('labelLogProbs', [hidden!, embedding!, labels!], [out], [N, C, matrix(embedding!)[0]]);
  return [out];
}

function layerNorm({ inputs: { x, weight, bias }, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const [N, C] = matrix(x!);
  const outputs = [backend.makeOutput([N, C]), backend.makeOutput([N]), backend.makeOutput([N])];
  backend.run('layerNorm', [x!, weight!, bias!], outputs, [N, C, attrs.epsilon as number]);
  return outputs;
}

function layerNormGradient({ inputs, backend }: KernelArguments): tf.TensorInfo[] {
  const { dy, x, weight, mean, rstd } = inputs;
  const [N, C] = matrix(x!);
  const outputs = [backend.makeOutput([N, C]), backend.makeOutput([C]), backend.makeOutput([C])];
  backend.run('layerNormGradient', [dy!, x!, weight!, mean!, rstd!], outputs, [N, C]);
  return outputs;
}

function linear({ inputs: { x, weight, bias }, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const [N, numIn] = matrix(x!);
  const [numOut] = matrix(weight!);
  const out = backend.makeOutput([N, numOut]);
  backend.run('linear', [x!, weight!, bias!], [out], [N, numIn, numOut, precisionOf(attrs)]);
  return [out];
}

function linearGradient({ inputs: { dy, x, weight }, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const [N, numIn] = matrix(x!);
  const [numOut] = matrix(weight!);
  const outputs = [backend.makeOutput([N, numIn]), backend.makeOutput([numOut, numIn]), backend.makeOutput([numOut])];
  backend.run('linearGradient', [dy!, x!, weight!], outputs, [N, numIn, numOut, precisionOf(attrs)]);
  return outputs;
}

function mlpNumbers(x: tf.TensorInfo, up: tf.TensorInfo, attrs: KernelArguments['attrs']): number[] {
  return [...matrix(x), matrix(up)[0], GELU_FORMS.indexOf(attrs.form as string), precisionOf(attrs)];
}

function mlp({ inputs: { x, up, upBias, down, downBias }, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const [N] = matrix(x!);
  const outputs = [backend.makeOutput(x!.shape), backend.makeOutput([N, matrix(up!)[0]])];
  backend.run('mlp', [x!, up!, upBias!, down!, downBias!], outputs, mlpNumbers(x!, up!, attrs));
  return outputs;
}

function mlpGradient({ inputs: { dy, x, wide, up, down }, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const [F, C] = matrix(up!);
  const outputs = [x!.shape, [F, C], [F], [C, F], [C]].map((shape) => backend.makeOutput(shape));
  backend.run('mlpGradient', [dy!, x!, wide!, up!, down!], outputs, mlpNumbers(x!, up!, attrs));
  return outputs;
}

function scaleOwned({ inputs: { x, factor }, backend }: KernelArguments): tf.TensorInfo[] {
  const out = backend.inPlace(x!);
  backend.run('scale', [x!, factor!], [out], [tf.util.sizeFromShape(x!.shape)]);
  return [out];
}

function squareSum({ inputs, backend }: KernelArguments): tf.TensorInfo[] {
  const out = backend.makeOutput([]);
  backend.run('squareSum', inputs as unknown as tf.TensorInfo[], [out], []);
  return [out];
}

function matrix({ shape }: tf.TensorInfo): [number, number] {
  if (shape.length !== 2) throw new Error(`bug: expected a matrix, found the shape [${shape.join(', ')}]`);
  return shape as [number, number];
}
