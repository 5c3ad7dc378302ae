// The fused kernels of src/tensor on the native back end: shapes are taken from the tensors here and checked once more by the addon against its buffers.
import * as tf from '@tensorflow/tfjs-core';
import type { FusedName } from '../fused.ts';
import type { NativeBackend } from './backend.ts';
import type { KernelArguments } from './operations.ts';

type Fused = (args: KernelArguments) => tf.TensorInfo[];

/** In the order of native/kernels.h. */
const GELU_FORMS = ['tanh', 'erf'];

export const FUSED: Readonly<Record<FusedName, Fused>> = {
  AdamW: adamW,
  CausalAttention: attention,
  CausalAttentionGradient: attentionGradient,
  CrossEntropy: crossEntropy,
  Gelu: ({ inputs: { x }, attrs, backend }) => gelu(backend, 'gelu', [x!], attrs.form as string),
  GeluGradient: ({ inputs: { dy, x }, attrs, backend }) =>
    gelu(backend, 'geluGradient', [dy!, x!], attrs.form as string),
  LabelLogProbs: labelLogProbs,
  LayerNorm: layerNorm,
  LayerNormGradient: layerNormGradient,
  Linear: linear,
  LinearGradient: linearGradient,
  ScaleOwned: scaleOwned,
  SquareSum: squareSum,
};

function adamW({ inputs, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const { weight, expAvg, expAvgSq, gradient } = inputs;
  const outputs = [weight!, expAvg!, expAvgSq!].map(({ shape }) => backend.makeOutput(shape));
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

function attentionSizes({ batch, length, heads, headSize, rotated }: KernelArguments['attrs']): number[] {
  return [batch, length, heads, headSize, rotated] as number[];
}

function attention({ inputs: { qkv, cos, sin }, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const sizes = attentionSizes(attrs);
  const [B, T, H, D] = sizes as [number, number, number, number];
  const outputs = [backend.makeOutput([B * T, H * D]), backend.makeOutput([B * H, T])];
  backend.run('attention', [qkv!, cos!, sin!], outputs, sizes);
  return outputs;
}

function attentionGradient({ inputs, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const { dy, qkv, attended, logSumExp, cos, sin } = inputs;
  const out = backend.makeOutput(qkv!.shape);
  backend.run('attentionGradient', [dy!, qkv!, attended!, logSumExp!, cos!, sin!], [out], attentionSizes(attrs));
  return [out];
}

function crossEntropy({ inputs: { hidden, embedding, labels }, backend }: KernelArguments): tf.TensorInfo[] {
  const [N, C] = matrix(hidden!);
  const outputs = [backend.makeOutput([]), backend.makeOutput(hidden!.shape), backend.makeOutput(embedding!.shape)];
  backend.run('crossEntropy', [hidden!, embedding!, labels!], outputs, [N, C, matrix(embedding!)[0]]);
  return outputs;
}

function labelLogProbs({ inputs: { hidden, embedding, labels }, backend }: KernelArguments): tf.TensorInfo[] {
  const [N, C] = matrix(hidden!);
  const out = backend.makeOutput([N]);
  backend.run('labelLogProbs', [hidden!, embedding!, labels!], [out], [N, C, matrix(embedding!)[0]]);
  return [out];
}

function gelu(backend: NativeBackend, kernel: string, inputs: tf.TensorInfo[], form: string): tf.TensorInfo[] {
  const out = backend.makeOutput(inputs[0]!.shape);
  backend.run(kernel, inputs, [out], [GELU_FORMS.indexOf(form), tf.util.sizeFromShape(out.shape)]);
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

function linear({ inputs: { x, weight, bias }, backend }: KernelArguments): tf.TensorInfo[] {
  const [N, numIn] = matrix(x!);
  const [numOut] = matrix(weight!);
  const out = backend.makeOutput([N, numOut]);
  backend.run('linear', [x!, weight!, bias!], [out], [N, numIn, numOut]);
  return [out];
}

function linearGradient({ inputs: { dy, x, weight }, backend }: KernelArguments): tf.TensorInfo[] {
  const [N, numIn] = matrix(x!);
  const [numOut] = matrix(weight!);
  const outputs = [backend.makeOutput([N, numIn]), backend.makeOutput([numOut, numIn]), backend.makeOutput([numOut])];
  backend.run('linearGradient', [dy!, x!, weight!], outputs, [N, numIn, numOut]);
  return outputs;
}

function scaleOwned({ inputs: { x, factor }, backend }: KernelArguments): tf.TensorInfo[] {
  const out = backend.refCount(x!.dataId) === 1 ? backend.share(x!) : backend.makeOutput(x!.shape);
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
