// Small files that would take a machine down, or run something, in the hands of a trusting reader. Each is described by what it tries.
import { archiveOf, pickleOf, unicode, type ArchiveEntry } from './stored-archive.ts';

type Part = string | readonly number[];

const REBUILD = 'ctorch._utils\n_rebuild_tensor_v2\n';
const ORDERED = 'ccollections\nOrderedDict\n';
const int = (value: number): Part => {
  const bytes = Buffer.alloc(5, 'J');
  bytes.writeInt32LE(value, 1);
  return [...bytes];
};
const long = (value: bigint): Part => {
  const bytes = Buffer.alloc(10);
  bytes.writeUInt16LE(0x088a);
  bytes.writeBigInt64LE(value, 2);
  return [...bytes];
};
const text = (value: string): Part => [...unicode(value)];
const storage = (key: string, count: Part): Part[] => [
  ...['(', text('storage'), 'ctorch\nFloatStorage\n', text(key), text('cpu')],
  ...[count, 'tQ'],
];
/** A tensor of a storage of `count` values, its shape and strides given as parts of tuples. */
const tensor = (key: string, count: Part, shape: readonly Part[], strides: readonly Part[]): Part[] => [
  ...[REBUILD, '('],
  ...storage(key, count),
  ...[int(0), '(', ...shape, 't(', ...strides, 't', [0x89], ORDERED, ')RtR'],
];
const dictOf = (...items: Part[]): Part[] => ['}(', ...items, 'u.'];

function torchFile(parts: readonly Part[], storages: Readonly<Record<string, Buffer>> = {}, zip64 = false): Buffer {
  return archiveOf(
    [
      { name: 'a/data.pkl', data: pickleOf(...parts) },
      ...Object.entries(storages).map(([key, data]): ArchiveEntry => ({ name: `a/data/${key}`, data })),
    ],
    zip64,
  );
}

const repeated = (count: number, ...parts: Part[]): Part[] => {
  const once = pickleOf(...parts).subarray(2);
  const all = Buffer.alloc(count * once.length, once);
  return [all.toString('latin1')];
};

// x0 = [], x1 = [x0, x0], … forty times: a trillion items for whoever walks it.
const laughs: Part[] = [
  ...[']q', [0]],
  ...Array.from({ length: 40 }, (_, i): Part[] => [']q', [i + 1], '(h', [i], 'h', [i], 'e']).flat(),
];

const four = Buffer.alloc(16);

export const HOSTILE_TORCH: Readonly<Record<string, Buffer>> = {
  'runs a command by REDUCE': torchFile(['cposix\nsystem\n', text('touch PWNED'), [0x85], 'R.']),
  'names eval for later': torchFile(dictOf(text('w'), 'c__builtin__\neval\n')),
  'calls a class by INST': torchFile(['(', text('touch PWNED'), 'iposix\nsystem\n.']),
  'nests lists 400,000 deep': torchFile([...repeated(400_000, ']'), ...repeated(399_999, 'a'), '.']),
  'nests a key 100,000 deep': torchFile([
    ...['}('],
    ...repeated(100_000, ']'),
    ...repeated(99_999, 'a'),
    ...['K', [1], 'u.'],
  ]),
  'laughs a billion times in a key': torchFile(['}(', ...laughs, 'K', [1], 'u.']),
  'laughs a billion times in a tensor': torchFile(dictOf(text('w'), ...laughs)),
  'laughs a billion times in a shape': torchFile([
    ...['}(', text('w'), REBUILD, '(', ...storage('0', int(4)), int(0)],
    ...[...laughs, ...laughs, [0x89], ORDERED, ')RtRu.'],
  ]),
  'copies a long list without end by OrderedDict': torchFile([
    ...[']q', [0], '('],
    ...repeated(50_000, 'NN', [0x86]),
    ...['e0'.slice(0, 1), ORDERED, 'q', [1], '('],
    ...repeated(100_000, 'h', [1], 'h', [0], [0x85], 'R'),
    ...['t.'],
  ]),
  'fills the memory with dicts': torchFile(['(', ...repeated(4_000_000, '}'), 't.']),
  'has a pickle of 20 MB': torchFile(['(', ...repeated(20_000_000, 'N'), 't.']),
  'has long numbers without end': torchFile([
    '(',
    ...repeated(60_000, [0x8a, 255], Array<number>(255).fill(0x7f)),
    't.',
  ]),
  'has a long number cut short': torchFile([[0x8a, 255], '.']),
  'has a text of 4 GB': torchFile(['X', [255, 255, 255, 255], '.']),
  'has a name of 10 MB': torchFile(['c', 'x'.repeat(10_000_000), '\ny\n.']),
  'remembers without end': torchFile([...repeated(1_000_000, 'Nr', [1, 2, 3, 4]), '.']),
  'takes 8 GB for one value, repeated': torchFile(
    dictOf(text('w'), ...tensor('0', int(1), [int(2 ** 30), int(2)], [int(0), int(0)])),
    { 0: Buffer.alloc(4) },
  ),
  'has a shape whose product overflows': torchFile(
    dictOf(text('w'), ...tensor('0', int(4), Array<Part>(16).fill(long(2n ** 52n)), Array<Part>(16).fill(int(1)))),
    { 0: four },
  ),
  'has a size below zero': torchFile(dictOf(text('w'), ...tensor('0', int(4), [int(-4)], [int(1)])), { 0: four }),
  'has a storage of 2^60 values': torchFile(dictOf(text('w'), ...tensor('0', long(2n ** 52n), [int(4)], [int(1)])), {
    0: four,
  }),
  'has a storage that is not there': torchFile(
    dictOf(text('w'), ...tensor('../../../etc/passwd', int(4), [int(4)], [int(1)])),
  ),
  'makes 5,000 tensors of one storage': torchFile(
    [
      ...['}(', text('w'), ...tensor('0', int(4), [int(4)], [int(1)])].flatMap((part) =>
        part === 'tQ' ? ['tQq', [0]] : [part],
      ),
      ...Array.from({ length: 5000 }, (_, i): Part[] => [
        ...[text(`w${i}`), REBUILD, '(h', [0], int(0), '(', int(4), 't(', int(1), 't', [0x89], ORDERED, ')RtR'],
      ]).flat(),
      ...['u.'],
    ],
    { 0: four },
  ),
  'says that it has 2^31 entries': (() => {
    const bytes = torchFile(['N.'], {}, true);
    bytes.writeBigUInt64LE(2n ** 31n, bytes.length - 22 - 20 - 56 + 32);
    return bytes;
  })(),
  'says that its directory has 2^62 bytes': (() => {
    const bytes = torchFile(['N.'], {}, true);
    bytes.writeBigUInt64LE(2n ** 62n, bytes.length - 22 - 20 - 56 + 40);
    return bytes;
  })(),
  'compresses its entries': archiveOf([{ name: 'a/data.pkl', data: Buffer.from('N.'), method: 8 }]),
  'says that a compressed entry grows to 4 GB': archiveOf([
    { name: 'a/data.pkl', data: Buffer.from('N.'), method: 8, claimedBytes: 0xfffffffe },
  ]),
  'lets two entries share their bytes': (() => {
    const bytes = torchFile(dictOf(text('w'), ...tensor('0', int(4), [int(4)], [int(1)])), { 0: four, 1: four });
    const records = [...bytes.toString('latin1').matchAll(/PK\x01\x02/g)].map(({ index }) => index);
    bytes.copy(bytes, records[2]! + 42, records[1]! + 42, records[1]! + 46); // the third begins where the second does
    return bytes;
  })(),
  'puts its directory over an entry': (() => {
    const bytes = torchFile(['N.'], { 0: four });
    const record = bytes.indexOf('PK\x01\x02', 0, 'latin1');
    bytes.writeUInt32LE(2000, record + 20);
    bytes.writeUInt32LE(2000, record + 24);
    return bytes;
  })(),
  'is of PyTorch before 1.6': Buffer.concat([Buffer.from('80028a0a6cfc9c46f9206aa85019', 'hex'), Buffer.alloc(500)]),
};

function safetensors(header: string | object, data = Buffer.alloc(0), headerBytes?: bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerBytes ?? BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

const f32 = (shape: unknown, begin: unknown, end: unknown) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });
const nested = (depth: number, inner = ''): string => '['.repeat(depth) + inner + ']'.repeat(depth);

export const HOSTILE_SAFETENSORS: Readonly<Record<string, Buffer>> = {
  'says that its header has 2^63 bytes': safetensors({}, Buffer.alloc(8), 2n ** 63n),
  'says that its header has 2^64 - 1 bytes': safetensors({}, Buffer.alloc(8), 2n ** 64n - 1n),
  'has a header of 60 MB': safetensors(nested(30_000_000)),
  'has a header that is nested 200,000 deep': safetensors(nested(200_000)),
  'nests a type 200,000 deep': safetensors(`{"w":{"dtype":${nested(200_000)},"shape":[1],"data_offsets":[0,4]}}`, four),
  'nests a shape 200,000 deep': safetensors(`{"w":{"dtype":"F32","shape":${nested(200_000)},"data_offsets":[0,4]}}`),
  'nests offsets 200,000 deep': safetensors(`{"w":{"dtype":"F32","shape":[1],"data_offsets":${nested(200_000)}}}`),
  'nests its metadata 200,000 deep': safetensors(`{"__metadata__":{"a":${nested(200_000)}}}`),
  'has a name of 3 MB': safetensors(
    { ['x'.repeat(3_000_000)]: { dtype: 'F99', shape: [], data_offsets: [0, 4] } },
    four,
  ),
  'has a shape of 2^62 values': safetensors({ w: f32([2 ** 31, 2 ** 31], 0, 4) }, four),
  'has a shape whose product is infinite': safetensors({ w: f32(Array(16).fill(2 ** 52), 0, 4) }, four),
  'has a thousand dimensions': safetensors({ w: f32(Array(1000).fill(1), 0, 4) }, Buffer.alloc(4)),
  'has a size of 1e400': safetensors('{"w":{"dtype":"F32","shape":[1e400],"data_offsets":[0,4]}}', Buffer.alloc(4)),
  'has offsets past the end': safetensors({ w: f32([2 ** 30], 0, 2 ** 32) }, four),
  'has offsets that go backwards': safetensors({ w: f32([1], 8, 4) }, four),
  'lets two tensors share their bytes': safetensors({ w: f32([4], 0, 16), v: f32([4], 0, 16) }, four),
  'leaves a hole': safetensors({ w: f32([1], 0, 4), v: f32([1], 12, 16) }, four),
  'hides bytes at its end': safetensors({ w: f32([1], 0, 4) }, four),
  'names the prototype': safetensors('{"__proto__":{"dtype":"F32","shape":[9],"data_offsets":[0,4]}}', four),
};
