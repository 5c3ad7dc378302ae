// The back end `tensorflow` short of a GPU: the kernels of the pinned package, run by its own JavaScript, with a stand-in for
// libtensorflow that checks every call against the operations' definitions. What is asked along the whole road, and by the contract of all
// back ends, is registered, takes the attributes and types that it is given, and computes what the back end `cpu` computes.
import * as tf from '@tensorflow/tfjs-core';
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { relativeError, TOLERANCE } from '../../src/contract/check.ts';
import { CONTRACT, runCheck } from '../../src/contract/contract.ts';
import * as reference from '../../src/contract/reference.ts';
import { randomValues } from '../../src/contract/reference.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { crossEntropy, labelLogProbs } from '../../src/tensor/cross-entropy.ts';
import { standIn, type StandIn } from './tensorflow/binding.ts';
import { hasPackage, registerTensorflow } from './tensorflow/package.ts';
import { recordKernels, type Recorder } from './tensorflow/recorder.ts';
import { travelWholeRoad, type RoadResult } from './tensorflow/whole-road.ts';

const TITLE = 'the back end tensorflow, with a stand-in for libtensorflow';
const WHY_NOT = 'skipped: `npm run setup` could not unpack @tensorflow/tfjs-node-gpu';

describe.skipIf(!hasPackage)(hasPackage ? TITLE : `${TITLE} (${WHY_NOT})`, () => {
  let onCpu: { road: RoadResult; calls: ReadonlySet<string> };
  let road: RoadResult;
  let recorder: Recorder;
  let calls: string[];
  let native: StandIn;

  beforeAll(async () => {
    await selectBackend('cpu');
    const recorded = recordKernels('cpu');
    const expected = await travelWholeRoad();
    recorded.stop();
    onCpu = { road: expected, calls: recorded.calls };
    native = standIn();
    registerTensorflow(native.binding);
    await tf.setBackend('tensorflow');
    recorder = recordKernels('tensorflow');
    road = await travelWholeRoad();
    calls = [...recorder.calls].sort();
  });

  it('registers every kernel that the road runs, and is asked for each as the back end cpu is', () => {
    expect(onCpu.calls.size).toBeGreaterThan(25);
    expect(calls).toEqual([...onCpu.calls].sort()); // nothing on the road chooses by the back end's name
  });

  it('reads every attribute that it is given', () => {
    // TensorFlow's softmax is always along the last dimension; TensorFlow.js' operation asks for no other.
    expect(recorder.unread()).toEqual(['Softmax.dim']);
  });

  it('calls operations by their definitions, each with a kernel on the GPU for its types', () => {
    expect(native.executed.size).toBeGreaterThan(25); // any other call, the stand-in has refused
    expect([...native.withoutGpuKernel]).toEqual([]);
  });

  it('computes losses, scores, tokens, weights and moments with the bits of the back end cpu, whose kernels stand behind it', () => {
    expect(Object.keys(road.figures).length).toBeGreaterThan(30);
    expect(road.figures).toEqual(onCpu.road.figures);
    expect(road.continuation).toEqual(onCpu.road.continuation);
    expect(bitsOf(road.end)).toEqual(bitsOf(onCpu.road.end));
  });

  it('keeps the contract of all back ends', () => {
    const results = CONTRACT.map((check) => runCheck(check, 'cpu')); // as slow as cpu
    expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
    expect([...native.withoutGpuKernel]).toEqual([]);
  });

  it('takes the loss of more logits than are formed at once', () => {
    const [N, C, V] = [84, 2, 50_000]; // 4.2 million: the road's own model has too few
    const inputs = [randomValues(N * C, 1), randomValues(V * C, 2)];
    const labels = Int32Array.from({ length: N }, (_, i) => (i * 7919) % V);
    const [loss, logProbs] = tf.tidy(() => {
      const [hidden, embedding] = inputs.map((values, i) => tf.tensor(Float32Array.from(values), [[N, V][i]!, C]));
      const labelTensor = tf.tensor1d(labels, 'int32');
      const run = (h: tf.Tensor, e: tf.Tensor) => crossEntropy(h as tf.Tensor2D, e as tf.Tensor2D, labelTensor);
      const { value } = tf.valueAndGrads(run)([hidden!, embedding!]);
      return [value.dataSync(), labelLogProbs(hidden as tf.Tensor2D, embedding as tf.Tensor2D, labelTensor).dataSync()];
    });
    const expected = reference.labelLogProbs(inputs, labels);
    expect(relativeError(loss!, [-reference.mean(expected)])).toBeLessThan(TOLERANCE);
    expect(relativeError(logProbs!, expected)).toBeLessThan(TOLERANCE);
    expect([...native.withoutGpuKernel]).toEqual([]);
  });

  it('leaves no tensor in libtensorflow', () => {
    expect(native.numTensors()).toBe(0);
  });
});

/** The counters, and one hash of all weights and moments. */
function bitsOf({ parameters, moments, ...counters }: RoadResult['end']) {
  const hash = createHash('sha256');
  for (const arrays of [parameters, moments.expAvg, moments.expAvgSq]) {
    for (const [name, values] of arrays) hash.update(name).update(values);
  }
  return { ...counters, sha256: hash.digest('hex') };
}

describe('the stand-in refuses what libtensorflow refuses', () => {
  type Call = [name: string, attributes: object[], inputs: number[], numOutputs: number];
  const { binding } = standIn();
  const { createTensor, executeOp } = binding as {
    createTensor: (shape: number[], type: number, data: unknown) => number;
    executeOp: (...call: Call) => unknown;
  };
  const floats = createTensor([2], 1, Float32Array.of(1, 2));
  const ints = createTensor([2], 3, Int32Array.of(1, 2));
  const axis = createTensor([], 3, Int32Array.of(0));
  const T = (value: number) => ({ name: 'T', type: 4, value });

  it.each<[string, Call, RegExp]>([
    ['an operation that is none', ['AddV9', [], [floats, floats], 1], /AddV9 is not in the table/],
    ['a foreign attribute', ['Add', [{ name: 'axis', type: 1, value: 0 }], [floats, floats], 1], /no attribute axis/],
    ['an attribute of another kind', ['Add', [{ ...T(1), type: 1 }], [floats, floats], 1], /T is of kind type/],
    ['a value of another kind', ['Sum', [{ name: 'keep_dims', type: 3, value: 1 }], [floats, axis], 1], /cannot be 1/],
    ['two types where one is meant', ['Mul', [], [floats, ints], 1], /input 1 is int32, expected float32/],
    ['a type that the inputs contradict', ['Mul', [T(3)], [floats, floats], 1], /input 0 is float32, expected int32/],
    ['a type that the operation has not', ['Exp', [T(3)], [ints], 1], /T cannot be int32/],
    ['a missing attribute', ['Unpack', [T(1)], [floats], 2], /num is missing/],
    ['a list too short', ['ConcatV2', [], [floats, axis], 1], /at least 2 values/],
    ['a wrong length of a list', ['AddN', [{ name: 'N', type: 1, value: 3 }], [floats, floats], 1], /N is 3, given 2/],
    ['too few inputs', ['Transpose', [], [floats], 1], /takes 2 inputs, given 1/],
    ['a tensor that is gone', ['Exp', [], [99], 1], /no tensor has the id 99/],
    ['another number of results', ['Exp', [], [floats], 2], /gives 1 values, asked for 2/],
  ])('%s', (_, call, message) => {
    expect(() => executeOp(...call)).toThrow(message);
  });

  it.each<[string, number, unknown, RegExp]>([
    ['another array', 1, Int32Array.of(1, 2), /float32 does not match Int32Array/],
    ['no typed array', 1, [1, 2], /float32 does not match Array/],
    ['another number of values', 3, Int32Array.of(1, 2, 3), /2 values, 3 given/],
    ['a type that no tensor here has', 7, Float32Array.of(1, 2), /type 7/],
  ])('a tensor of %s', (_, type, data, message) => {
    expect(() => createTensor([2], type, data)).toThrow(message);
  });
});
