// Matrix products on every back end, with and without a batch and transposed operands, odd sizes too: on wasm they run
// through a kernel of ours.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/tensor/backend.ts';
import { expectClose } from './close.ts';
import { BACKENDS_UNDER_TEST } from './present-backends.ts';
import * as reference from './reference.ts';
import { randomValues } from './reference.ts';

for (const backend of BACKENDS_UNDER_TEST) {
  describe.skipIf(!backend.isPresent)(`matMul, ${backend.title}`, () => {
    beforeAll(async () => void (await selectBackend(backend.name)));
    const flags = [false, true].flatMap((a) => [false, true].map((b) => [a, b] as const));
    const sizes = [
      [1, 1, 1, 1],
      [1, 5, 3, 7],
      [1, 1, 9, 1],
      [1, 9, 1, 5],
      [1, 33, 65, 17],
      [3, 4, 5, 6],
      [7, 1, 3, 1],
      [2, 13, 1, 11],
      [2, 1, 8, 5],
    ] as const;
    it.each(sizes)('of %i × [%i, %i] and [%i columns], any operand transposed', (...shape) => {
      const [n, rows, inner, columns] = shape;
      const left = randomValues(n * rows * inner, 3);
      const right = randomValues(n * inner * columns, 4);
      for (const [a, b] of flags) {
        const expected = reference.product(left, right, shape, a, b);
        const aShape = a ? [inner, rows] : [rows, inner];
        const bShape = b ? [columns, inner] : [inner, columns];
        for (const batch of n === 1 ? [[], [1]] : [[n]]) {
          const [values, outShape, numMade] = tf.tidy(() => {
            const x = tf.tensor(Float32Array.from(left), [...batch, ...aShape]);
            const y = tf.tensor(Float32Array.from(right), [...batch, ...bShape]);
            const { numTensors } = tf.memory();
            const out = tf.matMul(x, y, a, b);
            return [out.dataSync(), out.shape, tf.memory().numTensors - numTensors] as const;
          });
          expect(outShape).toEqual([...batch, rows, columns]);
          expect(numMade).toBe(1);
          expectClose(values, expected, `transposed: ${a}, ${b}`);
        }
      }
    });

    it.each(flags)('of one matrix with each of a batch, transposed: %s, %s', (a, b) => {
      const [n, rows, inner, columns] = [3, 4, 5, 6];
      const left = randomValues(rows * inner, 3);
      const right = randomValues(n * inner * columns, 4);
      const repeated = Float64Array.from({ length: n * left.length }, (_, i) => left[i % left.length]!);
      const values = tf.tidy(() =>
        tf
          .matMul(
            tf.tensor(Float32Array.from(left), [1, ...(a ? [inner, rows] : [rows, inner])]),
            tf.tensor(Float32Array.from(right), [n, ...(b ? [columns, inner] : [inner, columns])]),
            a,
            b,
          )
          .dataSync(),
      );
      expectClose(values, reference.product(repeated, right, [n, rows, inner, columns], a, b));
    });

    it('takes one tensor as both operands', () => {
      const values = randomValues(16, 6);
      const square = tf.tidy(() => {
        const x = tf.tensor2d(Float32Array.from(values), [4, 4]);
        return tf.matMul(x, x, true, false).dataSync();
      });
      expectClose(square, reference.product(values, values, [1, 4, 4, 4], true, false));
    });

    it('takes a tensor as right operand first in one shape and then in another', () => {
      const values = randomValues(16, 6);
      const left = randomValues(16, 7);
      const [wide, tall] = tf.tidy(() => {
        const x = tf.tensor2d(Float32Array.from(values), [4, 4]);
        const y = tf.tensor2d(Float32Array.from(left), [4, 4]);
        return [tf.matMul(y, x).dataSync(), tf.matMul(tf.reshape(y, [2, 8]), tf.reshape(x, [8, 2])).dataSync()];
      });
      expectClose(wide!, reference.product(left, values, [1, 4, 4, 4]));
      expectClose(tall!, reference.product(left, values, [1, 2, 8, 2]));
    });
  });
}
