// The values that a pickle of torch.save is read into, and what each global name that it may mention stands for. Any other name is refused.
// Names as in PyTorch 1.8 to 2.x, DeepSpeed 0.3.15 and numpy 1 and 2.

/** A storage in the same archive, as torch's persistent ids name it. */
export class StorageReference {
  constructor(
    readonly type: string,
    readonly key: string,
    readonly numValues: number,
  ) {}
}

/** A view of a storage: torch._utils._rebuild_tensor_v2. Offset and strides count values. */
export class TensorReference {
  constructor(
    readonly storage: StorageReference,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    /** Where the pickle makes it, for messages. */
    readonly pickleByte: number,
  ) {}
}

/** An object of a listed class, kept as inert data. */
export class PickledObject {
  state: PickleValue = null;
  constructor(
    readonly global: string,
    readonly parameters: readonly PickleValue[],
  ) {}
}

/** A listed name itself. */
export class PickledGlobal {
  constructor(readonly name: string) {}
}

/** Lists, tuples and torch.Size are arrays; dicts are Maps. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | StorageReference
  | TensorReference
  | PickledObject
  | PickledGlobal;

const MOST_DIMENSIONS = 16;

const STORAGE = /^torch\.(Half|Float|BFloat16|Double|Long|Int|Short|Char|Byte|Bool)Storage$/;

const INERT: ReadonlySet<string> = new Set([
  'deepspeed.runtime.fp16.loss_scaler.DynamicLossScaler',
  'deepspeed.runtime.fp16.loss_scaler.LossScaler',
  // States of random generators, which replay does not need.
  'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray._reconstruct',
  'numpy.ndarray',
  'numpy.dtype',
  '_codecs.encode',
  ...['copyreg._reconstructor', 'copy_reg._reconstructor'],
  ...['builtins', '__builtin__'].flatMap((module) => [`${module}.object`, `${module}.set`]),
]);

type Fail = (fault: string) => never;

const MAKERS: Readonly<Record<string, (parameters: readonly PickleValue[], at: number, fail: Fail) => PickleValue>> = {
  'torch._utils._rebuild_tensor_v2': ([storage, offset, shape, strides], at, fail) => {
    const ofStorage = storage instanceof StorageReference;
    if (!ofStorage || !isCount(offset) || !isCounts(shape) || !isCounts(strides) || shape.length !== strides.length) {
      return fail('expected a tensor of a storage, an offset, a shape and as many strides');
    }
    // Copies: a list that was given as the shape could grow after it was checked.
    return new TensorReference(storage, offset, [...shape], [...strides], at);
  },
  'torch._utils._rebuild_parameter': ([tensor], _, fail) =>
    tensor instanceof TensorReference ? tensor : fail('expected a parameter that is a tensor'),
  'torch.Size': ([sizes], _, fail) => (isCounts(sizes) ? [...sizes] : fail('expected a torch.Size of whole numbers')),
  'collections.OrderedDict': ([pairs = []], _, fail) => {
    const entries: [PickleValue, PickleValue][] = [];
    for (const pair of Array.isArray(pairs) ? pairs : [null]) {
      if (!Array.isArray(pair) || pair.length !== 2) return fail('expected an OrderedDict of pairs');
      entries.push([pair[0]!, pair[1]!]); // both are there
    }
    return new Map(entries);
  },
};

/** Whether a pickle may mention a global. */
export function isListedGlobal(name: string): boolean {
  return STORAGE.test(name) || INERT.has(name) || Object.hasOwn(MAKERS, name);
}

/** What calling a listed global at byte `at` stands for: a value, or an inert object. `fail` is called for arguments that do not fit. */
export function makeValue(name: string, parameters: readonly PickleValue[], at: number, fail: Fail): PickleValue {
  const maker = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
  if (maker) return maker(parameters, at, fail);
  return INERT.has(name) ? new PickledObject(name, parameters) : fail(`expected ${name} in a persistent id only`);
}

/** The storage of a persistent id ('storage', class, key, device, number of values). */
export function storageOfPersistentId(id: PickleValue, fail: Fail): StorageReference {
  const [kind, type, key, , numValues] = Array.isArray(id) ? id : [];
  const isClass = type instanceof PickledGlobal && STORAGE.test(type.name);
  if (kind !== 'storage' || !isClass || typeof key !== 'string' || !isCount(numValues)) {
    return fail("expected a persistent id ('storage', class, key, device, number of values)");
  }
  return new StorageReference(type.name.slice('torch.'.length, -'Storage'.length), key, numValues);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MOST_DIMENSIONS && value.every(isCount);
}
