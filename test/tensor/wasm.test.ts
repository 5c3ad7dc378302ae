// The guard of the wasm heap: beyond the limit a named refusal instead of wrong values, and what is disposed is room again.
// The big tensors here are made as untouched outputs, so they take address space and not memory.
import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { OutOfMemoryError } from '../../src/errors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { WASM_LIMIT_BYTES } from '../../src/tensor/memory-limits.ts';

const GIB = 1024 ** 3;

/** An output that nothing is written to. */
function make(gib: number, dtype: 'float32' | 'int32' = 'float32'): object {
  return (tf.backend() as BackendWasm).makeOutput([Math.floor((gib * GIB) / 4)], dtype).dataId;
}

function dispose(dataId: object): void {
  (tf.backend() as BackendWasm).disposeData(dataId);
}

/** Fails when the guard would not let this much live at once; in pieces, for the heap is no single hole. */
function expectRoom(gib: number): void {
  const pieces = [];
  for (let left = gib; left > 0; left -= 0.125) pieces.push(make(Math.min(left, 0.125)));
  pieces.forEach(dispose);
}

describe('the wasm back end', () => {
  beforeAll(async () => void (await selectBackend('wasm')));

  // First in this file: later the heap has grown, and its holes are where chance left them.
  it('refuses what fits in sum but in no single hole of its heap, and writes nothing', () => {
    const between = [0.9, 0.05, 0.9, 0.05, 0.9, 0.05].map((gib) => make(gib));
    for (const i of [0, 2, 4]) dispose(between[i]!); // 0.15 GiB live, holes of 0.9 and 1.1 GiB
    try {
      expect(() => make(1.5)).toThrow(OutOfMemoryError);
      expect(() => make(1.5)).toThrow(/shape \[402653184\].*no hole/);
      dispose(make(0.85)); // what fits is still given
      expect([...tf.tidy(() => tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).dataSync())]).toEqual([3, 3, 3, 3]);
    } finally {
      for (const i of [1, 3, 5]) dispose(between[i]!);
    }
  });

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
    const first = make(1.25);
    const second = make(1.25, 'int32');
    expect(() => make(1.25)).toThrow(OutOfMemoryError);
    dispose(first);
    const third = make(1.25);
    expect(() => make(1)).toThrow(/would bring the wasm back end to 3\.50 GiB/);
    dispose(second);
    dispose(third);
  });

  it('counts two tensors on the same data once', () => {
    tf.tidy(() => {
      const one = tf.zeros([128, 1024]); // half a MiB: 50 of them would not fit into the last MiB
      for (let i = 0; i < 50; i++) tf.reshape(one, [1024, 128]);
    });
    expectRoom(2.999);
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
    expectRoom(2.99);
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

  // Last in this file: nothing this back end says is trusted any more.
  it('refuses, and gives no value out, once its heap cannot grow for a kernel', () => {
    const { memory } = (tf.backend() as unknown as { wasm: { asm: { memory: WebAssembly.Memory } } }).wasm.asm;
    const before = memory.buffer.byteLength;
    const tensor = tf.ones([2, 2]);
    expect(() => memory.grow(65_536)).toThrow(RangeError); // 4 GiB more than there is, as a kernel would ask
    expect(memory.buffer.byteLength).toBe(before);
    expect(() => tf.ones([2, 2])).toThrow(/heap could not grow beyond/);
    expect(() => tensor.dataSync()).toThrow(OutOfMemoryError);
  });
});
