// The guard of the wasm heap: beyond the limit a named refusal instead of wrong values, and what is disposed is room again.
// The big tensors here are made as untouched outputs, so they take address space and not memory.
import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { OutOfMemoryError } from '../../src/errors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { WASM_LIMIT_BYTES } from '../../src/tensor/wasm.ts';

const GIB = 1024 ** 3;

describe('the wasm back end', () => {
  beforeAll(async () => void (await selectBackend('wasm')));

  it('refuses a result beyond its limit by shape and size, and goes on computing', () => {
    expect(WASM_LIMIT_BYTES).toBe(3 * GIB);
    const run = () => tf.tidy(() => tf.matMul(tf.ones([40_000, 1]), tf.ones([1, 40_000])).shape);
    expect(run).toThrow(OutOfMemoryError);
    expect(run).toThrow(
      /a tensor of shape \[.*40000, 40000\] would bring the wasm back end to 5\.96 GiB; beyond 3 GiB/,
    );
    expect([...tf.tidy(() => tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).dataSync())]).toEqual([3, 3, 3, 3]);
  });

  it('counts what lives, of every type, and takes disposed bytes as room again', () => {
    const backend = tf.backend() as BackendWasm;
    const make = (gib: number, dtype: 'float32' | 'int32' = 'float32') => backend.makeOutput([(gib * GIB) / 4], dtype);
    const first = make(1.25);
    const second = make(1.25, 'int32');
    expect(() => make(1.25)).toThrow(OutOfMemoryError);
    backend.disposeData(first.dataId);
    const third = make(1.25);
    expect(() => make(1)).toThrow(/would bring the wasm back end to 3\.50 GiB/);
    backend.disposeData(second.dataId);
    backend.disposeData(third.dataId);
  });

  it('counts two tensors on the same data once', () => {
    const backend = tf.backend() as BackendWasm;
    tf.tidy(() => {
      const one = tf.zeros([128, 1024]); // half a MiB: 50 of them would not fit into the last MiB
      for (let i = 0; i < 50; i++) tf.reshape(one, [1024, 128]);
    });
    const full = backend.makeOutput([Math.floor((2.999 * GIB) / 4)], 'float32');
    backend.disposeData(full.dataId);
  });

  it('does not drift while products, transposes and views come and go', () => {
    const [rows, columns] = [256, 1024]; // 1 MiB: one such leak a turn would pass the 10 MiB that are left below
    for (let turn = 0; turn < 15; turn++) {
      tf.tidy(() => {
        const x = tf.zeros([rows, columns]);
        tf.matMul(tf.transpose(x), tf.ones([rows, 1]));
        tf.matMul(tf.ones([1, columns]), x, false, true); // a transpose inside the kernel
        tf.matMul(tf.reshape(x, [4, 64, columns]), tf.reshape(x, [4, 64, columns]), true, false); // twice, in a batch
        tf.reshape(x, [columns, rows]);
      });
    }
    const backend = tf.backend() as BackendWasm;
    const full = backend.makeOutput([Math.floor((2.99 * GIB) / 4)], 'float32');
    backend.disposeData(full.dataId);
  });

  it('refuses in the middle of a tidy without leaking what was made before', () => {
    const { numTensors, numBytes } = tf.memory();
    expect(() =>
      tf.tidy(() => {
        const x = tf.ones([30_000, 1]);
        return tf.matMul(x, tf.reshape(x, [1, 30_000]));
      }),
    ).toThrow(OutOfMemoryError);
    expect(tf.memory()).toMatchObject({ numTensors, numBytes });
  });
});
