// Bytes of a stretch of tokens → text with an exact way back. A row may begin or end within a character, and a corpus holds
// bytes that are no UTF-8: each such byte becomes one U+FFFD in the text, and stays itself in the tokens.

export interface DecodedText {
  readonly text: string;
  /** The byte at which the UTF-16 unit begins, counted from the first byte; `text.length` gives the number of bytes. */
  byteOffset(unit: number): number;
}

const NOT_ASCII = /[\x80-\xff]/;
const REPLACEMENT = 0xfffd;

/** Decodes bytes given as Latin-1, one character a byte. */
export function decodeUtf8(latin1: string): DecodedText {
  if (!NOT_ASCII.test(latin1)) return { text: latin1, byteOffset: (unit) => unit };
  const units = new Uint16Array(latin1.length);
  const offsets = new Uint32Array(latin1.length + 1);
  let numUnits = 0;
  let byte = 0;
  while (byte < latin1.length) {
    const { codePoint, length } = characterAt(latin1, byte);
    offsets[numUnits] = byte;
    if (codePoint > 0xffff) {
      units[numUnits++] = 0xd800 + ((codePoint - 0x10000) >> 10);
      offsets[numUnits] = byte;
      units[numUnits++] = 0xdc00 + ((codePoint - 0x10000) & 0x3ff);
    } else units[numUnits++] = codePoint;
    byte += length;
  }
  offsets[numUnits] = byte;
  const text = Buffer.from(units.buffer, 0, numUnits * 2).toString('utf16le');
  return { text, byteOffset: (unit) => offsets[unit]! }; // units of the text only
}

interface Character {
  readonly codePoint: number;
  /** In bytes. */
  readonly length: number;
}

const INVALID: Character = { codePoint: REPLACEMENT, length: 1 };

/** The character that begins at a byte: RFC 3629, so neither overlong forms nor surrogates. */
function characterAt(latin1: string, byte: number): Character {
  const lead = latin1.charCodeAt(byte);
  if (lead < 0x80) return { codePoint: lead, length: 1 };
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || byte + length > latin1.length) return INVALID;
  let codePoint = lead & (0xff >> (length + 1));
  for (let next = byte + 1; next < byte + length; next++) {
    const continuation = latin1.charCodeAt(next);
    if ((continuation & 0xc0) !== 0x80) return INVALID;
    codePoint = (codePoint << 6) | (continuation & 0x3f);
  }
  const least = length === 4 ? 0x10000 : length === 3 ? 0x800 : 0x80;
  const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
  return codePoint < least || codePoint > 0x10ffff || isSurrogate ? INVALID : { codePoint, length };
}
