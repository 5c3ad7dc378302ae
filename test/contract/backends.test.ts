// The contract on every back end that is present: one test a check, so that a deviation is named.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONTRACT, runCheck } from '../../src/contract/contract.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { BACKENDS_UNDER_TEST } from './present-backends.ts';

for (const backend of BACKENDS_UNDER_TEST) {
  describe.skipIf(!backend.isPresent)(backend.title, () => {
    beforeAll(async () => void (await selectBackend(backend.name)));

    for (const check of CONTRACT) {
      const spared = check.skipped?.[backend.name];
      it.skipIf(spared !== undefined)(spared === undefined ? check.name : `${check.name} (${spared})`, () => {
        const { numTensors } = tf.memory();
        const result = runCheck(check, backend.name);
        expect(result, `deviation ${result.deviation}`).toMatchObject({ status: 'passed', reason: null });
        expect(tf.memory().numTensors).toBe(numTensors);
      });
    }
  });
}
