// What finite differences of small shapes do not show: sums over repeated ids, many blocks of logits, values where exponentials
// overflow, three steps of AdamW, and that a sum over the same rows has the same bits each time.
import * as tf from '@tensorflow/tfjs-core';
import { addScaled } from '../tensor/add-scaled.ts';
import { adamWUpdate, type AdamWTensors } from '../tensor/adamw.ts';
import { crossEntropy, labelLogProbs } from '../tensor/cross-entropy.ts';
import { scatterRows } from '../tensor/embedding.ts';
import { gelu } from '../tensor/gelu.ts';
import { IDS } from './cases.ts';
import { largestError, relativeError, TOLERANCE, type ContractCheck } from './check.ts';
import * as reference from './reference.ts';
import { dot, mean, randomValues, type Values } from './reference.ts';

export const FUNCTION_CHECKS: readonly ContractCheck[] = [
  { name: 'scatterRows adds up rows that share an id, zeros elsewhere', run: scatters, tolerance: TOLERANCE },
  { name: 'scatterRows has the same bits each time', run: scattersAgain, tolerance: 0 },
  {
    name: 'crossEntropy and labelLogProbs in several blocks of logits',
    run: severalBlocks,
    tolerance: TOLERANCE,
    skipped: { cpu: '9 million logits keep it busy for 10 s, in the code that the others run' },
  },
  { name: 'crossEntropy where exponentials overflow', run: overflowing, tolerance: 1e-6 }, // 500 in fp32: ± 3e-5, against 500
  { name: 'gelu of large values, and its slope', run: largeGelu, tolerance: 1e-5 },
  { name: 'adamWUpdate, three steps without decay', run: () => threeSteps(0), tolerance: TOLERANCE },
  { name: 'adamWUpdate, three steps with decay', run: () => threeSteps(0.1), tolerance: TOLERANCE },
  { name: 'adamWUpdate of a weight without gradient', run: () => stillWeight(0), tolerance: 0 },
  { name: 'adamWUpdate of a weight without gradient, decayed', run: () => stillWeight(0.1), tolerance: TOLERANCE },
  { name: 'addScaled of two tensors', run: scaledSum, tolerance: TOLERANCE },
  { name: 'adamWUpdate of a weight that another holds', run: heldWeight, tolerance: 0 },
];

const tensor = (values: Values): tf.Tensor1D => tf.tensor1d(Float32Array.from(values));

function scatters(): number {
  const rows = randomValues(15, 5);
  const sums = tf.tidy(() =>
    scatterRows(tf.tensor1d(IDS, 'int32'), tf.tensor2d(Float32Array.from(rows), [5, 3]), [6, 3]).dataSync(),
  );
  return relativeError(sums, reference.scatterRows(IDS, rows, 6));
}

/** Eight thousand rows on five ids: sums by racing threads would differ in their last bits. */
function scattersAgain(): number {
  const [N, C, V] = [8192, 16, 5];
  const rows = Float32Array.from(randomValues(N * C, 8));
  const ids = Int32Array.from({ length: N }, (_, i) => (i * 7919) % V);
  const sums = () =>
    tf.tidy(() => scatterRows(tf.tensor1d(ids, 'int32'), tf.tensor2d(rows, [N, C]), [V, C]).dataSync());
  const first = sums();
  return Math.max(...Array.from({ length: 4 }, () => largestError(sums(), first)));
}

function severalBlocks(): number {
  const [N, C, V] = [180, 2, 50304]; // 9 M logits: three blocks
  const inputs = [randomValues(N * C, 1), randomValues(V * C, 2)];
  const labels = Int32Array.from({ length: N }, (_, i) => (i * 7919) % V);
  const expected = reference.labelLogProbs(inputs, labels);
  return tf.tidy(() => {
    const hidden = tf.tensor2d(Float32Array.from(inputs[0]!), [N, C]);
    const embedding = tf.tensor2d(Float32Array.from(inputs[1]!), [V, C]);
    const labelTensor = tf.tensor1d(labels, 'int32');
    const run = (h: tf.Tensor, e: tf.Tensor) => crossEntropy(h as tf.Tensor2D, e as tf.Tensor2D, labelTensor);
    const { value, grads } = tf.valueAndGrads(run)([hidden, embedding]);
    // 100,000 differences are too many: the slope along one random direction has every gradient in it.
    const directions = [randomValues(N * C, 3), randomValues(V * C, 4)];
    const slope = grads.reduce((sum, g, i) => sum + dot(Float64Array.from(g.dataSync()), directions[i]!), 0);
    const lossAt = (step: number) => {
      const moved = inputs.map((x, i) => x.map((v, j) => v + step * directions[i]![j]!));
      return -mean(reference.labelLogProbs(moved, labels));
    };
    return Math.max(
      relativeError(labelLogProbs(hidden, embedding, labelTensor).dataSync(), expected),
      relativeError(value.dataSync(), [-mean(expected)]),
      largestError([slope], [(lossAt(1e-4) - lossAt(-1e-4)) / 2e-4]),
    );
  });
}

function overflowing(): number {
  return tf.tidy(() => {
    const hidden = tf.tensor2d([1000, 0, -1000, 0], [2, 2]);
    const embedding = tf.tensor2d([1, 0, 0, 1, -1, 0], [3, 2]);
    const run = (h: tf.Tensor) => crossEntropy(h as tf.Tensor2D, embedding, tf.tensor1d([1, 2], 'int32'));
    const { value, grad } = tf.valueAndGrad(run)(hidden);
    // 1000 for the first row, 0 for the second
    return Math.max(relativeError(value.dataSync(), [500]), largestError(grad.dataSync(), [0.5, -0.5, 0, 0]));
  });
}

function largeGelu(): number {
  const errors = (['tanh', 'erf'] as const).map((form) =>
    tf.tidy(() => {
      const x = tf.tensor1d([-100, -20, 0, 20, 100]);
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => gelu(x, form))(x, tf.ones([5]));
      const slopes = largestError(grad.dataSync(), [0, 0, 0.5, 1, 1]);
      return Math.max(largestError(value.dataSync(), [0, 0, 0, 20, 100]), slopes);
    }),
  );
  return Math.max(...errors);
}

function threeSteps(weightDecay: number): number {
  const settings = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay, gradientScale: 0.5 };
  return tf.tidy(() => {
    let [p, m, v] = [randomValues(7, 1), new Float64Array(7), new Float64Array(7)];
    let state: AdamWTensors = { weight: tensor(p), expAvg: tensor(m), expAvgSq: tensor(v) };
    for (let s = 1; s <= 3; s++) {
      const gradient = randomValues(7, 10 + s);
      const corrections = { correction1: 1 - 0.9 ** s, correction2: 1 - 0.95 ** s };
      state = adamWUpdate(state, tensor(gradient), { ...settings, ...corrections });
      m = m.map((value, i) => 0.9 * value + 0.1 * 0.5 * gradient[i]!);
      v = v.map((value, i) => 0.95 * value + 0.05 * (0.5 * gradient[i]!) ** 2);
      p = p.map((value, i) => {
        const adaptive = m[i]! / (1 - 0.9 ** s) / (Math.sqrt(v[i]! / (1 - 0.95 ** s)) + 1e-8);
        return value - 0.01 * (adaptive + weightDecay * value);
      });
    }
    return Math.max(
      relativeError(state.weight.dataSync(), p, 'the weight'),
      relativeError(state.expAvg.dataSync(), m, 'the first moment'),
      relativeError(state.expAvgSq.dataSync(), v, 'the second moment'),
    );
  });
}

/** Two gradients added up, and what another holds of the first as it was. */
function scaledSum(): number {
  return tf.tidy(() => {
    const [first, second] = [randomValues(7, 1), randomValues(7, 2)];
    const start = tensor(first);
    const held = tf.clone(start);
    const sum = addScaled(addScaled(undefined, start, 0.25), tensor(second), 0.75);
    const expected = first.map((value, i) => 0.25 * value + 0.75 * second[i]!);
    return Math.max(
      relativeError(sum.dataSync(), expected, 'the sum'),
      relativeError(held.dataSync(), first, 'the tensor that another holds'),
    );
  });
}

/** What another holds of the old weight must stay as it was. */
function heldWeight(): number {
  return tf.tidy(() => {
    const old = { weight: tf.tensor1d([1, -2]), expAvg: tf.zeros([2]), expAvgSq: tf.zeros([2]) };
    const held = tf.clone(old.weight);
    const settings = { learningRate: 0.1, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, gradientScale: 1, weightDecay: 0.1 };
    adamWUpdate(old, tf.ones([2]), { ...settings, correction1: 0.1, correction2: 0.05 });
    return largestError(held.dataSync(), [1, -2]);
  });
}

function stillWeight(weightDecay: number): number {
  return tf.tidy(() => {
    const old = { weight: tf.tensor1d([1, -2]), expAvg: tf.zeros([2]), expAvgSq: tf.zeros([2]) };
    const settings = { learningRate: 0.1, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, gradientScale: 1, weightDecay };
    const corrections = { correction1: 1 - 0.9, correction2: 1 - 0.95 };
    const { weight } = adamWUpdate(old, tf.zeros([2]), { ...settings, ...corrections });
    const kept = 1 - 0.1 * weightDecay;
    return largestError(weight.dataSync(), [kept, -2 * kept]);
  });
}
