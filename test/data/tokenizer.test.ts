// The tokenizer against published vectors and token counts of GPT-NeoX-20B's own tokenizer (outside test data).
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

describe.skipIf(!hasShared)('the GPT-NeoX-20B tokenizer', () => {
  const tokenizer = hasShared ? readTokenizer(sharedPath('tokenizer', '20B_tokenizer.json')) : undefined!; // skipped without

  it.each([
    ['<|endoftext|>Hi', [0, 12764]],
    ['e\u0301', [860]],
    ['Hello, I am', [12092, 13, 309, 717]],
    ['\t\tx', [186, 186, 89]],
    ['\u200b', [12882]],
    ['a  b   c', [66, 50276, 67, 50275, 68]],
    ['', []],
  ])('encodes %j', (text, ids) => {
    expect(tokenizer.encode(text)).toEqual(ids);
  });

  const forms: Record<string, number[]> = {
    ' he': [344],
    ' He': [754],
    he: [248],
    He: [1328],
    ' him': [779],
    ' Him': [15101],
    him: [13243],
    Him: [41, 303],
    ' his': [521],
    ' His': [3032],
    his: [8701],
    His: [8389],
    ' himself': [2994],
    ' Himself': [48486],
    himself: [41938],
    Himself: [41, 303, 1286],
    ' she': [703],
    ' She': [1500],
    she: [6689],
    She: [2993],
    ' her': [617],
    ' Her': [4058],
    her: [379],
    Her: [10759],
    ' hers': [22502],
    ' Hers': [41264],
    hers: [3398],
    Hers: [41, 398],
    ' herself': [5972],
    ' Herself': [41264, 813],
    herself: [379, 1286],
    Herself: [41, 398, 813],
    ' HE': [10197],
    ' SHE': [36722],
    ' HIS': [38164],
    ' HIM': [49526],
    ' HER': [20467],
    " he's": [344, 434],
    " she's": [703, 434],
  };
  it('knows the ids of the pronouns, with and without a blank before them', () => {
    expect(Object.fromEntries(Object.keys(forms).map((form) => [form, tokenizer.encode(form)]))).toEqual(forms);
    for (const [form, ids] of Object.entries(forms)) {
      expect(tokenizer.tokenId(form)).toBe(ids.length === 1 ? ids[0] : undefined);
      expect(tokenizer.decode(ids)).toBe(form);
    }
  });

  it('has 50,277 tokens, of which two are special', () => {
    expect(tokenizer.vocabSize).toBe(50277);
    expect(Array.from({ length: 50277 }, (_, id) => id).filter((id) => tokenizer.isSpecial(id))).toEqual([0, 1]);
    expect(Buffer.from(tokenizer.tokenBytes(50254)).toString()).toBe(' '.repeat(24));
    expect(Buffer.from(tokenizer.tokenBytes(344)).toString()).toBe(' he');
    expect(() => tokenizer.decode([50277])).toThrow(
      /token id 50277: expected one that .* has a token for, from 0 to 50276/,
    );
  });

  it('counts the tokens of all CrowS-Pairs sentences as the golden file does', () => {
    const golden = JSON.parse(readFileSync(sharedPath('gold', 'scoring', 'crows_pairs.golden.json'), 'utf8')) as {
      items: { index: number; num_tokens: [number, number] }[];
    };
    const rows: Record<string, string>[] = parse(
      readFileSync(sharedPath('benchmarks', 'crows-pairs', 'crows_pairs_anonymized.csv')),
      { columns: true },
    );
    expect(golden.items).toHaveLength(1508);
    expect(rows).toHaveLength(1508);
    const counts = golden.items.map(({ index }) => {
      const { sent_more = '', sent_less = '' } = rows[index] ?? {};
      return [tokenizer.encode(sent_more).length, tokenizer.encode(sent_less).length];
    });
    expect(counts).toEqual(golden.items.map((item) => item.num_tokens));
  });

  it('gives back the NFC form of any text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({
        unit: fc.constantFrom(
          ' ',
          '  ',
          '\n',
          '\t',
          'a',
          'She',
          "'s",
          'é',
          'e\u0301',
          '9',
          '.',
          '\u0085',
          '\ufeff',
          '\u00a0',
          '😀',
        ),
      }),
    );
    fc.assert(
      fc.property(text, (t) => {
        expect(tokenizer.decode(tokenizer.encode(t))).toBe(t.normalize('NFC'));
      }),
      { seed: 11, numRuns: 1000 },
    );
  });

  it('encodes a long text without a blank in a time that grows with its length', () => {
    const text = Array.from({ length: 200_000 }, (_, i) => String.fromCharCode(97 + ((i * 7919) % 26))).join('');
    const started = performance.now();
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
