// A small tokenizer.json against Hugging Face's own program (test/fixtures/tokenizer/README.md), and files that ask for more than is supported.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { DataError } from '../../src/errors.ts';
import { packagePath } from '../../src/package-root.ts';

interface TokenizerJson {
  [field: string]: unknown;
  normalizer: unknown;
  pre_tokenizer: Record<string, unknown>;
  decoder: unknown;
  added_tokens: Record<string, unknown>[];
  model: { [field: string]: unknown; vocab: Record<string, unknown>; merges: unknown[] };
}

const fixture = packagePath('test', 'fixtures', 'tokenizer', 'tokenizer.json');
const golden = JSON.parse(readFileSync(packagePath('test', 'fixtures', 'tokenizer', 'golden.json'), 'utf8')) as {
  cases: [string, number[]][];
  decoded: string[];
};
const tokenizer = readTokenizer(fixture);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokenizer-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function changed(change: (file: TokenizerJson) => void): string {
  const file = JSON.parse(readFileSync(fixture, 'utf8')) as TokenizerJson;
  change(file);
  const path = join(folder, 'tokenizer.json');
  writeFileSync(path, JSON.stringify(file));
  return path;
}

describe('readTokenizer', () => {
  it("encodes and decodes as Hugging Face's own program", () => {
    expect(golden.cases.length).toBeGreaterThan(400);
    for (const [i, [text, ids]] of golden.cases.entries()) {
      expect([text, tokenizer.encode(text)]).toEqual([text, ids]);
      expect(tokenizer.decode(ids)).toBe(golden.decoded[i]);
    }
  });

  it('reads merges written as "a b" as it reads pairs', () => {
    const path = changed(({ model }) => {
      model.merges = model.merges.map((pair) => (pair as string[]).join(' '));
    });
    const other = readTokenizer(path);
    for (const [text, ids] of golden.cases) expect(other.encode(text)).toEqual(ids);
  });

  it('gives back the NFC form of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.normalize('NFC'));
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it('gives back any text as it is when the file has no normalizer', () => {
    const plain = readTokenizer(changed((file) => (file.normalizer = null)));
    const text = 'cafe\u0301 \u212b \ufeff<|end|>';
    expect(plain.decode(plain.encode(text))).toBe(text);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.normalize('NFC'));
  });

  it('merges long pieces as the definition says', () => {
    // Short pieces are scanned, long ones go through a heap; both must find the merges of the definition.
    const unit = fc.constantFrom('h', 'e', 's', 'r', 't', 'a', 'i', 'n', 'd', 'th', 'he', 'said');
    fc.assert(
      fc.property(fc.array(unit, { minLength: 60, maxLength: 200 }), (units) => {
        const text = units.join('');
        expect(tokenizer.encode(text)).toEqual(bruteForce(text));
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  it('shows lone surrogates as U+FFFD', () => {
    expect(tokenizer.decode(tokenizer.encode('a\ud800b'))).toBe('a\ufffdb');
  });

  it('tells bytes, special tokens and ids of texts', () => {
    const [end] = tokenizer.encode('<|end|>');
    expect(tokenizer.isSpecial(end!)).toBe(true);
    expect(tokenizer.tokenId('<|end|>')).toBe(end);
    expect(tokenizer.isSpecial(tokenizer.tokenId('he')!)).toBe(false);
    expect(tokenizer.tokenId('   ')).toBe(tokenizer.encode('   ')[0]);
    expect(tokenizer.tokenId('no such token')).toBeUndefined();
    for (const [text, ids] of golden.cases) {
      const bytes = Buffer.concat(ids.map((id) => tokenizer.tokenBytes(id)));
      expect(bytes.equals(Buffer.from(text.normalize('NFC')))).toBe(true);
    }
    expect(() => tokenizer.tokenBytes(-1)).toThrow(/token id -1/);
  });
});

// Byte-pair merging by its definition, on the strings of the file itself.
function bruteForce(text: string): number[] {
  const { model } = JSON.parse(readFileSync(fixture, 'utf8')) as TokenizerJson;
  const ranks = new Map(model.merges.map((pair, rank) => [(pair as string[]).join(' '), rank]));
  const parts = [...text]; // ASCII letters stand for themselves
  for (;;) {
    const found = parts.slice(1).map((part, i) => ranks.get(`${parts[i]!} ${part}`) ?? Infinity);
    const least = Math.min(Infinity, ...found);
    if (least === Infinity) return parts.map((part) => model.vocab[part] as number);
    const at = found.indexOf(least);
    parts.splice(at, 2, parts[at]! + parts[at + 1]!);
  }
}

describe('readTokenizer refuses', () => {
  it.each<[string, (file: TokenizerJson) => void, RegExp]>([
    ['a field it does not know', (f) => (f['chat_template'] = 1), /"chat_template": this option is not supported/],
    [
      'truncation',
      (f) => (f['truncation'] = { max_length: 5 }),
      /"truncation": expected null \(nothing else is supported\)/,
    ],
    [
      'another normalizer',
      (f) => (f.normalizer = { type: 'NFKC' }),
      /"normalizer.type": expected "NFC" .* found "NFKC"/,
    ],
    [
      'no pre-tokenizer',
      (f) => delete (f as Record<string, unknown>)['pre_tokenizer'],
      /"pre_tokenizer": expected an object, found nothing/,
    ],
    [
      'another pre-tokenizer',
      (f) => (f.pre_tokenizer['type'] = 'Metaspace'),
      /"pre_tokenizer.type": expected "ByteLevel"/,
    ],
    [
      'a blank before every text',
      (f) => (f.pre_tokenizer['add_prefix_space'] = true),
      /"pre_tokenizer.add_prefix_space": expected false/,
    ],
    ['no split pattern', (f) => (f.pre_tokenizer['use_regex'] = false), /"pre_tokenizer.use_regex": expected true/],
    ['another decoder', (f) => (f.decoder = { type: 'WordPiece' }), /"decoder.type": expected "ByteLevel"/],
    ['another post-processor', (f) => (f['post_processor'] = { type: 'TemplateProcessing' }), /"post_processor.type"/],
    ['another model', (f) => (f.model['type'] = 'Unigram'), /"model.type": expected "BPE" .* found "Unigram"/],
    ['dropout', (f) => (f.model['dropout'] = 0.1), /"model.dropout": expected null or 0/],
    ['byte fallback', (f) => (f.model['byte_fallback'] = true), /"model.byte_fallback": expected false/],
    ['a suffix of words', (f) => (f.model['end_of_word_suffix'] = '</w>'), /"model.end_of_word_suffix"/],
    [
      'an option of the model it does not know',
      (f) => (f.model['new_option'] = 0),
      /"model.new_option": this option is not supported/,
    ],
    [
      'an id that is no number',
      (f) => (f.model.vocab['x'] = '7'),
      /"model.vocab": expected an id below 2097152 for "x", found "7"/,
    ],
    ['an id given twice', (f) => (f.model.vocab['x'] = f.model.vocab['y']), /"model.vocab": expected an id of its own/],
    ['a merge of three', (f) => (f.model.merges[3] = 'a b c'), /"model.merges\[3\]": expected a pair of symbols/],
    [
      'a merge of unknown symbols',
      (f) => (f.model.merges[0] = ['qq', 'zz']),
      /"model.merges\[0\]": expected both symbols and their union/,
    ],
    [
      'an added token without text',
      (f) => (f.added_tokens[0]!['content'] = ''),
      /"added_tokens\[0\].content": expected a text/,
    ],
    [
      'an added token that strips blanks',
      (f) => (f.added_tokens[0]!['lstrip'] = true),
      /"added_tokens\[0\].lstrip": expected false/,
    ],
    [
      "an added token with another token's id",
      (f) => (f.added_tokens[0]!['id'] = 100),
      /"added_tokens\[0\].id": expected an id that .* does not have, found 100/,
    ],
    [
      'no added tokens',
      (f) => delete (f as Record<string, unknown>)['added_tokens'],
      /"added_tokens": expected a list, found nothing/,
    ],
  ])('%s', (_, change, message) => {
    const path = changed(change);
    expect(() => readTokenizer(path)).toThrow(DataError);
    expect(() => readTokenizer(path)).toThrow(message);
    expect(() => readTokenizer(path)).toThrow(path);
  });

  it('what is no JSON, no object, or not there', () => {
    const path = join(folder, 'other.json');
    writeFileSync(path, '{');
    expect(() => readTokenizer(path)).toThrow(/other\.json: expected a tokenizer\.json of Hugging Face/);
    writeFileSync(path, '[]');
    expect(() => readTokenizer(path)).toThrow(/the whole: expected an object, found \[\]/);
    expect(() => readTokenizer(join(folder, 'missing.json'))).toThrow(DataError);
  });

  it('a text with a byte that the vocabulary lacks', () => {
    const path = changed((file) => {
      delete file.model.vocab['Q'];
    });
    expect(() => readTokenizer(path).encode('a Question')).toThrow(
      /"model.vocab": .* found none for 0x51 in " Question"/,
    );
  });
});
