// Reads the part of Python's pickle protocol 2 that torch.save writes, into plain data. Nothing is ever called: a global is a name
// from a short list with a fixed meaning (pickle-values.ts). Whatever else a pickle asks for – another global, another opcode – is refused.
// Opcodes as in CPython 3.11, Lib/pickletools.py.
import { DataError } from '../errors.ts';
import {
  isListedGlobal,
  makeValue,
  PickledGlobal,
  PickledObject,
  storageOfPersistentId,
  type PickleValue,
} from './pickle-values.ts';

/** A hundred times what Pythia's largest file needs; as empty dicts they take 100 MB. */
const MOST_VALUES = 2 ** 19;
const MOST_NAME_BYTES = 256;

const MARK = Symbol('mark');
type Item = PickleValue | typeof MARK;

/** Reads one pickled value. Throws DataError, naming `path` and the byte, for damaged data and for everything that is not listed. */
export function readPickle(bytes: Buffer, path: string): PickleValue {
  return new Machine(bytes, path).run();
}

class Machine {
  readonly #bytes: Buffer;
  readonly #path: string;
  readonly #stack: Item[] = [];
  readonly #memo = new Map<number, Item>();
  #at = 0;
  #numValues = 0;

  constructor(bytes: Buffer, path: string) {
    this.#bytes = bytes;
    this.#path = path;
  }

  run(): PickleValue {
    for (;;) {
      const start = this.#at;
      const opcode = this.#take(1).readUInt8();
      if (opcode === 0x2e) {
        const result = this.#popValue();
        if (this.#stack.length > 0) this.#fail(start, `expected one value at the end, found ${this.#stack.length + 1}`);
        return result;
      }
      const isKnown = this.#pushPlain(opcode) || this.#pushCollected(opcode) || this.#change(opcode, start);
      if (!isKnown) this.#fail(start, `opcode 0x${opcode.toString(16)} is not one that torch.save writes`);
    }
  }

  // Opcodes that push a value of their own. Returns whether it was one.
  #pushPlain(opcode: number): boolean {
    switch (opcode) {
      case 0x80: // PROTO
        this.#take(1);
        return true;
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4b: // BININT1
        return this.#push(this.#take(1).readUInt8());
      case 0x4d: // BININT2
        return this.#push(this.#take(2).readUInt16LE());
      case 0x4a: // BININT
        return this.#push(this.#take(4).readInt32LE());
      case 0x8a: // LONG1
        return this.#push(longFrom(this.#take(this.#take(1).readUInt8())));
      case 0x47: // BINFLOAT
        return this.#push(this.#take(8).readDoubleBE());
      case 0x58: // BINUNICODE
        return this.#push(this.#take(this.#take(4).readUInt32LE()).toString('utf8'));
      case 0x55: // SHORT_BINSTRING
        return this.#push(this.#take(this.#take(1).readUInt8()).toString('latin1'));
      case 0x7d: // EMPTY_DICT
        return this.#push(new Map());
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        return this.#push([]);
      case 0x28: // MARK
        return this.#push(MARK);
      default:
        return false;
    }
  }

  // Opcodes that read the memo, or put together what is on the stack.
  #pushCollected(opcode: number): boolean {
    switch (opcode) {
      case 0x68: // BINGET
        return this.#recall(this.#take(1).readUInt8());
      case 0x6a: // LONG_BINGET
        return this.#recall(this.#take(4).readUInt32LE());
      case 0x71: // BINPUT
        return this.#remember(this.#take(1).readUInt8());
      case 0x72: // LONG_BINPUT
        return this.#remember(this.#take(4).readUInt32LE());
      case 0x74: // TUPLE
        return this.#push(this.#popToMark());
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: {
        const values = Array.from({ length: opcode - 0x84 }, () => this.#popValue());
        return this.#push(values.reverse());
      }
      case 0x61: // APPEND
        return this.#append([this.#popValue()]);
      case 0x65: // APPENDS
        return this.#append(this.#popToMark());
      case 0x73: {
        // SETITEM
        const value = this.#popValue();
        return this.#setItems([this.#popValue(), value]);
      }
      case 0x75: // SETITEMS
        return this.#setItems(this.#popToMark());
      default:
        return false;
    }
  }

  // Opcodes with which a hostile pickle would run code.
  #change(opcode: number, start: number): boolean {
    switch (opcode) {
      case 0x63: // GLOBAL
        return this.#push(this.#readGlobal(start));
      case 0x51: // BINPERSID
        return this.#push(storageOfPersistentId(this.#popValue(), (fault) => this.#fail(start, fault)));
      case 0x52: // REDUCE
      case 0x81: {
        const parameters = this.#popValue();
        const callable = this.#popValue();
        if (!(callable instanceof PickledGlobal) || !Array.isArray(parameters)) {
          return this.#fail(start, 'expected a listed global and a tuple of its arguments');
        }
        // An OrderedDict of a remembered list is a new one at each call: its pairs count like values of their own.
        this.#count(Array.isArray(parameters[0]) ? parameters[0].length : 0);
        return this.#push(makeValue(callable.name, parameters, start, (fault) => this.#fail(start, fault)));
      }
      case 0x62: {
        // BUILD
        const state = this.#popValue();
        const target = this.#stack.at(-1);
        if (target instanceof PickledObject) target.state = state;
        // An OrderedDict's own attributes (_metadata of a state dict) say nothing about its tensors.
        else if (!(target instanceof Map)) this.#fail(start, 'expected an object to give a state to');
        return true;
      }
      default:
        return false;
    }
  }

  #readGlobal(start: number): PickledGlobal {
    const name = `${this.#takeLine()}.${this.#takeLine()}`;
    if (!isListedGlobal(name)) {
      this.#fail(
        start,
        `the global ${name} is not one that a checkpoint needs; nothing was run; do not load this file elsewhere`,
      );
    }
    return new PickledGlobal(name);
  }

  // What is pushed and copied is what takes memory.
  #count(numValues: number): void {
    this.#numValues += numValues;
    if (this.#numValues > MOST_VALUES)
      this.#fail(
        this.#at,
        `expected at most ${MOST_VALUES} values, found more; it is no checkpoint of a language model`,
      );
  }

  #push(item: Item): true {
    this.#count(1);
    this.#stack.push(item);
    return true;
  }

  #popValue(): PickleValue {
    const item = this.#stack.pop();
    return item === undefined || item === MARK
      ? this.#fail(this.#at, 'expected a value on the stack, found none')
      : item;
  }

  #popToMark(): PickleValue[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at === -1) return this.#fail(this.#at, 'expected a mark on the stack, found none');
    const values = this.#stack.splice(at) as PickleValue[]; // no mark but the first
    values.shift();
    return values;
  }

  #append(values: readonly PickleValue[]): true {
    const list = this.#stack.at(-1);
    if (!Array.isArray(list)) return this.#fail(this.#at, 'expected a list to append to');
    for (const value of values) list.push(value);
    return true;
  }

  #setItems(flat: readonly PickleValue[]): true {
    const dict = this.#stack.at(-1);
    if (!(dict instanceof Map) || flat.length % 2 !== 0)
      return this.#fail(this.#at, 'expected a dict and pairs to put into it');
    for (let i = 0; i < flat.length; i += 2) dict.set(flat[i]!, flat[i + 1]!);
    return true;
  }

  #remember(key: number): true {
    const item = this.#stack.at(-1);
    if (item === undefined || item === MARK) return this.#fail(this.#at, 'expected a value to remember');
    this.#memo.set(key, item);
    return true;
  }

  #recall(key: number): true {
    const item = this.#memo.get(key);
    return item === undefined ? this.#fail(this.#at, `expected a value remembered as ${key}`) : this.#push(item);
  }

  #take(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) {
      this.#fail(
        this.#at,
        `expected ${count} more bytes, found ${this.#bytes.length - this.#at}; the pickle is cut short`,
      );
    }
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  #takeLine(): string {
    const end = this.#bytes.subarray(0, this.#at + MOST_NAME_BYTES).indexOf(0x0a, this.#at);
    if (end === -1) this.#fail(this.#at, `expected a name and a line break within ${MOST_NAME_BYTES} bytes`);
    const line = this.#bytes.toString('latin1', this.#at, end);
    this.#at = end + 1;
    return line;
  }

  #fail(at: number, fault: string): never {
    throw new DataError(`${this.#path}, byte ${at} of its pickle: ${fault}`);
  }
}

// Two's complement, little-endian.
function longFrom(bytes: Buffer): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  const signed = BigInt.asIntN(8 * bytes.length, value);
  const number = Number(signed);
  return Number.isSafeInteger(number) ? number : signed;
}
