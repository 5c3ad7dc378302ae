// The number types in which a token file stores its ids, and their widening to int32. Dataset end of the road.
// Codes as in the MMIDIDX format of Megatron-LM and GPT-NeoX (megatron/data/indexed_dataset.py). Its two floating-point codes
// are refused: a token id is an integer.
import { DataError, InputError } from '../errors.ts';

export const TOKEN_TYPES = ['uint8', 'int8', 'int16', 'int32', 'int64', 'uint16'] as const;
export type TokenType = (typeof TOKEN_TYPES)[number];

interface Storage {
  readonly code: number;
  readonly itemBytes: number;
  readonly most: number;
  readonly read: (bytes: Buffer, offset: number) => number;
  readonly write: (bytes: Buffer, value: number, offset: number) => void;
}

const MOST_INT32 = 2 ** 31 - 1;

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
  uint16: storage(8, 2, 2 ** 16 - 1, 'readUInt16LE', 'writeUInt16LE'),
};

function storage(
  code: number,
  itemBytes: number,
  most: number,
  read: 'readUInt8' | 'readInt8' | 'readInt16LE' | 'readInt32LE' | 'readUInt16LE',
  write: 'writeUInt8' | 'writeInt8' | 'writeInt16LE' | 'writeInt32LE' | 'writeUInt16LE',
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

/** The type of a header's code, or undefined when the code is unknown or a floating-point one. */
export function tokenTypeOfCode(code: number): TokenType | undefined {
  return TOKEN_TYPES.find((type) => STORAGES[type].code === code);
}

/**
 * Widens `count` ids at the start of `bytes` into `into[at …]`.
 * Throws DataError for a negative id and for one that does not fit int32; `where(byte)` names the place of a byte of `bytes`.
 */
export function decodeTokens(
  type: TokenType,
  bytes: Buffer,
  count: number,
  into: Int32Array,
  at: number,
  where: (byte: number) => string,
): void {
  if (type === 'uint16') {
    // The type of the Pile's files, and so the one whose speed counts.
    for (let i = 0, byte = 0; i < count; i++, byte += 2) into[at + i] = bytes[byte]! | (bytes[byte + 1]! << 8);
    return;
  }
  const { read, itemBytes: width } = STORAGES[type];
  for (let i = 0; i < count; i++) {
    const id = read(bytes, i * width);
    if (id < 0 || id > MOST_INT32) {
      throw new DataError(
        `${where(i * width)}: expected a token id from 0 to ${MOST_INT32}, found ${id}; ` +
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
