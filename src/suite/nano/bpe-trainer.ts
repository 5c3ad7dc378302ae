// Trains the nano suite's tokenizer: byte-level byte-pair encoding (Sennrich et al. 2016 over GPT-2's bytes and split pattern),
// written in Hugging Face's tokenizer.json with the fields of GPT-NeoX-20B's file. The most frequent pair is merged first; of
// equally frequent pairs, the one whose two parts come first in code-unit order. No normalizer: the corpus is ASCII.
import { byteSymbols } from '../../data/tokenizer.ts';

/** How GPT-2 cuts a text into the pieces inside which pairs are merged. */
const splitPattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

const specialTokens = ['<|endoftext|>', '<|padding|>'];

/** One distinct piece of text with its current division into symbols. */
interface Piece {
  symbols: string[];
  readonly count: number;
}

/**
 * Trains on the texts and returns the tokenizer.json's content: ids 0 `<|endoftext|>`, 1 `<|padding|>`, then the 256 byte
 * symbols in code-point order, then one id a merge. Throws when the texts have too few pairs for `vocabSize`.
 */
export function trainTokenizer(texts: Iterable<string>, vocabSize: number): string {
  const symbolOfByte = byteSymbols();
  const pieces = countPieces(texts, symbolOfByte);
  const tokens = [...specialTokens, ...[...symbolOfByte].sort((a, b) => (a < b ? -1 : 1))];
  const merges: string[] = [];
  while (tokens.length < vocabSize) {
    const pair = mostFrequentPair(pieces);
    if (pair === undefined) {
      throw new Error(`bug: the texts give ${String(tokens.length)} tokens and no more; ${String(vocabSize)} were wanted`);
    }
    const [left, right] = pair;
    merges.push(`${left} ${right}`);
    if (!tokens.includes(left + right)) tokens.push(left + right);
    for (const piece of pieces) mergePair(piece, left, right);
  }
  return `${JSON.stringify(tokenizerFile(tokens, merges), null, 2)}\n`;
}

function countPieces(texts: Iterable<string>, symbolOfByte: readonly string[]): Piece[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [piece] of text.matchAll(splitPattern)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  return [...counts].map(([piece, count]) => ({
    // A byte always has its symbol.
    symbols: [...Buffer.from(piece, 'utf8')].map((byte) => symbolOfByte[byte]!),
    count,
  }));
}

function mostFrequentPair(pieces: readonly Piece[]): [string, string] | undefined {
  const counts = new Map<string, number>();
  for (const { symbols, count } of pieces) {
    for (let i = 0; i + 1 < symbols.length; i++) {
      const key = `${symbols[i]!} ${symbols[i + 1]!}`;
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
  }
  let best: string | undefined;
  let bestCount = 0;
  for (const [key, count] of counts) {
    if (count > bestCount || (count === bestCount && best !== undefined && comesFirst(key, best))) {
      best = key;
      bestCount = count;
    }
  }
  // A symbol never holds a blank, so the key splits into exactly two.
  return best === undefined ? undefined : (best.split(' ') as [string, string]);
}

function comesFirst(key: string, other: string): boolean {
  const [left = '', right = ''] = key.split(' ');
  const [otherLeft = '', otherRight = ''] = other.split(' ');
  return left === otherLeft ? right < otherRight : left < otherLeft;
}

function mergePair(piece: Piece, left: string, right: string): void {
  if (!piece.symbols.includes(left)) return;
  const merged: string[] = [];
  for (let i = 0; i < piece.symbols.length; i++) {
    const isPair = piece.symbols[i] === left && piece.symbols[i + 1] === right;
    // In range: i is below the length.
    merged.push(isPair ? left + right : piece.symbols[i]!);
    if (isPair) i++;
  }
  piece.symbols = merged;
}

function tokenizerFile(tokens: readonly string[], merges: readonly string[]): object {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({
      id,
      special: true,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}
