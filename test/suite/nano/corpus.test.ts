// The nano corpus as files: built from its seed alone, read by the service's own replay, and checked against committed hashes.
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/data/replay.ts';
import { readTokenizer } from '../../../src/data/tokenizer.ts';
import { DataError, InputError } from '../../../src/errors.ts';
import {
  committedHashes,
  ensureNanoData,
  heldOutRows,
  nanoTokenizerPath,
  numShuffledRows,
  trainNanoTokenizer,
  type NanoData,
} from '../../../src/suite/nano/corpus.ts';
import { tellStories } from '../../../src/suite/nano/stories.ts';

const cache = mkdtempSync(join(tmpdir(), 'tiresias-nano-'));
let data: NanoData;
beforeAll(async () => {
  data = await ensureNanoData(1, cache);
});
afterAll(() => rmSync(cache, { recursive: true, force: true }));

describe('the corpus of seed 1', () => {
  it('has the committed hashes, and leaves nothing but itself in the cache', () => {
    expect(data.hashes).toEqual(committedHashes(1));
    expect(JSON.parse(readFileSync(join(data.folder, 'data.json'), 'utf8'))).toEqual(committedHashes(1));
    expect(readdirSync(cache)).toEqual(['nano-data-seed1']);
  });

  it('has as many rows as the training with its head-room asks for', () => {
    expect(numShuffledRows).toBe(22_995);
    expect(heldOutRows).toEqual({ from: 22_880, to: 22_995 });
  });

  it('holds the same rows in both layouts', () => {
    const documents = openDataset(data.documents);
    const preshuffled = openDataset(data.preshuffled);
    try {
      expect(documents.numSamples).toBe(22_880);
      expect(preshuffled.numSamples).toBe(22_995);
      for (let row = 0; row < 22_880; row += 143) {
        expect(preshuffled.readSample(row)).toEqual(documents.readSample(row));
      }
    } finally {
      documents.close();
      preshuffled.close();
    }
  });

  it('decodes to the stories as they were told, each ended by token 0', () => {
    const bytes = readFileSync(`${data.documents.prefix}.bin`);
    const ids = new Uint16Array(bytes.buffer, bytes.byteOffset, 20_000);
    const text = readTokenizer(nanoTokenizerPath()).decode(ids);
    const stories = tellStories(1);
    const told: string[] = [];
    while (told.join('').length < text.length) told.push(`${stories.next().value.text}<|endoftext|>`);
    expect(told.join('').startsWith(text)).toBe(true);
  });

  it('has rows with masculine pronouns and rows without', () => {
    const tokenizer = readTokenizer(nanoTokenizerPath());
    const masculine = new Set([' he', ' him', ' his', ' himself', ' He', ' His'].map((form) => tokenizer.tokenId(form)));
    const bytes = readFileSync(`${data.preshuffled.prefix}.bin`);
    const ids = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    let numRows = 0;
    for (let row = 0; row < numShuffledRows; row++) {
      if (ids.subarray(129 * row, 129 * (row + 1)).some((id) => masculine.has(id))) numRows++;
    }
    expect(numRows / numShuffledRows).toBeGreaterThan(0.9);
    expect(numRows / numShuffledRows).toBeLessThan(0.99);
  });
});

describe('the cache', () => {
  it('is used again, and refused when a file in it was changed', async () => {
    const again = await ensureNanoData(1, cache);
    expect(again).toEqual(data);
    appendFileSync(`${data.documents.prefix}.idx`, 'x');
    await expect(ensureNanoData(1, cache)).rejects.toThrow(DataError);
    await expect(ensureNanoData(1, cache)).rejects.toThrow(/stories\.idx: expected SHA-256 .* delete/);
    rmSync(data.folder, { recursive: true });
    data = await ensureNanoData(1, cache);
    expect(existsSync(`${data.documents.prefix}.bin`)).toBe(true);
  });

  it('refuses a record of hashes that is none', async () => {
    writeFileSync(join(data.folder, 'data.json'), '{"files":{}}');
    await expect(ensureNanoData(1, cache)).rejects.toThrow(/data\.json: expected the SHA-256s/);
  });

  it('refuses an impossible seed', async () => {
    await expect(ensureNanoData(-1, cache)).rejects.toThrow(InputError);
    await expect(ensureNanoData(1.5, cache)).rejects.toThrow(/expected a whole number/);
  });
});

describe("the suite's tokenizer", () => {
  const tokenizer = readTokenizer(nanoTokenizerPath());

  it('is what its trainer makes of the first stories', () => {
    expect(readFileSync(nanoTokenizerPath(), 'utf8')).toBe(trainNanoTokenizer());
  });

  it('has 1,024 ids, with the two special ones first', () => {
    expect(tokenizer.vocabSize).toBe(1024);
    expect(tokenizer.encode('<|endoftext|><|padding|>')).toEqual([0, 1]);
    expect([tokenizer.isSpecial(0), tokenizer.isSpecial(1), tokenizer.isSpecial(2)]).toEqual([true, true, false]);
  });

  it('makes one token of every pronoun, within and at the start of a sentence', () => {
    for (const form of 'he him his himself she her hers herself He His She Her they them their They'.split(' ')) {
      expect(tokenizer.encode(` ${form}`)).toEqual([tokenizer.tokenId(` ${form}`)]);
    }
    expect(tokenizer.encode(" he's")).toEqual([tokenizer.tokenId(' he'), tokenizer.tokenId("'s")]);
    expect(tokenizer.encode(" She's")).toEqual([tokenizer.tokenId(' She'), tokenizer.tokenId("'s")]);
  });

  it('makes one token of nearly every word', () => {
    let [numWords, numTokens] = [0, 0];
    const types = new Set<string>();
    let n = 0;
    for (const { text } of tellStories(2)) {
      const words = text.match(/'s| ?[A-Za-z]+|[.,]/g)!;
      for (const word of words) types.add(word);
      numWords += words.length;
      numTokens += tokenizer.encode(text).length;
      if (++n === 10_000) break;
    }
    expect(types.size).toBeLessThan(400);
    expect(numTokens / numWords).toBeLessThan(1.001);
  });
});
