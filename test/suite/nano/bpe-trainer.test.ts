// The trainer of the tokenizer: merges worked out by hand, ties, Hugging Face's fields, and that the reader undoes it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTokenizer } from '../../../src/data/tokenizer.ts';
import { trainTokenizer } from '../../../src/suite/nano/bpe-trainer.ts';

interface TokenizerFile {
  readonly added_tokens: readonly { readonly id: number; readonly content: string; readonly special: boolean }[];
  readonly pre_tokenizer: { readonly type: string; readonly add_prefix_space: boolean };
  readonly decoder: { readonly type: string };
  readonly model: {
    readonly type: string;
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly string[];
  };
}

function train(texts: readonly string[], numMerges: number): TokenizerFile {
  return JSON.parse(trainTokenizer(texts, 258 + numMerges)) as TokenizerFile;
}

describe('training', () => {
  it('merges the most frequent pair first, and counts pairs anew after each merge', () => {
    // ab ×5, bc ×4 before; after "a b" is merged: "ab c" ×3.
    const { merges } = train(['abc abc abc', ' ab ab', 'bc'], 2).model;
    expect(merges).toEqual(['a b', 'Ġ ab']);
  });

  it('takes of equally frequent pairs the one that comes first', () => {
    expect(train(['zy', 'ba', 'bc'], 3).model.merges).toEqual(['b a', 'b c', 'z y']);
  });

  it('never merges across the split of GPT-2', () => {
    const { merges } = train(["he's he's he's, he's"], 3).model;
    expect(merges.every((merge) => !/e '|, |s ,/.test(merge))).toBe(true);
    expect(merges).toContain("' s");
  });

  it('says so when the texts are too few', () => {
    expect(() => train(['ab'], 2)).toThrow('bug: the texts give 259 tokens and no more; 260 were wanted');
  });
});

describe('the tokenizer.json', () => {
  it('has the fields of a byte-level BPE, special tokens first, then the bytes in code-point order', () => {
    const file = train(['the cat the hat'], 3);
    expect(file.added_tokens.map(({ id, content, special }) => [id, content, special])).toEqual([
      [0, '<|endoftext|>', true],
      [1, '<|padding|>', true],
    ]);
    expect(file.pre_tokenizer).toMatchObject({ type: 'ByteLevel', add_prefix_space: false });
    expect(file.decoder.type).toBe('ByteLevel');
    expect(file.model.type).toBe('BPE');
    expect(file.model.vocab).toMatchObject({ '!': 2, '"': 3, '~': 95, '¡': 96, Ā: 190, Ń: 257 });
    expect(Object.values(file.model.vocab).sort((a, b) => a - b)).toEqual(Array.from({ length: 261 }, (_, id) => id));
  });

  it('is read back, and its ids give the text again, also outside the alphabet trained on', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tiresias-bpe-'));
    try {
      const path = join(folder, 'tokenizer.json');
      writeFileSync(path, trainTokenizer(['the cat sat on the mat'], 264));
      const tokenizer = readTokenizer(path);
      for (const text of ['the cat', 'Ünicode – 日本語 😀', "  two  blanks\n\tand a tab's", '<|endoftext|>the']) {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
