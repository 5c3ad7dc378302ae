// Rewriting with Pythia's own tokenizer: the ids of every pronoun, and rows cut out of running text.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { rewriteBatch, type Intervention } from '../../src/intervention/batch.ts';
import { idsOfCount } from '../../src/intervention/segmentation.ts';
import { tokenBytesOf } from '../../src/intervention/token-bytes.ts';
import { hasShared, sharedPath } from '../support/shared.ts';
import { batchOf, bytesOf } from './tiny-tokenizer.ts';

const toFeminine: Intervention = { policy: 'morph-v1', direction: 'masculine-to-feminine', probability: 1, seed: 1 };

describe.skipIf(!hasShared)('with the GPT-NeoX-20B tokenizer', () => {
  const tokenizer = hasShared ? readTokenizer(sharedPath('tokenizer', '20B_tokenizer.json')) : undefined!; // skipped without
  const COMMA = hasShared ? tokenizer.tokenId(',')! : 0;
  const DOT = hasShared ? tokenizer.tokenId('.')! : 0;
  const run = (ids: readonly number[], changes: Partial<Intervention> = {}) => {
    const { batch, proof } = rewriteBatch(batchOf([ids]), tokenizer, { ...toFeminine, ...changes });
    return { ids: [...batch.tokens], proof };
  };

  it.each([
    [' he', 344, 703],
    [' He', 754, 1500],
    [' him', 779, 617],
    [' Him', 15101, 4058],
    [' himself', 2994, 5972],
    [' HE', 10197, 36722],
    [' HIM', 49526, 20467],
    ['He', 1328, 2993],
    ['he', 248, 6689],
    ['him', 13243, 379],
  ])('changes the one token of %j', (_, from, to) => {
    expect(run([0, from, COMMA, DOT]).ids).toEqual([0, to, COMMA, DOT]);
  });

  it.each([
    [' his', 521, 617],
    [' His', 3032, 4058],
    [' HIS', 38164, 20467],
    ['His', 8389, 10759],
    ['his', 8701, 379],
  ])('changes the one token of %j before a noun', (_, from, to) => {
    const dog = tokenizer.tokenId(' dog')!;
    expect(run([0, from, dog, DOT]).ids).toEqual([0, to, dog, DOT]);
  });

  it('writes " Herself" in its two tokens and cuts the end of the row', () => {
    const row = [0, 48486, COMMA, DOT, 344];
    const { ids, proof } = run(row);
    expect(ids).toEqual([0, 41264, 813, COMMA, DOT]);
    expect(proof).toMatchObject({ numTokensCut: 1, numResegmented: 0 });
  });

  it('writes "Her" for the two tokens of "Him" in two tokens', () => {
    const { ids, proof } = run([0, 41, 303, COMMA, DOT]);
    expect(ids).toHaveLength(5);
    expect(tokenizer.decode(ids)).toBe('<|endoftext|>Her,.');
    expect(ids.slice(3)).toEqual([COMMA, DOT]);
    expect(proof).toMatchObject({ numTokensCut: 0, numResegmented: 1 });
  });

  it('leaves bare pieces within words alone', () => {
    const row = tokenizer.encode(' other theme cashew; whither Hershey heron he said.');
    const { ids } = run(row);
    expect(tokenizer.decode(ids)).toBe(' other theme cashew; whither Hershey heron she said.');
  });

  it('can write every form in every number of tokens that another form takes', () => {
    const table = tokenBytesOf(tokenizer);
    const pairs = [
      ['he', 'she'],
      ['him', 'her'],
      ['his', 'her'],
      ['his', 'hers'],
      ['himself', 'herself'],
    ] as const;
    const inCases = (word: string) => [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()];
    for (const [one, other] of pairs)
      for (const space of ['', ' '])
        inCases(one).forEach((form, i) => {
          const [a, b] = [space + form, space + inCases(other)[i]!];
          for (const [from, to] of [
            [a, b],
            [b, a],
          ] as const) {
            const room = tokenizer.encode(from).length;
            if (tokenizer.encode(to).length < room)
              expect(idsOfCount(table, to, room), `${from} → ${to}`).toHaveLength(room);
          }
        });
  });

  const words =
    'he him his himself she her hers herself He Him His Himself the other dog café 東京 😀 "quoted" (he) he\'s him, and  two\nlines'.split(
      ' ',
    );
  const text = fc.array(fc.constantFrom(...words), { minLength: 8, maxLength: 60 }).map((list) => list.join(' '));

  it('keeps length and every byte outside pronouns, wherever the rows are cut', () => {
    const pronoun = /(?:him|her)self|hers?|s?he|hi[ms]/gi;
    fc.assert(
      fc.property(text, fc.integer({ min: 3, max: 40 }), (running, rowLength) => {
        const ids = tokenizer.encode(running);
        const numRows = Math.floor(ids.length / rowLength);
        for (const direction of ['masculine-to-feminine', 'swap'] as const)
          for (let row = 0; row < numRows; row++) {
            const before = ids.slice(row * rowLength, (row + 1) * rowLength);
            const { ids: after, proof } = run(before, { direction });
            expect(after).toHaveLength(rowLength);
            if (proof.numTokensCut > 0) continue;
            const strip = (some: readonly number[]) => bytesOf(tokenizer, some).replace(pronoun, '');
            expect(strip(after)).toBe(strip(before));
          }
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  it('changes no token but those of pronouns', () => {
    const masculine = new Set([344, 754, 779, 15101, 521, 3032, 2994, 248, 1328, 13243, 8701, 8389]);
    const simple = words.filter((word) => word !== 'Himself' && word !== 'Him');
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...simple), { minLength: 5, maxLength: 40 }), (list) => {
        const before = [0, ...tokenizer.encode(` ${list.join(' ')}.`), 0];
        const { ids: after, proof } = run(before);
        expect(proof).toMatchObject({ numTokensCut: 0, numResegmented: 0 });
        before.forEach((id, i) => expect(after[i] === id || masculine.has(id)).toBe(true));
      }),
      { seed: 8, numRuns: 60 },
    );
  });
});
