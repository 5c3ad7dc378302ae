// Text ↔ token ids as GPT-NeoX-20B's tokenizer does it: byte-level BPE from a Hugging Face tokenizer.json. Used by rewriting, scoring and
// whatever shows tokens as text. Order: added tokens of the raw text, NFC, added tokens of the normalized text, GPT-2's split, merges.
import { DataError, InputError } from '../errors.ts';
import { mergePairs } from './byte-pair.ts';
import { readTokenizerFile, type TokenizerFile } from './tokenizer-file.ts';

export interface Tokenizer {
  /** Ids are below this number; not every one needs to have a token. */
  readonly vocabSize: number;
  /**
   * Ids of a text; added tokens such as <|endoftext|> are recognised in it. Lone surrogates become U+FFFD.
   * Throws DataError for a byte that the vocabulary lacks.
   */
  encode(text: string): number[];
  /** Text of ids; bytes that are no UTF-8 become U+FFFD. Throws InputError for an id without a token. */
  decode(ids: ArrayLike<number>): string;
  /** The bytes for which a token stands (one token can be a part of a character). Throws InputError for an id without a token. */
  tokenBytes(id: number): Uint8Array;
  isSpecial(id: number): boolean;
  /** Id of the token that stands for exactly this text, such as " he". */
  tokenId(text: string): number | undefined;
}

// White_Space instead of \s, which in JavaScript has U+FEFF and lacks U+0085.
const PIECES =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Pieces whose ids are remembered: natural text repeats them. The memory is emptied when it is full. */
const MOST_REMEMBERED = 50_000;
const LONGEST_REMEMBERED = 32;

/** Reads a tokenizer.json. Throws DataError when the file is damaged or asks for what is not supported. */
export function readTokenizer(path: string): Tokenizer {
  return byteLevelBpe(path, readTokenizerFile(path));
}

/** GPT-2's printable stand-ins for the 256 bytes: a printable Latin-1 character stands for itself, the others for U+0100 on. */
export function byteSymbols(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCharCode(isPrintable ? byte : next++);
  });
}

function byteLevelBpe(path: string, file: TokenizerFile): Tokenizer {
  const { vocabulary, addedTokens, normalizer } = file;
  const symbols = byteSymbols();
  const bytesOfId = tokenBytesById(file, symbols);
  const encodePiece = pieceEncoder(path, file, symbols);
  const normalize = (text: string): string => (normalizer === 'NFC' ? text.normalize('NFC') : text);
  const raw = addedTokens.filter((token) => !token.normalized);
  const normalized = addedTokens.filter((token) => token.normalized);
  const cutRaw = addedTokenCutter(new Map(raw.map(({ content, id }) => [content, id])));
  const cutNormalized = addedTokenCutter(new Map(normalized.map(({ content, id }) => [normalize(content), id])));

  function encode(text: string): number[] {
    const ids: number[] = [];
    cutRaw(text, ids, (part) =>
      cutNormalized(normalize(part), ids, (segment) => {
        for (const piece of segment.match(PIECES) ?? []) for (const id of encodePiece(piece)) ids.push(id);
      }),
    );
    return ids;
  }

  function tokenBytes(id: number): Uint8Array {
    const bytes = bytesOfId[id];
    if (bytes) return bytes;
    throw new InputError(
      `token id ${id}: expected one that ${path} has a token for, from 0 to ${bytesOfId.length - 1}`,
    );
  }

  const specials = new Set(addedTokens.filter((token) => token.special).map((token) => token.id));
  const added = new Map(addedTokens.map(({ content, id }) => [content, id]));
  return {
    vocabSize: bytesOfId.length,
    encode,
    decode: (ids) => Buffer.concat(Array.from(ids, tokenBytes)).toString('utf8'),
    tokenBytes,
    isSpecial: (id) => specials.has(id),
    tokenId: (text) =>
      added.get(text) ?? vocabulary.get(Array.from(Buffer.from(text, 'utf8'), (byte) => symbols[byte]!).join('')),
  };
}

// Ids of one piece, remembered.
function pieceEncoder(
  path: string,
  { vocabulary, merges }: TokenizerFile,
  symbols: readonly string[],
): (piece: string) => readonly number[] {
  const idOfByte = Int32Array.from(symbols, (symbol) => vocabulary.get(symbol) ?? -1);
  const remembered = new Map<string, readonly number[]>();
  return (piece) => {
    const known = remembered.get(piece);
    if (known) return known;
    const bytes = Buffer.from(piece, 'utf8');
    const ids = Int32Array.from(bytes, (byte) => idOfByte[byte]!);
    const lacking = ids.indexOf(-1);
    if (lacking !== -1) {
      const byte = bytes[lacking]!.toString(16);
      throw new DataError(
        `${path}: "model.vocab": expected every byte of the text, found none for 0x${byte} in "${piece.slice(0, 40)}"; the text cannot be encoded`,
      );
    }
    const merged = Array.from(ids.subarray(0, mergePairs(ids, merges)));
    if (piece.length <= LONGEST_REMEMBERED) {
      if (remembered.size >= MOST_REMEMBERED) remembered.clear();
      // A copy: the piece is a slice, and would keep the whole text it was cut from.
      remembered.set(Buffer.from(piece, 'utf8').toString('utf8'), merged);
    }
    return merged;
  };
}

// Cuts added tokens out of a text, leftmost and longest first: appends their ids, and hands on what lies between them in its turn.
function addedTokenCutter(idOf: ReadonlyMap<string, number>) {
  const longestFirst = [...idOf.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(
    longestFirst.map((content) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'),
    'g',
  );
  return (text: string, ids: number[], between: (segment: string) => void): void => {
    if (longestFirst.length === 0) return between(text);
    let from = 0;
    for (const match of text.matchAll(pattern)) {
      if (match.index > from) between(text.slice(from, match.index));
      ids.push(idOf.get(match[0])!); // the pattern has only these
      from = match.index + match[0].length;
    }
    if (from < text.length) between(text.slice(from));
  };
}

function tokenBytesById(
  { vocabulary, addedTokens }: TokenizerFile,
  symbols: readonly string[],
): (Uint8Array | undefined)[] {
  const byteOf = new Int16Array(0x200).fill(-1); // by the code unit of a symbol
  symbols.forEach((symbol, byte) => (byteOf[symbol.charCodeAt(0)] = byte));
  let vocabSize = 0;
  for (const id of [...vocabulary.values(), ...addedTokens.map((token) => token.id)])
    vocabSize = Math.max(vocabSize, id + 1);
  const bytesOfId = new Array<Uint8Array | undefined>(vocabSize).fill(undefined);
  for (const [text, id] of vocabulary) {
    const bytes = new Uint8Array(text.length);
    let isSymbols = true;
    for (let i = 0; i < text.length; i++) {
      const byte = byteOf[text.charCodeAt(i)] ?? -1;
      if (byte === -1) isSymbols = false;
      bytes[i] = byte;
    }
    // A vocabulary may list its special tokens, which are text, not symbols.
    bytesOfId[id] = isSymbols ? bytes : Buffer.from(text, 'utf8');
  }
  for (const { id, content } of addedTokens) bytesOfId[id] = Buffer.from(content, 'utf8');
  return bytesOfId;
}
