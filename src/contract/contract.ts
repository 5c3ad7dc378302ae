// The contract of every back end: each function of src/tensor computes what plain float64 loops compute, its gradient is the one that
// finite differences of those loops give, and it leaves nothing in memory. The tests run it here, `tiresias doctor` on a user's machine.
import * as tf from '@tensorflow/tfjs-core';
import { messageOf } from '../errors.ts';
import type { BackendName } from '../tensor/backend.ts';
import type { Precision } from '../tensor/precision.ts';
import { CASES, type Case } from './cases.ts';
import { BF16_TOLERANCE, relativeError, TOLERANCE, type ContractCheck } from './check.ts';
import { FUNCTION_CHECKS } from './function-checks.ts';
import { PRODUCT_CHECKS } from './product-checks.ts';
import { finiteDifferences, randomValues } from './reference.ts';

export interface CheckResult {
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  /** Null when the check was skipped or threw. */
  readonly deviation: number | null;
  readonly tolerance: number;
  /** Why it was skipped, or what it threw. */
  readonly reason: string | null;
}

const FP32_ONLY = { tensorflow: 'multiplies in fp32', wasm: 'multiplies in fp32', cpu: 'multiplies in fp32' };

export const CONTRACT: readonly ContractCheck[] = [...CASES.flatMap(caseChecks), ...FUNCTION_CHECKS, ...PRODUCT_CHECKS];

/** Runs one check on the current back end, which has that name; never throws. */
export function runCheck(check: ContractCheck, backend: BackendName): CheckResult {
  const { name, tolerance } = check;
  const reason = check.skipped?.[backend];
  if (reason !== undefined) return { name, status: 'skipped', deviation: null, tolerance, reason };
  try {
    const deviation = check.run();
    const status = deviation <= tolerance ? 'passed' : 'failed'; // NaN fails
    return { name, status, deviation, tolerance, reason: null };
  } catch (error) {
    return { name, status: 'failed', deviation: null, tolerance, reason: messageOf(error) };
  }
}

function caseChecks(given: Case): ContractCheck[] {
  const inputs = given.shapes.map((shape, i) => randomValues(size(shape), 17 + i, given.scale));
  const tensors = () => inputs.map((values, i) => tf.tensor(Float32Array.from(values), given.shapes[i]));
  const value = (precision?: Precision) => () =>
    tf.tidy(() => relativeError(given.run(tensors(), precision).dataSync(), given.reference(inputs), 'the value'));
  const gradient = (precision?: Precision) => () => {
    const dy = randomValues(given.reference(inputs).length, 99);
    return tf.tidy(() => {
      const dyTensor = tf.tensor(Float32Array.from(dy), given.run(tensors()).shape);
      const gradients = tf.grads((...xs: tf.Tensor[]) => given.run(xs, precision))(tensors(), dyTensor);
      const errors = gradients.map((found, i) =>
        relativeError(found.dataSync(), finiteDifferences(given.reference, inputs, i, dy), `gradient ${i}`),
      );
      return Math.max(...errors);
    });
  };
  const memory = () =>
    tf.tidy(() => {
      const inputTensors = tensors();
      given.run(inputTensors); // whatever the back end makes once exists now
      const { numTensors } = tf.memory();
      given.run(inputTensors);
      return Math.abs(tf.memory().numTensors - numTensors - 1 - (given.numConstants ?? 0));
    });
  const inHalf = { tolerance: BF16_TOLERANCE, skipped: FP32_ONLY };
  return [
    { name: `${given.name}: value`, run: value(), tolerance: TOLERANCE },
    { name: `${given.name}: gradient`, run: gradient(), tolerance: TOLERANCE },
    { name: `${given.name}: tensors left over`, run: memory, tolerance: 0 },
    ...(given.hasProducts
      ? [
          { name: `${given.name}, bf16: value`, run: value('bf16'), ...inHalf },
          { name: `${given.name}, bf16: gradient`, run: gradient('bf16'), ...inHalf },
        ]
      : []),
  ];
}

function size(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
