// A stand-in for the native half of @tensorflow/tfjs-node-gpu (binding/tfjs_backend.cc): it takes what the package's own JavaScript
// hands to libtensorflow, refuses what libtensorflow would refuse, and computes the rest with kernels of the back end `cpu`.
import * as tf from '@tensorflow/tfjs-core';
import { OPERATIONS, type Attributes, type Compute, type Operation, type Type, type Value } from './operations.ts';

interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** Numbers of the C interface (tensorflow/c/tf_datatype.h, tf_attrtype.h). */
const TYPES: Readonly<Record<Type, number>> = { float32: 1, int32: 3, bool: 10 };
const TYPE_CONSTANTS = {
  TF_FLOAT: 1,
  TF_UINT8: 4,
  TF_STRING: 7,
  TF_COMPLEX64: 8,
  TF_INT32: 3,
  TF_INT64: 9,
  TF_BOOL: 10,
  TF_RESOURCE: 20,
};
const ATTRIBUTE_CONSTANTS = {
  TF_ATTR_STRING: 0,
  TF_ATTR_INT: 1,
  TF_ATTR_FLOAT: 2,
  TF_ATTR_BOOL: 3,
  TF_ATTR_TYPE: 4,
  TF_ATTR_SHAPE: 5,
};
const ATTRIBUTE_KINDS = { int: 1, bool: 3, type: 4 } as const;

export interface StandIn {
  /** What the package's back end takes for its native binding. */
  readonly binding: Readonly<Record<string, unknown>>;
  /** Every operation that was executed, with its types and attributes, once. */
  readonly executed: ReadonlySet<string>;
  /** Operations for whose types no GPU kernel is registered. */
  readonly withoutGpuKernel: ReadonlySet<string>;
  numTensors(): number;
}

/** A fresh stand-in; the back end `cpu` must be registered. */
export function standIn(): StandIn {
  const tensors = new Map<number, Value>();
  const executed = new Set<string>();
  const withoutGpuKernel = new Set<string>();
  let nextId = 0;
  const keep = (value: Value) => {
    tensors.set(nextId, value);
    return { id: nextId++, shape: [...value.shape], dtype: TYPES[value.type] };
  };
  const find = (id: number): Value => {
    const value = tensors.get(id);
    if (value === undefined) throw new Error(`no tensor has the id ${id}`);
    return value;
  };
  const binding = {
    ...TYPE_CONSTANTS,
    ...ATTRIBUTE_CONSTANTS,
    TF_Version: 'stand-in',
    isUsingGpuDevice: () => true,
    createTensor: (shape: number[], dtype: number, data: tf.TypedArray) => keep(checkedTensor(shape, dtype, data)).id,
    deleteTensor: (id: number) => void (find(id), tensors.delete(id)),
    tensorDataSync: (id: number) => find(id).data.slice(), // a copy, as the real one gives
    executeOp: (name: string, attributes: OpAttribute[], inputIds: number[], numOutputs: number) => {
      const inputs = inputIds.map(find);
      const { operation, types, values } = checkedCall(name, attributes, inputs);
      const call = `${name}(${Object.entries(values)
        .map(([key, value]) => `${key}: ${String(value)}`)
        .join(', ')})`;
      executed.add(call.replace(/(N|num|axis): \d+/g, '$1: int'));
      for (const [attribute, type] of Object.entries(types)) {
        if (!(operation.onGpu?.[attribute] ?? ['float32']).includes(type)) withoutGpuKernel.add(call);
      }
      const outputs = operation.compute(runOnCpu, inputs, values);
      if (outputs.length !== numOutputs)
        throw new Error(`${name} gives ${outputs.length} values, asked for ${numOutputs}`);
      return outputs.map(keep);
    },
  };
  return { binding, executed, withoutGpuKernel, numTensors: () => tensors.size };
}

/** As CreateTFE_TensorHandleFromTypedArray checks it. */
function checkedTensor(shape: readonly number[], dtype: number, data: tf.TypedArray): Value {
  const type = (Object.keys(TYPES) as Type[]).find((one) => TYPES[one] === dtype);
  const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };
  if (type === undefined) throw new Error(`no tensor on this road has type ${dtype}`);
  if (!(data instanceof arrays[type])) throw new Error(`Tensor type ${type} does not match ${data.constructor.name}`);
  const size = shape.reduce((a, b) => a * b, 1);
  if (size !== data.length) throw new Error(`Shape does not match typed-array: ${size} values, ${data.length} given`);
  return { shape, type, data };
}

/** As TFE_OpSetAttr… and TFE_Execute check a call; throws what they would refuse. */
function checkedCall(name: string, given: readonly OpAttribute[], inputs: readonly Value[]) {
  const operation = OPERATIONS[name];
  if (operation === undefined) throw new Error(`operation ${name} is not in the table of those on the road`);
  const values: Record<string, unknown> = {};
  for (const { name: attribute, type, value } of given) {
    const kind = operation.attributes[attribute];
    if (kind === undefined) throw new Error(`${name} has no attribute ${attribute}`);
    if (type !== ATTRIBUTE_KINDS[kind])
      throw new Error(`${name}: attribute ${attribute} is of kind ${kind}, given as ${type}`);
    const isRight = kind === 'bool' ? typeof value === 'boolean' : Number.isInteger(value);
    if (!isRight) throw new Error(`${name}: attribute ${attribute} cannot be ${String(value)}`);
    values[attribute] = kind === 'type' ? typeOf(value as number, name) : value;
  }
  const types = inputTypes(name, operation, inputs, values);
  for (const attribute of operation.required ?? []) {
    if (!(attribute in values)) throw new Error(`${name}: attribute ${attribute} is missing`);
  }
  for (const [attribute, kind] of Object.entries(operation.attributes)) {
    const type = (values[attribute] ?? types[attribute]) as Type | undefined;
    const allowed = operation.types?.[attribute];
    if (kind === 'type' && type !== undefined && allowed?.includes(type) === false)
      throw new Error(`${name}: ${attribute} cannot be ${type}`);
  }
  return { operation, types, values };
}

function typeOf(value: number, name: string): Type {
  const type = (Object.keys(TYPES) as Type[]).find((one) => TYPES[one] === value);
  if (type === undefined) throw new Error(`${name}: no type of this road has the number ${value}`);
  return type;
}

/** The type attributes that the inputs give; throws where inputs contradict each other or a given attribute. */
function inputTypes(
  name: string,
  operation: Operation,
  inputs: readonly Value[],
  values: Attributes,
): Record<string, Type> {
  const listAt = operation.inputs.findIndex((input) => input.startsWith('N*'));
  const numInList = inputs.length - operation.inputs.length + 1;
  const names = operation.inputs.flatMap((input, i) =>
    i === listAt ? new Array<string>(numInList).fill(input.slice(2)) : [input],
  );
  if (names.length !== inputs.length) throw new Error(`${name} takes ${names.length} inputs, given ${inputs.length}`);
  if (listAt >= 0) {
    if (numInList < (operation.leastInList ?? 0))
      throw new Error(`${name} takes at least ${operation.leastInList} values`);
    if ('N' in values && values['N'] !== numInList)
      throw new Error(`${name}: N is ${String(values['N'])}, given ${numInList}`);
  }
  const types: Record<string, Type> = {};
  inputs.forEach(({ type }, i) => {
    const attribute = names[i]!;
    const wanted = (values[attribute] ?? types[attribute] ?? type) as Type;
    if (wanted !== type) throw new Error(`${name}: input ${i} is ${type}, expected ${wanted}`);
    types[attribute] = type;
  });
  return types;
}

interface CpuBackend extends tf.KernelBackend {
  makeTensorInfo(shape: number[], dtype: Type, values: tf.TypedArray): tf.TensorInfo;
}

/** One kernel of the back end `cpu`, from values to values; nothing stays in that back end. */
const runOnCpu: Compute = (kernel, inputs, attrs = {}) => {
  const backend = tf.findBackend('cpu') as CpuBackend;
  const made: tf.TensorInfo[] = [];
  const take = ({ shape, type, data }: Value) => {
    const info = backend.makeTensorInfo([...shape], type, data);
    made.push(info);
    return info;
  };
  const named = Array.isArray(inputs)
    ? (inputs as Value[]).map(take)
    : Object.fromEntries(Object.entries(inputs as Record<string, Value>).map(([name, value]) => [name, take(value)]));
  const { kernelFunc } = tf.getKernel(kernel, 'cpu');
  const result = kernelFunc({ inputs: named as tf.NamedTensorInfoMap, backend, attrs: attrs as tf.NamedAttrMap });
  const outputs = (Array.isArray(result) ? result : [result]) as tf.TensorInfo[];
  const values = outputs.map((info) => {
    const data = backend.readSync(info.dataId) as tf.TypedArray;
    return { shape: [...info.shape], type: info.dtype as Type, data };
  });
  for (const { dataId } of [...outputs, ...made]) backend.disposeData(dataId, true);
  return values;
};
