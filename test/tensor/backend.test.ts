// Which back end computes: the named one or a named error, never a silent other one.
import * as tf from '@tensorflow/tfjs-core';
import util from 'node:util';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { probeTensorflow, selectBackend } from '../../src/tensor/backend.ts';
import { probeNative } from '../../src/tensor/native.ts';

const tensorflow = await probeTensorflow();

describe('selectBackend', () => {
  it('starts a back end once for all that ask at the same time', async () => {
    const listeners = ['uncaughtException', 'unhandledRejection'].map((event) => process.rawListeners(event));
    const chosen = await Promise.all(['wasm', 'wasm', 'wasm'].map(() => selectBackend('wasm')));
    expect(chosen.map(({ name }) => name)).toEqual(['wasm', 'wasm', 'wasm']);
    expect(tf.getBackend()).toBe('wasm');
    expect(['uncaughtException', 'unhandledRejection'].map((event) => process.rawListeners(event))).toEqual(listeners);
  });

  it.each(['wasm', 'cpu'] as const)('starts %s when it is named', async (name) => {
    const chosen = await selectBackend(name);
    expect(chosen).toEqual({ name, reason: 'asked for by name' });
    expect(tf.getBackend()).toBe(name);
  });

  it.skipIf(tensorflow.works && tensorflow.hasGpu)(
    'takes native for auto where no GPU answers and it is built, else wasm, and says why',
    async () => {
      const native = probeNative();
      const chosen = await selectBackend('auto');
      expect(chosen.name).toBe(native.works ? 'native' : 'wasm');
      expect(chosen.reason).toContain(native.reason);
      expect(tf.getBackend()).toBe(chosen.name);
    },
  );

  it.skipIf(tensorflow.works)(
    'refuses tensorflow with its reason where it cannot run, and leaves the back end',
    async () => {
      await selectBackend('cpu');
      await expect(selectBackend('tensorflow')).rejects.toThrow(InputError);
      await expect(selectBackend('tensorflow')).rejects.toThrow(
        /tensorflow back end cannot run here: @tensorflow\/tfjs/,
      );
      expect(tf.getBackend()).toBe('cpu');
    },
  );

  it('does not take tensorflow on a Node that lacks what its package calls', async () => {
    const { isNullOrUndefined } = util as unknown as { isNullOrUndefined: unknown };
    delete (util as { isNullOrUndefined?: unknown }).isNullOrUndefined;
    try {
      expect(await probeTensorflow()).toMatchObject({ works: false, hasGpu: false });
      expect((await probeTensorflow()).reason).toMatch(/dropped in version 23: take Node 20 or 22/);
    } finally {
      Object.assign(util, { isNullOrUndefined });
    }
  });

  it("adds no listeners for the process's crashes", async () => {
    const count = () => ['uncaughtException', 'unhandledRejection'].map((event) => process.listenerCount(event));
    const before = count();
    await selectBackend('wasm');
    expect(count()).toEqual(before);
  });
});
