// Matrix products with and without a batch and transposed operands, odd sizes too: on wasm they run through a kernel of ours.
import * as tf from '@tensorflow/tfjs-core';
import { relativeError, TOLERANCE, type ContractCheck } from './check.ts';
import { product, randomValues, type Values } from './reference.ts';

type Sizes = readonly [batch: number, rows: number, inner: number, columns: number];

const SIZES: readonly Sizes[] = [
  [1, 1, 1, 1],
  [1, 5, 3, 7],
  [1, 1, 9, 1],
  [1, 9, 1, 5],
  [1, 33, 65, 17],
  [3, 4, 5, 6],
  [7, 1, 3, 1],
  [2, 13, 1, 11],
  [2, 1, 8, 5],
];
const FLAGS = [false, true].flatMap((a) => [false, true].map((b) => [a, b] as const));

export const PRODUCT_CHECKS: readonly ContractCheck[] = [
  ...SIZES.map((sizes) => check(`of ${sizes.join(' × ')}, any operand transposed`, () => anyTransposed(sizes))),
  check('of one matrix with each of a batch', oneWithEach),
  check('of one tensor with itself', withItself),
  check('of a tensor in one shape and then in another', inTwoShapes),
];

function check(name: string, run: () => number): ContractCheck {
  return { name: `matMul ${name}`, run, tolerance: TOLERANCE };
}

function tensor(values: Values, shape: readonly number[]): tf.Tensor {
  return tf.tensor(Float32Array.from(values), [...shape]);
}

function anyTransposed(sizes: Sizes): number {
  const [n, rows, inner, columns] = sizes;
  const left = randomValues(n * rows * inner, 3);
  const right = randomValues(n * inner * columns, 4);
  const errors = FLAGS.flatMap(([a, b]) =>
    (n === 1 ? [[], [1]] : [[n]]).map((batch) =>
      tf.tidy(() => {
        const x = tensor(left, [...batch, ...(a ? [inner, rows] : [rows, inner])]);
        const y = tensor(right, [...batch, ...(b ? [columns, inner] : [inner, columns])]);
        const { numTensors } = tf.memory();
        const out = tf.matMul(x, y, a, b);
        const numMade = tf.memory().numTensors - numTensors;
        if (numMade !== 1) throw new Error(`a product left ${numMade} tensors`);
        const shape = [...batch, rows, columns].join(', ');
        if (out.shape.join(', ') !== shape)
          throw new Error(`a product has shape [${out.shape.join(', ')}], not [${shape}]`);
        return relativeError(out.dataSync(), product(left, right, sizes, a, b));
      }),
    ),
  );
  return Math.max(...errors);
}

function oneWithEach(): number {
  const sizes = [3, 4, 5, 6] as const;
  const [n, rows, inner, columns] = sizes;
  const left = randomValues(rows * inner, 3);
  const right = randomValues(n * inner * columns, 4);
  const repeated = Float64Array.from({ length: n * left.length }, (_, i) => left[i % left.length]!);
  const errors = FLAGS.map(([a, b]) =>
    tf.tidy(() => {
      const x = tensor(left, [1, ...(a ? [inner, rows] : [rows, inner])]);
      const y = tensor(right, [n, ...(b ? [columns, inner] : [inner, columns])]);
      return relativeError(tf.matMul(x, y, a, b).dataSync(), product(repeated, right, sizes, a, b));
    }),
  );
  return Math.max(...errors);
}

function withItself(): number {
  const values = randomValues(16, 6);
  return tf.tidy(() => {
    const x = tensor(values, [4, 4]);
    return relativeError(tf.matMul(x, x, true, false).dataSync(), product(values, values, [1, 4, 4, 4], true, false));
  });
}

function inTwoShapes(): number {
  const values = randomValues(16, 6);
  const left = randomValues(16, 7);
  return tf.tidy(() => {
    const x = tensor(values, [4, 4]);
    const y = tensor(left, [4, 4]);
    const wide = relativeError(tf.matMul(y, x).dataSync(), product(left, values, [1, 4, 4, 4]));
    const tall = tf.matMul(tf.reshape(y, [2, 8]), tf.reshape(x, [8, 2]));
    return Math.max(wide, relativeError(tall.dataSync(), product(left, values, [1, 2, 8, 2])));
  });
}
