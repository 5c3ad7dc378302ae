// What libtensorflow asks of each operation that the road comes to, restated from its public definitions (the operations' histories in
// tensorflow/core/ops/compat and the kernels' registrations of release 2.9): inputs, attributes, outputs, the types for which a GPU
// kernel is registered – and how the same is computed by a kernel of the back end `cpu`.
import type * as tf from '@tensorflow/tfjs-core';

/** The types of tensors here: what a road through tokens, weights and probabilities has. */
export type Type = 'float32' | 'int32' | 'bool';

/** A value that an operation gets or gives. */
export interface Value {
  readonly shape: readonly number[];
  readonly type: Type;
  readonly data: tf.TypedArray;
}

export type Attributes = Readonly<Record<string, unknown>>;

/** Runs a kernel of the back end `cpu` on values. */
export type Compute = (
  kernel: string,
  inputs: Readonly<Record<string, Value>> | readonly Value[],
  attrs?: Attributes,
) => Value[];

export interface Operation {
  /** The type of each input: an attribute's name, `N*T` for a list. */
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, 'type' | 'bool' | 'int'>>;
  /** Attributes that neither inputs nor a default give. */
  readonly required?: readonly string[];
  /** Fewest values of a list. */
  readonly leastInList?: number;
  /** Allowed values of type attributes that are narrower than float32, int32 and bool. */
  readonly types?: Readonly<Record<string, readonly Type[]>>;
  /** Type attribute → types with a kernel on the GPU; what is not named has one for float32. Others would run on the CPU. */
  readonly onGpu?: Readonly<Record<string, readonly Type[]>>;
  readonly compute: (run: Compute, inputs: readonly Value[], attributes: Attributes) => Value[];
}

const INDEX: Readonly<Record<string, readonly Type[]>> = { Tidx: ['int32'] };
const FLOATS: readonly Type[] = ['float32'];
const numbers = (value: Value | undefined) => [...(value?.data ?? [])];

/** x → f(x), element by element, of floating-point numbers alone. */
const floatFunction = (kernel: string, input = 'x'): Operation => ({
  inputs: ['T'],
  attributes: { T: 'type' },
  types: { T: FLOATS },
  compute: (run, [x]) => run(kernel, { [input]: x! }),
});

const pair = (kernel: string): Operation => ({
  inputs: ['T', 'T'],
  attributes: { T: 'type' },
  types: { T: ['float32', 'int32'] },
  compute: (run, [a, b]) => run(kernel, { a: a!, b: b! }),
});

const reduction = (kernel: string, axisName: string): Operation => ({
  inputs: ['T', 'Tidx'],
  attributes: { T: 'type', Tidx: 'type', keep_dims: 'bool' },
  types: { T: ['float32', 'int32'], ...INDEX },
  onGpu: { Tidx: ['int32'] },
  compute: (run, [x, axes], { keep_dims: keepDims = false }) => {
    const [sum] = run(kernel, { x: x! }, { [axisName]: numbers(axes), keepDims });
    if (!keepDims) return [sum!];
    const shape = x!.shape.map((size, i) => (numbers(axes).includes(i) ? 1 : size));
    return [{ ...sum!, shape }]; // cpu kernels leave kept dimensions to their callers
  },
});

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  Add: pair('Add'),
  Sub: pair('Sub'),
  Mul: pair('Multiply'),
  Maximum: pair('Maximum'),
  RealDiv: pair('RealDiv'),
  Erf: floatFunction('Erf'),
  Exp: floatFunction('Exp'),
  Log: floatFunction('Log'),
  Rsqrt: floatFunction('Rsqrt'),
  Sigmoid: floatFunction('Sigmoid'),
  Sqrt: floatFunction('Sqrt'),
  Square: { ...floatFunction('Square'), types: { T: ['float32', 'int32'] } },
  Softmax: {
    ...floatFunction('Softmax', 'logits'),
    compute: (run, [logits]) => run('Softmax', { logits: logits! }, { dim: logits!.shape.length - 1 }),
  },
  Sum: reduction('Sum', 'axis'),
  Mean: reduction('Mean', 'axis'),
  Max: reduction('Max', 'reductionIndices'),
  AddN: {
    inputs: ['N*T'],
    attributes: { N: 'int', T: 'type' },
    leastInList: 1,
    compute: (run, values) =>
      values.slice(1).reduce((sum, value) => run('Add', { a: sum[0]!, b: value }), [values[0]!]),
  },
  ArgMax: {
    inputs: ['T', 'Tidx'],
    attributes: { T: 'type', Tidx: 'type', output_type: 'type' },
    types: { ...INDEX, output_type: ['int32'] },
    onGpu: { Tidx: ['int32'], output_type: ['int32'] },
    compute: (run, [x, axis]) => run('ArgMax', { x: x! }, { axis: numbers(axis)[0] }),
  },
  BatchMatMulV2: {
    inputs: ['T', 'T'],
    attributes: { T: 'type', adj_x: 'bool', adj_y: 'bool' },
    types: { T: ['float32', 'int32'] },
    compute: (run, [a, b], { adj_x: transposeA, adj_y: transposeB }) =>
      multiply(run, a!, b!, transposeA === true, transposeB === true),
  },
  Cast: {
    inputs: ['SrcT'],
    attributes: { SrcT: 'type', DstT: 'type', Truncate: 'bool' },
    required: ['DstT'],
    compute: (run, [x], { DstT: dtype }) => run('Cast', { x: x! }, { dtype }),
  },
  ConcatV2: {
    inputs: ['N*T', 'Tidx'],
    attributes: { N: 'int', T: 'type', Tidx: 'type' },
    leastInList: 2,
    types: INDEX,
    onGpu: { Tidx: ['int32'] },
    compute: (run, values) => run('Concat', values.slice(0, -1), { axis: numbers(values.at(-1))[0] }),
  },
  GatherV2: {
    inputs: ['Tparams', 'Tindices', 'Taxis'],
    attributes: { Tparams: 'type', Tindices: 'type', Taxis: 'type', batch_dims: 'int' },
    types: { Tindices: ['int32'], Taxis: ['int32'] },
    onGpu: { Tindices: ['int32'], Taxis: ['int32'] },
    compute: (run, [x, indices, axis], { batch_dims: batchDims }) =>
      run('GatherV2', { x: x!, indices: indices! }, { axis: numbers(axis)[0], batchDims }),
  },
  Pack: {
    inputs: ['N*T'],
    attributes: { N: 'int', T: 'type', axis: 'int' },
    leastInList: 1,
    compute: (run, values, { axis }) => run('Pack', values, { axis }),
  },
  Reshape: {
    inputs: ['T', 'Tshape'],
    attributes: { T: 'type', Tshape: 'type' },
    types: { Tshape: ['int32'] },
    onGpu: { T: ['float32', 'int32'], Tshape: ['int32'] }, // int32 by a kernel in host memory
    compute: (run, [x, shape]) => run('Reshape', { x: x! }, { shape: numbers(shape) }),
  },
  ScatterNd: {
    inputs: ['Tindices', 'T', 'Tindices'],
    attributes: { T: 'type', Tindices: 'type' },
    types: { Tindices: ['int32'] },
    onGpu: { Tindices: ['int32'] },
    compute: (run, [indices, updates, shape]) =>
      run('ScatterNd', { indices: indices!, updates: updates! }, { shape: numbers(shape) }),
  },
  Slice: {
    inputs: ['T', 'Index', 'Index'],
    attributes: { T: 'type', Index: 'type' },
    types: { Index: ['int32'] },
    onGpu: { Index: ['int32'] },
    compute: (run, [x, begin, size]) => run('Slice', { x: x! }, { begin: numbers(begin), size: numbers(size) }),
  },
  Transpose: {
    inputs: ['T', 'Tperm'],
    attributes: { T: 'type', Tperm: 'type' },
    types: { Tperm: ['int32'] },
    onGpu: { Tperm: ['int32'] },
    compute: (run, [x, perm]) => run('Transpose', { x: x! }, { perm: numbers(perm) }),
  },
  Unpack: {
    inputs: ['T'],
    attributes: { T: 'type', num: 'int', axis: 'int' },
    required: ['num'],
    compute: (run, [value], { axis }) => run('Unpack', { value: value! }, { axis }),
  },
};

/** Matrices without a batch get one of size 1: the cpu kernel takes three dimensions alone. */
function multiply(run: Compute, a: Value, b: Value, transposeA: boolean, transposeB: boolean): Value[] {
  const batched = (x: Value) => (x.shape.length === 2 ? { ...x, shape: [1, ...x.shape] } : x);
  const [product] = run('BatchMatMul', { a: batched(a), b: batched(b) }, { transposeA, transposeB });
  return [a.shape.length === 2 ? { ...product!, shape: product!.shape.slice(1) } : product!];
}
