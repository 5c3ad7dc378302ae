// The back ends of `native/` behind TensorFlow.js: its operations against those of the back end cpu, its refusals, its memory, the whole road.
import * as tf from '@tensorflow/tfjs-core';
import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { CASES } from '../../src/contract/cases.ts';
import { relativeError } from '../../src/contract/check.ts';
import { randomValues } from '../../src/contract/reference.ts';
import { DataError, OutOfMemoryError } from '../../src/errors.ts';
import { packagePath } from '../../src/package-root.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { scatterRows } from '../../src/tensor/embedding.ts';
import { currentNative, probeNative } from '../../src/tensor/native.ts';
import type { Precision } from '../../src/tensor/precision.ts';
import { initialiseWeights } from '../../src/suite/nano/initialise.ts';
import { disposeState, fromState, toState, type TrainState } from '../../src/train/state.ts';
import { PYTHIA_ADAM, trainStep, type StepSettings } from '../../src/train/step.ts';
import { recordKernels } from './tensorflow/recorder.ts';
import { travelWholeRoad } from './tensorflow/whole-road.ts';

const SHAPE = { numLayers: 2, hiddenSize: 16, vocabSize: 64 };
const CONFIG = {
  ...{ ...SHAPE, numHeads: 2, intermediateSize: 64, maxPositions: 16 },
  ...{ rotaryFraction: 0.25, rotaryBase: 10_000, layerNormEpsilon: 1e-5 },
};
const SETTINGS: StepSettings = {
  ...{ config: CONFIG, switches: { gelu: 'tanh', rope: 'fp16-angles' }, adam: PYTHIA_ADAM },
  microBatchSize: 2,
};

for (const device of ['native', 'cuda'] as const) {
  const { works, reason } = probeNative(device);
  const title = `the ${device} back end`;
  describe.skipIf(!works)(works ? title : `${title} (skipped: ${reason})`, () => {
    beforeAll(async () => void (await selectBackend(device)));

    it('travels the whole road with the figures of the back end cpu', async () => {
      await selectBackend('cpu');
      const expected = await travelWholeRoad();
      await selectBackend(device);
      const found = await travelWholeRoad();
      expect(found.continuation).toEqual(expected.continuation);
      expect(Object.keys(found.figures)).toEqual(Object.keys(expected.figures));
      for (const [name, value] of Object.entries(expected.figures)) {
        expect(Math.abs(found.figures[name]! / value - 1), name).toBeLessThan(1e-4);
      }
      for (const [name, values] of expected.end.parameters) {
        // Key biases have no true gradient: their steps are made of rounding noise (see engine-gold.test.ts).
        const isDriven = !name.endsWith('query_key_value.bias');
        if (isDriven) expect(relativeError(found.end.parameters.get(name)!, values), name).toBeLessThan(1e-3);
      }
    });

    it('forms no matrix of logits or attention weights on the road of training', async () => {
      const recorder = recordKernels(device);
      try {
        disposeState((await trainStep(freshState(), rowsOf(0), 1e-3, SETTINGS)).state);
      } finally {
        recorder.stop();
      }
      const names = [...recorder.calls].map((call) => call.slice(0, call.indexOf('(')));
      expect(names).toEqual(expect.arrayContaining(['Linear', 'CausalAttention', 'CrossEntropy', 'AdamW']));
      expect(names).not.toContain('BatchMatMul');
      expect(names).not.toContain('Softmax');
    });

    describe.each(operations())('%s', (_, run) => {
      it('computes what the back end cpu computes', async () => {
        const values = async (name: 'cpu' | typeof device) => {
          await selectBackend(name);
          return tf.tidy(() =>
            [run()].flat().map((x) => ({ shape: x.shape, dtype: x.dtype, values: [...x.dataSync()] })),
          );
        };
        const expected = await values('cpu');
        const found = await values(device);
        expect(found.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
          expected.map(({ shape, dtype }) => ({ shape, dtype })),
        );
        found.forEach((one, i) => expect(relativeError(one.values, expected[i]!.values)).toBeLessThan(1e-5));
      });
    });

    it.each(CASES.filter(({ hasProducts }) => hasProducts).map((one) => [one.name, one] as const))(
      'rounds the factors of %s where bf16 is asked for, and only there',
      (_, { shapes, scale, run }) => {
        const values = (precision?: Precision) =>
          tf.tidy(() => {
            const inputs = shapes.map((shape, i) =>
              tf.tensor(Float32Array.from(randomValues(tf.util.sizeFromShape(shape), i + 1, scale)), shape),
            );
            const value = run(inputs, precision);
            const dy = tf.tensor(Float32Array.from(randomValues(value.size, 99)), value.shape);
            const gradients = tf.grads((...xs: tf.Tensor[]) => run(xs, precision))(inputs, dy);
            return [value, ...gradients].map((x) => [...x.dataSync()]);
          });
        const whole = values('fp32');
        expect(values()).toEqual(whole);
        const errors = values('bf16').map((found, i) => relativeError(found, whole[i]!));
        expect(errors[0]).toBeGreaterThan(1e-5);
        expect(Math.max(...errors.slice(1))).toBeGreaterThan(1e-5);
      },
    );

    it('makes the same bits each time', async () => {
      const ends = [];
      for (let i = 0; i < 2; i++) {
        const { state } = await trainStep(freshState(), rowsOf(1), 1e-3, SETTINGS);
        ends.push([...(await fromState(state)).parameters]);
        disposeState(state);
      }
      expect(ends[0]).toEqual(ends[1]);
    });

    it('holds its memory level over 500 steps', async () => {
      const backend = currentNative()!;
      const before = { numTensors: tf.memory().numTensors, liveBytes: backend.liveBytes };
      const settings = { ...SETTINGS, microBatchSize: 3 };
      let state = freshState();
      let level: number | undefined;
      for (let step = 0; step < 500; step++) {
        state = (await trainStep(state, rowsOf(step), 1e-3, settings)).state;
        level ??= backend.liveBytes;
        expect(backend.liveBytes).toBe(level);
      }
      disposeState(state);
      expect({ numTensors: tf.memory().numTensors, liveBytes: backend.liveBytes }).toEqual(before);
    });

    it('leaves the event loop free while it computes', async () => {
      const x = tf.randomNormal([600, 600], 0, 0.01);
      let y = x;
      for (let i = 0; i < 20; i++) y = tf.tidy(() => tf.matMul(y, x));
      let isThere = false;
      const reading = y.data().then(() => (isThere = true));
      let numTurns = 0;
      while (!isThere) {
        await new Promise((resolve) => setImmediate(resolve));
        numTurns += 1;
      }
      await reading;
      expect(numTurns).toBeGreaterThan(2);
      tf.dispose([x, y]);
    });

    it('names an index out of bounds at the next read of what depends on it, and goes on', async () => {
      const table = tf.ones([4, 2]);
      const rows = tf.gather(table, tf.tensor1d([1, 4], 'int32'));
      const sum = tf.add(rows, 1);
      await expect(sum.data()).rejects.toThrow(DataError);
      await expect(sum.data()).rejects.toThrow(/id 1 is 4, expected 0 to 3/);
      expect(() => scatterRows(tf.tensor1d([-1], 'int32'), tf.ones([1, 2]), [4, 2]).dataSync()).toThrow(/id 0 is -1/);
      expect([...tf.gather(table, tf.tensor1d([3], 'int32')).dataSync()]).toEqual([1, 1]);
    });

    it('refuses operations, types and forms that it does not have, by name', () => {
      const x = tf.ones([2, 3, 4]);
      expect(() => tf.cos(x)).toThrow(/Cos/);
      expect(() => tf.sum(x, [0, 2])).toThrow(/neighbouring dimensions only, not over \[0, 2\]/);
      expect(() => tf.add(tf.tensor1d([1], 'int32'), tf.tensor1d([1], 'int32'))).toThrow(/Add for float32 only/);
      expect(() => tf.gather(x, tf.tensor1d([0], 'int32'), 1)).toThrow(/first dimension only/);
      expect(() => tf.tensor1d(['word'])).toThrow(/no tensors of type string/);
    });

    it('refuses a tensor beyond the limit of memory, by name, and counts what lives', () => {
      const backend = currentNative()!;
      const { liveBytes } = backend;
      expect(() => tf.fill([2 ** 20, 2 ** 20], 1)).toThrow(OutOfMemoryError);
      expect(() => tf.fill([2 ** 20, 2 ** 20], 1)).toThrow(new RegExp(`${device} back end to 4096\\.\\d+ GiB of the`));
      expect(backend.liveBytes).toBe(liveBytes);
      const x = tf.ones([10]);
      expect(backend.liveBytes).toBe(liveBytes + 40);
      x.dispose();
      expect(backend.liveBytes).toBe(liveBytes);
    });

    it('throws where a disposed tensor is used', () => {
      const x = tf.ones([2]);
      const { dataId } = x;
      x.dispose();
      expect(() => tf.add(x, 1)).toThrow(/disposed/);
      expect(() => currentNative()!.readSync(dataId)).toThrow(/disposed/);
    });

    it('lets the process end in the midst of kernels', () => {
      const program = `
      import * as tf from '@tensorflow/tfjs-core';
      import { selectBackend } from './src/tensor/backend.ts';
      await selectBackend('${device}');
      let x = tf.fill([1200, 1200], 1e-3);
      for (let i = 0; i < 30; i++) x = tf.matMul(x, x);
      void x.data();
      process.exit(3);`;
      const words = ['--import', 'tsx', '--input-type=module', '--eval', program];
      const { status, signal, stderr } = spawnSync(process.execPath, words, { cwd: packagePath(), encoding: 'utf8' });
      expect({ status, signal, stderr }).toEqual({ status: 3, signal: null, stderr: '' });
    });

    it('takes over tensors that another back end made', async () => {
      await selectBackend('cpu');
      const x = tf.tensor1d([1, 2, 3]);
      await selectBackend(device);
      expect([...tf.add(x, 1).dataSync()]).toEqual([2, 3, 4]);
    });
  });
}

function freshState(): TrainState {
  const parameters = new Map([...initialiseWeights(SHAPE, 3)].map(([name, { data }]) => [name, data]));
  return toState(CONFIG, { step: 0, lrCount: 0, adamCount: 0, parameters }, 'weights-only');
}

/** Three rows of nine tokens: two micro-batches. */
function rowsOf(step: number) {
  const tokens = Int32Array.from({ length: 27 }, (_, i) => ((step * 31 + i) * 7919) % SHAPE.vocabSize);
  return { tokens, numRows: 3, rowLength: 9 };
}

function operations(): [string, () => tf.Tensor | tf.Tensor[]][] {
  const x = (shape: number[], seed = 1) =>
    tf.tensor(Float32Array.from(randomValues(tf.util.sizeFromShape(shape), seed)), shape);
  const positive = (shape: number[]) => tf.add(tf.square(x(shape)), 0.1);
  return [
    [
      'arithmetic of equal shapes',
      () => [tf.add, tf.sub, tf.mul, tf.div, tf.maximum, tf.minimum].map((f) => f(x([3, 5], 1), x([3, 5], 2))),
    ],
    [
      'arithmetic with rows, columns and scalars',
      () => [tf.add(x([3, 5]), x([5], 2)), tf.mul(x([3, 1]), x([3, 5], 2)), tf.sub(1, x([2, 3, 4]))],
    ],
    [
      'arithmetic of two tensors that both repeat',
      () => [tf.add(x([2, 1, 4]), x([3, 1], 2)), tf.div(x([1, 3, 1, 2]), positive([2, 1, 4, 1]))],
    ],
    [
      'functions of one value',
      () =>
        [tf.exp, tf.square, tf.sigmoid, tf.erf]
          .map((f) => f(x([4, 5])))
          .concat([tf.log, tf.sqrt, tf.rsqrt].map((f) => f(positive([3, 2])))),
    ],
    [
      'reductions',
      () => [
        tf.sum(x([2, 3, 4])),
        tf.sum(x([2, 3, 4]), 1),
        tf.mean(x([2, 3, 4]), [1, 2], true),
        tf.max(x([2, 3, 4]), 0),
        tf.max(x([2, 3]), -1, true),
      ],
    ],
    ['argMax', () => tf.argMax(tf.tensor2d([1, 5, 5, 9, 2, 9], [2, 3]), 1)],
    ['softmax', () => tf.softmax(x([3, 4, 5]))],
    ['addN', () => tf.addN([x([3, 2], 1), x([3, 2], 2), x([3, 2], 3)])],
    [
      'transposition',
      () => [
        tf.transpose(x([3, 5])),
        tf.transpose(x([2, 3, 4, 5]), [0, 2, 1, 3]),
        tf.transpose(x([2, 3, 4]), [2, 0, 1]),
      ],
    ],
    ['slices', () => [tf.slice(x([4, 5]), [1, 2], [2, 3]), tf.slice(x([4, 5, 6]), [3, 0, 1], [1, 5, -1])]],
    ['concatenation', () => [tf.concat([x([2, 3]), x([4, 3], 2)]), tf.concat([x([2, 3]), x([2, 1], 2)], 1)]],
    ['stacking', () => [tf.stack([x([2, 3]), x([2, 3], 2)], 1), ...tf.unstack(x([2, 3, 4]), 1)]],
    ['gathering', () => tf.gather(x([5, 2, 3]), tf.tensor1d([4, 0, 4], 'int32'))],
    ['filling', () => [tf.fill([2, 3], 7), tf.zerosLike(x([3])), tf.onesLike(x([2, 2])), tf.reshape(x([6]), [2, -1])]],
  ];
}
