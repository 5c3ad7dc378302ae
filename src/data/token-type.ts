// The number types in which a token file stores its ids, and their widening to int32. Dataset end of the road.
// Codes as in the MMIDIDX format of Megatron-LM and GPT-NeoX (megatron/data/indexed_dataset.py). Code 6 is float32 to Megatron-LM and to
// Pythia's own reader and float64 to GPT-NeoX v1.0 (`np.float`): token-index.ts decides by the pointers which it is. Floating-point
// ids are read when every value is a whole number in range, and refused at their byte otherwise.
import { DataError, InputError } from '../errors.ts';

export const TOKEN_TYPES = ['uint8', 'int8', 'int16', 'int32', 'int64', 'float32', 'float64', 'uint16'] as const;
export type TokenType = (typeof TOKEN_TYPES)[number];

interface Storage {
  readonly code: number;
  readonly itemBytes: number;
  /** The greatest id that the type holds exactly, with all below. */
  readonly most: number;
  readonly read: (bytes: Buffer, offset: number) => number;
  readonly write: (bytes: Buffer, value: number, offset: number) => void;
}

const MOST_INT32 = 2 ** 31 - 1;

/** The code that two programs read as two types. */
export const AMBIGUOUS_FLOAT_CODE = 6;

const STORAGES: Record<TokenType, Storage> = {
  uint8: storage(1, 1, 255, 'readUInt8', 'writeUInt8'),
  int8: storage(2, 1, 127, 'readInt8', 'writeInt8'),
  int16: storage(3, 2, 2 ** 15 - 1, 'readInt16LE', 'writeInt16LE'),
  int32: storage(4, 4, MOST_INT32, 'readInt32LE', 'writeInt32LE'),
  int64: {
    code: 5,
    itemBytes: 8,
    most: MOST_INT32,
    read: (bytes, offset) => Number(bytes.readBigInt64LE(offset)),
    write: (bytes, value, offset) => bytes.writeBigInt64LE(BigInt(value), offset),
  },
  float32: storage(6, 4, 2 ** 24, 'readFloatLE', 'writeFloatLE'),
  float64: storage(7, 8, MOST_INT32, 'readDoubleLE', 'writeDoubleLE'),
  uint16: storage(8, 2, 2 ** 16 - 1, 'readUInt16LE', 'writeUInt16LE'),
};

function storage(
  code: number,
  itemBytes: number,
  most: number,
  read: 'readUInt8' | 'readInt8' | 'readInt16LE' | 'readInt32LE' | 'readFloatLE' | 'readDoubleLE' | 'readUInt16LE',
  write:
    'writeUInt8' | 'writeInt8' | 'writeInt16LE' | 'writeInt32LE' | 'writeFloatLE' | 'writeDoubleLE' | 'writeUInt16LE',
): Storage {
  return {
    code,
    itemBytes,
    most,
    read: (bytes, offset) => bytes[read](offset),
    write: (bytes, value, offset) => bytes[write](value, offset),
  };
}

/** Bytes of one stored id. */
export function itemBytes(type: TokenType): number {
  return STORAGES[type].itemBytes;
}

/** The code that the .idx header carries for a type. */
export function tokenTypeCode(type: TokenType): number {
  return STORAGES[type].code;
}

/** The type of a header's code, or undefined when the code is unknown; float32 for code 6, which may be float64, too. */
export function tokenTypeOfCode(code: number): TokenType | undefined {
  return TOKEN_TYPES.find((type) => STORAGES[type].code === code);
}

/**
 * Widens `count` ids at the start of `bytes` into `into[at …]`.
 * Throws DataError for what is no whole number from 0 to 2^31 − 1; `where(byte)` names the place of a byte of `bytes`.
 */
export function decodeTokens(
  type: TokenType,
  bytes: Buffer,
  count: number,
  into: Int32Array,
  at: number,
  where: (byte: number) => string,
): void {
  if (type === 'uint16' && bytes.byteOffset % 2 === 0) {
    // The type of the Pile's files, and so the one whose speed counts: widened by the engine, ten times as fast as a loop.
    into.set(new Uint16Array(bytes.buffer, bytes.byteOffset, count), at);
    return;
  }
  const { read, itemBytes: width } = STORAGES[type];
  for (let i = 0; i < count; i++) {
    const id = read(bytes, i * width);
    if (!(id >= 0 && id <= MOST_INT32 && Number.isInteger(id))) {
      throw new DataError(
        `${where(i * width)}: expected a token id, a whole number from 0 to ${MOST_INT32}, found ${id}; ` +
          'the file is damaged, or its .idx names the wrong number type; fetch or build it anew',
      );
    }
    into[at + i] = id;
  }
}

/** The stored bytes of some ids. Throws InputError for an id that the type cannot hold. */
export function encodeTokens(type: TokenType, tokens: ArrayLike<number>): Buffer {
  const { write, itemBytes: width, most } = STORAGES[type];
  const bytes = Buffer.allocUnsafe(tokens.length * width);
  for (let i = 0; i < tokens.length; i++) {
    const id = tokens[i]!; // i < length
    if (!Number.isInteger(id) || id < 0 || id > most) {
      throw new InputError(`token ${i}: expected a whole number from 0 to ${most} (${type}), found ${id}`);
    }
    write(bytes, id, i * width);
  }
  return bytes;
}
