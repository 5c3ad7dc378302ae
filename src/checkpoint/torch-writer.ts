// Writes what torch.load reads with weights_only: a ZIP archive with a pickle (data.pkl) of dicts, lists, numbers, texts and tensors, and their raw storages
// (data/KEY). Protocol 2, opcodes as in CPython 3.11, Lib/pickletools.py; tensors by torch._utils._rebuild_tensor_v2, as PyTorch 1.6 to 2 write them.
import { basename } from 'node:path';
import { narrowFinite } from './float16.ts';
import { FLOAT_BYTES } from './random-access.ts';
import type { WrittenType } from './safetensors.ts';
import { bytesOf, countValues, piecesOf, type StoredTensor } from './stored-tensor.ts';
import { writeStoredZip, type EntryToWrite } from './stored-zip-writer.ts';

/** A tensor to save as a storage of its own. */
export interface TensorToSave {
  readonly dtype: WrittenType;
  readonly tensor: Pick<StoredTensor, 'shape' | 'read'>;
}

/** An instance of a class that whoever loads it must have; the loader is then told to trust the file. */
export interface ObjectToSave {
  /** Module and class with a space between, as pickles name them. */
  readonly className: string;
  readonly state: DictToSave;
}

/** Maps become dicts in their order, arrays lists, whole numbers ints. */
export type ValueToSave =
  null | boolean | number | string | readonly ValueToSave[] | DictToSave | TensorToSave | ObjectToSave;
type DictToSave = ReadonlyMap<string, ValueToSave>;

const STORAGES: Readonly<Record<WrittenType, string>> = { F32: 'FloatStorage', F16: 'HalfStorage' };

/**
 * Saves a value. The file appears when it is complete; the same value gives the same bytes. Throws DataError naming the tensor when a finite value of it is
 * out of fp16's range.
 */
export function writeTorch(path: string, value: ValueToSave): void {
  const storages: [string, TensorToSave][] = [];
  const pickle = Buffer.concat([Buffer.from([0x80, 2]), ...pickled(value, '', storages), Buffer.from('.')]);
  const folder = basename(path, '.pt');
  const plain = (name: string, bytes: Buffer): EntryToWrite => ({
    name: `${folder}/${name}`,
    sizeBytes: bytes.length,
    pieces: () => [bytes],
  });
  writeStoredZip(path, [
    plain('data.pkl', pickle),
    plain('byteorder', Buffer.from('little')),
    ...storages.map(([name, { tensor, dtype }], key) => ({
      name: `${folder}/data/${key}`,
      sizeBytes: countValues(tensor.shape) * FLOAT_BYTES[dtype],
      pieces: () => storageBytes(name, tensor, dtype),
    })),
    plain('version', Buffer.from('3\n')),
  ]);
}

function* storageBytes(name: string, tensor: TensorToSave['tensor'], dtype: WrittenType): Generator<Buffer> {
  for (const values of piecesOf(tensor)) yield bytesOf(dtype === 'F32' ? values : narrowFinite(values, name));
}

// `name` is that of the value in the dict around it; tensors are added to `storages`.
function pickled(value: ValueToSave, name: string, storages: [string, TensorToSave][]): Buffer[] {
  if (value === null) return [Buffer.from('N')];
  if (typeof value === 'boolean') return [Buffer.from([value ? 0x88 : 0x89])];
  if (typeof value === 'number') return [Number.isInteger(value) ? int(value) : float(value)];
  if (typeof value === 'string') return [unicode(value)];
  if (isList(value)) {
    const items = value.flatMap((item) => pickled(item, name, storages));
    return items.length === 0 ? [Buffer.from(']')] : [Buffer.from(']('), ...items, Buffer.from('e')];
  }
  if ('tensor' in value) {
    storages.push([name, value]);
    return tensorParts(value, storages.length - 1);
  }
  if ('className' in value) {
    const global = Buffer.from(`c${value.className.replace(' ', '\n')}\n`);
    return [global, Buffer.from([0x29, 0x81]), ...pickled(value.state, name, storages), Buffer.from('b')]; // EMPTY_TUPLE NEWOBJ … BUILD
  }
  const items = [...value].flatMap(([key, item]) => [unicode(key), ...pickled(item, key, storages)]);
  return items.length === 0 ? [Buffer.from('}')] : [Buffer.from('}('), ...items, Buffer.from('u')];
}

function tensorParts({ tensor: { shape }, dtype }: TensorToSave, key: number): Buffer[] {
  const strides = shape.map((_, d) => countValues(shape.slice(d + 1)));
  return [
    Buffer.from('ctorch._utils\n_rebuild_tensor_v2\n(('),
    ...[unicode('storage'), Buffer.from(`ctorch\n${STORAGES[dtype]}\n`), unicode(String(key)), unicode('cpu')],
    ...[int(countValues(shape)), Buffer.from('tQ')],
    ...[int(0), tuple(shape), tuple(strides)],
    Buffer.from([0x89]), // requires no gradient
    Buffer.from('ccollections\nOrderedDict\n)RtR'), // no hooks
  ];
}

function tuple(numbers: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from('('), ...numbers.map(int), Buffer.from('t')]);
}

function int(value: number): Buffer {
  if (value >= 0 && value < 0x100) return Buffer.from([0x4b, value]);
  if (value >= -0x80000000 && value <= 0x7fffffff) {
    const bytes = Buffer.from('J....');
    bytes.writeInt32LE(value, 1);
    return bytes;
  }
  const bytes = Buffer.alloc(10);
  bytes.writeUInt16LE(0x088a, 0); // LONG1 of eight bytes
  bytes.writeBigInt64LE(BigInt(value), 2);
  return bytes;
}

function float(value: number): Buffer {
  const bytes = Buffer.from('G........');
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function unicode(text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.from('X....');
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function isList(value: ValueToSave): value is readonly ValueToSave[] {
  return Array.isArray(value);
}
