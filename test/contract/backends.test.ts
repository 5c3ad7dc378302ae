// One contract for every back end: each function of src/tensor computes what plain float64 loops compute, and its gradient is
// the one that finite differences of those loops give.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { adamWUpdate, type AdamWTensors } from '../../src/tensor/adamw.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { crossEntropy, labelLogProbs } from '../../src/tensor/cross-entropy.ts';
import { scatterRows } from '../../src/tensor/embedding.ts';
import { gelu } from '../../src/tensor/gelu.ts';
import { CASES, IDS } from './cases.ts';
import { expectClose } from './close.ts';
import { BACKENDS_UNDER_TEST } from './present-backends.ts';
import { vocabularyBlocks } from '../../src/tensor/vocabulary-blocks.ts';
import * as reference from './reference.ts';
import { dot, finiteDifferences, mean, randomValues, type Values } from './reference.ts';

for (const backend of BACKENDS_UNDER_TEST) {
  describe.skipIf(!backend.isPresent)(backend.title, () => {
    beforeAll(async () => void (await selectBackend(backend.name)));

    describe.each(CASES)('$name', (given) => {
      const inputs = given.shapes.map((shape, i) => randomValues(size(shape), 17 + i, given.scale));
      const tensors = () => inputs.map((values, i) => tf.tensor(Float32Array.from(values), given.shapes[i]));

      it('computes what float64 loops compute', () => {
        const value = tf.tidy(() => given.run(tensors()).dataSync());
        expectClose(value, given.reference(inputs));
      });

      it('has the gradient that finite differences give', () => {
        const expected = given.reference(inputs);
        const dy = randomValues(expected.length, 99);
        const gradients = tf.tidy(() => {
          const dyTensor = tf.tensor(Float32Array.from(dy), given.run(tensors()).shape);
          const all = tf.grads((...xs: tf.Tensor[]) => given.run(xs))(tensors(), dyTensor);
          return all.map((gradient) => gradient.dataSync());
        });
        gradients.forEach((gradient, i) =>
          expectClose(gradient, finiteDifferences(given.reference, inputs, i, dy), given.shapes[i]),
        );
      });

      it('leaves its result and nothing else in memory', () => {
        tf.tidy(() => {
          const inputTensors = tensors();
          const kept = given.run(inputTensors); // whatever tables and labels the case itself makes exist now
          const { numTensors } = tf.memory();
          const again = given.run(inputTensors);
          const made = tf.memory().numTensors - numTensors;
          expect(made).toBe(1 + (given.numConstants ?? 0));
          expect(again.shape).toEqual(kept.shape);
        });
      });
    });

    it('scatterRows adds up rows that share an id and leaves zeros elsewhere', () => {
      const rows = randomValues(15, 5);
      const sums = tf.tidy(() =>
        scatterRows(tf.tensor1d(IDS, 'int32'), tf.tensor2d(Float32Array.from(rows), [5, 3]), [6, 3]).dataSync(),
      );
      expectClose(sums, reference.scatterRows(IDS, rows, 6));
    });

    // The cpu back end runs the same code; so many logits keep it busy for seconds.
    it.skipIf(backend.name === 'cpu')('crossEntropy and labelLogProbs take several blocks when logits are many', () => {
      const [N, C, V] = [180, 2, 50304];
      expect(vocabularyBlocks(N, V).map(({ size }) => size)).toEqual([16_768, 16_768, 16_768]);
      const inputs = [randomValues(N * C, 1), randomValues(V * C, 2)];
      const labels = Int32Array.from({ length: N }, (_, i) => (i * 7919) % V);
      const expected = reference.labelLogProbs(inputs, labels);
      tf.tidy(() => {
        const hidden = tf.tensor2d(Float32Array.from(inputs[0]!), [N, C]);
        const embedding = tf.tensor2d(Float32Array.from(inputs[1]!), [V, C]);
        const labelTensor = tf.tensor1d(labels, 'int32');
        expectClose(labelLogProbs(hidden, embedding, labelTensor).dataSync(), expected);
        const run = (h: tf.Tensor, e: tf.Tensor) => crossEntropy(h as tf.Tensor2D, e as tf.Tensor2D, labelTensor);
        const { value, grads } = tf.valueAndGrads(run)([hidden, embedding]);
        expectClose(value.dataSync(), [-mean(expected)]);
        // 100,000 differences are too many: the slope along one random direction has every gradient in it.
        const directions = [randomValues(N * C, 3), randomValues(V * C, 4)];
        const slope = grads.reduce((sum, g, i) => sum + dot(Float64Array.from(g.dataSync()), directions[i]!), 0);
        const lossAt = (step: number) =>
          -mean(
            reference.labelLogProbs(
              inputs.map((x, i) => x.map((v, j) => v + step * directions[i]![j]!)),
              labels,
            ),
          );
        expect(Math.abs(slope - (lossAt(1e-4) - lossAt(-1e-4)) / 2e-4)).toBeLessThan(1e-5);
      });
    });

    it('crossEntropy stays right where exponentials overflow', () => {
      const [loss, dHidden] = tf.tidy(() => {
        const hidden = tf.tensor2d([1000, 0, -1000, 0], [2, 2]);
        const embedding = tf.tensor2d([1, 0, 0, 1, -1, 0], [3, 2]);
        const run = (h: tf.Tensor) => crossEntropy(h as tf.Tensor2D, embedding, tf.tensor1d([1, 2], 'int32'));
        const { value, grad } = tf.valueAndGrad(run)(hidden);
        return [value.dataSync()[0], [...grad.dataSync()]];
      });
      expect(loss).toBeCloseTo(500, 3); // 1000 for the first row, 0 for the second
      expect(dHidden).toEqual([0.5, -0.5, 0, 0]);
    });

    it('gelu of large values is the value or zero, with slope one or zero', () => {
      for (const form of ['tanh', 'erf'] as const) {
        const [values, slopes] = tf.tidy(() => {
          const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => gelu(x, form))(
            tf.tensor1d([-100, -20, 0, 20, 100]),
            tf.ones([5]),
          );
          return [[...value.dataSync()], [...grad.dataSync()]];
        });
        [0, 0, 0, 20, 100].forEach((expected, i) => expect(values[i]).toBeCloseTo(expected, 5));
        [0, 0, 0.5, 1, 1].forEach((expected, i) => expect(slopes[i]).toBeCloseTo(expected, 5));
      }
    });

    it.each([0, 0.1])('adamWUpdate makes three steps with decay %s as written on paper', (weightDecay) => {
      const settings = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay, gradientScale: 0.5 };
      let [p, m, v] = [randomValues(7, 1), new Float64Array(7), new Float64Array(7)];
      const tensor = (values: Values): tf.Tensor => tf.tensor1d(Float32Array.from(values));
      let state: AdamWTensors = { weight: tensor(p), expAvg: tensor(m), expAvgSq: tensor(v) };
      for (let s = 1; s <= 3; s++) {
        const gradient = randomValues(7, 10 + s);
        const corrections = { correction1: 1 - 0.9 ** s, correction2: 1 - 0.95 ** s };
        const old = state;
        const gradientTensor = tensor(gradient);
        state = adamWUpdate(old, gradientTensor, { ...settings, ...corrections });
        tf.dispose([gradientTensor, old.weight, old.expAvg, old.expAvgSq]);
        m = m.map((value, i) => 0.9 * value + 0.1 * 0.5 * gradient[i]!);
        v = v.map((value, i) => 0.95 * value + 0.05 * (0.5 * gradient[i]!) ** 2);
        p = p.map((value, i) => {
          const adaptive = m[i]! / (1 - 0.9 ** s) / (Math.sqrt(v[i]! / (1 - 0.95 ** s)) + 1e-8);
          return value - 0.01 * (adaptive + weightDecay * value);
        });
      }
      expectClose(state.weight.dataSync(), p);
      expectClose(state.expAvg.dataSync(), m);
      expectClose(state.expAvgSq.dataSync(), v);
      tf.dispose([state.weight, state.expAvg, state.expAvgSq]);
    });

    it('adamWUpdate does not move a weight whose gradient has always been zero, except by decay', () => {
      const moved = tf.tidy(() => {
        const zero = tf.zeros([2]);
        const old = { weight: tf.tensor1d([1, -2]), expAvg: zero, expAvgSq: zero };
        const settings = { learningRate: 0.1, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, gradientScale: 1 };
        const first = { correction1: 1 - 0.9, correction2: 1 - 0.95 };
        return [0, 0.1].map((weightDecay) => [
          ...adamWUpdate(old, zero, { ...settings, ...first, weightDecay }).weight.dataSync(),
        ]);
      });
      expect(moved[0]).toEqual([1, -2]);
      expectClose(moved[1]!, [0.99, -1.98]);
    });
  });
}

function size(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
