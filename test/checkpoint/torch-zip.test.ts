// Files of torch.save: views of all kinds are read, and whatever is damaged, hostile or not of torch.save is refused before it does harm.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPickle } from '../../src/checkpoint/pickle.ts';
import { PickledObject, type PickleValue, TensorReference } from '../../src/checkpoint/pickle-values.ts';
import { readWhole } from '../../src/checkpoint/stored-tensor.ts';
import { TorchFile } from '../../src/checkpoint/torch-zip.ts';
import { stateDictOf } from '../../src/checkpoint/weights.ts';
import { DataError } from '../../src/errors.ts';
import { packagePath } from '../../src/package-root.ts';
import { archiveOf, pickleOf, unicode, type ArchiveEntry } from './stored-archive.ts';

const fixture = packagePath('test', 'fixtures', 'checkpoint', 'tensors.pt');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'torch-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(bytes: Buffer): string {
  const path = join(folder, 'file.pt');
  writeFileSync(path, bytes);
  return path;
}

function withFile<T>(path: string, use: (file: TorchFile) => T): T {
  const file = new TorchFile(path);
  try {
    return use(file);
  } finally {
    file.close();
  }
}

function weightsOf(path: string): Map<string, Float32Array> {
  return withFile(path, (file) => new Map([...stateDictOf(file)].map(([name, tensor]) => [name, readWhole(tensor)])));
}

function tensorNamed(file: TorchFile, name: string): TensorReference {
  const found = file.value instanceof Map ? file.value.get(name) : undefined;
  if (!(found instanceof TensorReference)) throw new Error(`no tensor ${name}`);
  return found;
}

describe('TorchFile', () => {
  it('reads views by offset and strides, whatever the length of their storage', () => {
    withFile(fixture, (file) => {
      const read = (name: string): number[] => [...readWhole(file.tensor(tensorNamed(file, name)))];
      const count = Array.from({ length: 24 }, (_, i) => i);
      expect(read('row_major')).toEqual(count);
      expect(read('transposed')).toEqual(Array.from({ length: 6 }, (_, r) => [r, r + 6, r + 12, r + 18]).flat());
      expect(read('every_other')).toEqual([1, 3, 9, 11, 17, 19]);
      expect(read('scalar')).toEqual([5]);
      expect(read('empty')).toEqual([]);
      const from = (name: string, start: number, count: number): number[] => {
        const values = new Float32Array(count);
        file.tensor(tensorNamed(file, name)).read(start, values);
        return [...values];
      };
      expect(from('row_major', 10, 3)).toEqual([10, 11, 12]);
      expect(from('transposed', 3, 4)).toEqual([18, 1, 7, 13]);
      expect(from('every_other', 5, 1)).toEqual([19]);
      expect(() => read('integers')).toThrow(/expected Float, Half or BFloat16 numbers, found Long/);
      expect(() => read('outside')).toThrow(
        /expected a tensor inside storage "\d" of 24 values, found offset 20, shape \[5\], strides \[1\]/,
      );
    });
  });

  it('reads an archive whose sizes are in ZIP64 fields, and one without a folder', () => {
    const pickle = { name: 'data.pkl', data: pickleOf('K', [7], '.') };
    expect(withFile(written(archiveOf([{ ...pickle, name: 'any/data.pkl' }], true)), (file) => file.value)).toBe(7);
    expect(withFile(written(archiveOf([pickle])), (file) => file.value)).toBe(7);
  });

  const plain = (name: string, data: Buffer = Buffer.from('N.')): ArchiveEntry => ({ name, data });
  it.each<[string, () => Buffer, RegExp]>([
    [
      'no archive',
      () => Buffer.from('not a zip at all, but long enough for its end'),
      /expected a ZIP archive's directory at the end; the file is cut short, or no file of torch\.save/,
    ],
    ['an empty file', () => Buffer.alloc(0), /expected a ZIP archive's directory/],
    [
      'an archive cut short',
      () => archiveOf([plain('a/data.pkl')]).subarray(0, -1),
      /expected a ZIP archive's directory/,
    ],
    ['no pickle', () => archiveOf([plain('a/other')]), /expected one data\.pkl, as torch\.save writes it, found 0/],
    ['two pickles', () => archiveOf([plain('a/data.pkl'), plain('b/data.pkl')]), /found 2/],
    [
      'a name twice',
      () => archiveOf([plain('a/data.pkl'), plain('a/data.pkl')]),
      /byte 152: entry "a\/data\.pkl": expected each name once/,
    ],
    [
      'compressed entries',
      () => archiveOf([{ ...plain('a/data.pkl'), method: 8 }]),
      /stored as it is, found compression method 8/,
    ],
    ['encrypted entries', () => archiveOf([{ ...plain('a/data.pkl'), flags: 1 }]), /found an encrypted one/],
    [
      'an entry beyond the file',
      () => archiveOf([{ ...plain('a/data.pkl'), claimedBytes: 5000 }]),
      /expected 5000 bytes inside the file/,
    ],
    [
      'an entry of 2^63 bytes',
      () => archiveOf([{ ...plain('a/data.pkl'), claimedBytes: 2 ** 52 }], true),
      /expected 4503599627370496 bytes inside the file/,
    ],
    [
      'big-endian storages',
      () => archiveOf([plain('a/data.pkl'), plain('a/byteorder', Buffer.from('big'))]),
      /expected the byte order "little", found "big"/,
    ],
  ])('refuses %s', (_, bytes, message) => {
    const path = written(bytes());
    expect(() => new TorchFile(path)).toThrow(DataError);
    expect(() => new TorchFile(path)).toThrow(message);
    expect(() => new TorchFile(path)).toThrow(path);
  });

  it('answers every damaged byte with a value or a DataError', () => {
    const bytes = readFileSync(fixture);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const damaged = Buffer.from(bytes);
          for (const [at, value] of changes) damaged[at] = value;
          try {
            weightsOf(written(damaged));
          } catch (error) {
            expect(error).toBeInstanceOf(DataError);
          }
        },
      ),
      { seed: 9, numRuns: 600 },
    );
  });

  it('refuses what is no state dict as weights', () => {
    expect(() => weightsOf(written(archiveOf([plain('a/data.pkl')])))).toThrow(
      /expected a state dict, found something else/,
    );
    const odd = pickleOf('}', [...unicode('a')], 'K', [1], 's.');
    expect(() => weightsOf(written(archiveOf([plain('a/data.pkl', odd)])))).toThrow(
      /expected a state dict of tensors, found number as "a"/,
    );
  });
});

describe('readPickle', () => {
  const read = (...parts: (string | readonly number[])[]): PickleValue => readPickle(pickleOf(...parts), 'test.pkl');

  it('reads the plain values', () => {
    const half = Buffer.alloc(8);
    half.writeDoubleBE(0.5);
    expect(read('(NK', [255], 'M', [0, 1], 'J', [254, 255, 255, 255], 'G', [...half], [0x88, 0x89], 't.')).toEqual([
      null,
      255,
      256,
      -2,
      0.5,
      true,
      false,
    ]);
    expect(read('](', [...unicode('né')], 'U', [2, 0x41, 0xff], 'e.')).toEqual(['né', 'A\u00ff']);
    expect(read('}q', [0], '(', [...unicode('a')], 'K', [1], [...unicode('b')], 'h', [0], 'u.')).toSatisfy(
      (value) => value instanceof Map && value.get('a') === 1 && value.get('b') === value,
    );
    expect(read('K', [1], 'K', [2], 'K', [3], [0x87], '.')).toEqual([1, 2, 3]);
  });

  it('reads long integers of either sign, exactly', () => {
    expect(read([0x8a, 0], '.')).toBe(0);
    expect(read([0x8a, 1, 0xff], '.')).toBe(-1);
    expect(read([0x8a, 5, 0, 0, 0, 0, 1], '.')).toBe(2 ** 32);
    expect(read([0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0x80, 0], '.')).toBe(2n ** 63n);
  });

  it('keeps listed objects as inert data', () => {
    const scaler = 'cdeepspeed.runtime.fp16.loss_scaler\nDynamicLossScaler\n';
    const value = read(scaler, ')', [0x81], '}', [...unicode('cur_scale')], 'K', [8], 'sb.');
    expect(value).toBeInstanceOf(PickledObject);
    expect((value as PickledObject).state).toEqual(new Map([['cur_scale', 8]]));
    const pairs = ['](K', [1], 'K', [2], [0x86], 'K', [3], 'K', [4], [0x86], 'e', [0x85]];
    expect(read('ccollections\nOrderedDict\n', ...pairs, 'R.')).toEqual(
      new Map([
        [1, 2],
        [3, 4],
      ]),
    );
  });

  it.each<[string, (string | readonly number[])[], RegExp]>([
    [
      'a command',
      ['cposix\nsystem\n', [...unicode('touch PWNED')], [0x85], 'R.'],
      /byte 2 of its pickle: the global posix\.system is not one/,
    ],
    ['eval', ['c__builtin__\neval\n.'], /the global __builtin__\.eval/],
    ['getattr', ['cbuiltins\ngetattr\n.'], /the global builtins\.getattr/],
    ['a name that objects inherit', ['ctoString\n\n.'], /the global toString\. /],
    ['a listed name in another module', ['cevil\nOrderedDict\n.'], /the global evil\.OrderedDict/],
    ['INST, which calls without GLOBAL', ['(iposix\nsystem\n.'], /opcode 0x69 is not one that torch\.save writes/],
    ['STACK_GLOBAL of protocol 4', [[...unicode('posix')], [...unicode('system')], [0x93], '.'], /opcode 0x93/],
    ['EXT1', [[0x82, 1], '.'], /opcode 0x82/],
    ['a call of what is no global', ['K', [1], ')R.'], /expected a listed global and a tuple of its arguments/],
    ['a state for a number', ['K', [1], '}b.'], /expected an object to give a state to/],
    [
      'a storage that is called',
      ['ctorch\nFloatStorage\n', ')R.'],
      /expected torch\.FloatStorage in a persistent id only/,
    ],
    ['a persistent id of something else', ['K', [1], 'Q.'], /expected a persistent id \('storage', class, key/],
    ['a tensor without a storage', ['ctorch._utils\n_rebuild_tensor_v2\n', ')R.'], /expected a tensor of a storage/],
    [
      'a size below zero',
      ['ctorch\nSize\n', 'J', [255, 255, 255, 255], [0x85, 0x85], 'R.'],
      /expected a torch\.Size of whole numbers/,
    ],
    ['a text longer than the pickle', ['X', [255, 255, 255, 127], '.'], /expected 2147483647 more bytes, found 1/],
    ['a name without an end', ['cposix'], /expected a name and a line break/],
    ['no end', ['N'], /expected 1 more bytes, found 0; the pickle is cut short/],
    ['an empty stack', ['.'], /expected a value on the stack, found none/],
    ['a mark as a value', ['(.'], /expected a value on the stack/],
    ['a tuple without a mark', ['Nt.'], /expected a mark on the stack/],
    ['an unknown memory', ['h', [9], '.'], /expected a value remembered as 9/],
    ['an item for a list', ['](KKe}s.', [1]], /byte \d+ of its pickle/],
    ['two values at the end', ['NN.'], /expected one value at the end, found 2/],
    ['keys without values', ['}(Nu.'], /expected a dict and pairs/],
  ])('refuses %s', (_, parts, message) => {
    expect(() => read(...parts)).toThrow(DataError);
    expect(() => read(...parts)).toThrow(message);
    expect(() => read(...parts)).toThrow(/^test\.pkl/);
  });
});
