// A tokenizer.json made on the spot: the 256 bytes, the merges a test asks for, and <|endoftext|> as id 0.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byteSymbols, readTokenizer, type Tokenizer } from '../../src/data/tokenizer.ts';

/** Merges are written with Ġ for a space, for example ['Ġ h', 'Ġh e']. */
export function makeTinyTokenizer(merges: readonly string[] = []): Tokenizer {
  const pieces = ['<|endoftext|>', ...byteSymbols(), ...merges.map((merge) => merge.replace(' ', ''))];
  const file = {
    version: '1.0',
    added_tokens: [
      {
        id: 0,
        content: '<|endoftext|>',
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      },
    ],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])), merges },
  };
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-tokenizer-'));
  try {
    const path = join(folder, 'tokenizer.json');
    writeFileSync(path, JSON.stringify(file));
    return readTokenizer(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A batch of rows of equal length. */
export function batchOf(rows: readonly (readonly number[])[], firstSample = 0, step = 0) {
  const rowLength = rows[0]?.length ?? 0;
  return { step, firstSample, numRows: rows.length, rowLength, tokens: Int32Array.from(rows.flat()) };
}

/** The bytes of some tokens, one character a byte. */
export function bytesOf(tokenizer: Tokenizer, ids: Iterable<number>): string {
  return Buffer.concat(Array.from(ids, (id) => tokenizer.tokenBytes(id))).toString('latin1');
}
