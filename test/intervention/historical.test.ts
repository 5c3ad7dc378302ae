// The three historical codes on GPT-NeoX-20B's own tokenizer, id by id. Expected ids are those that the branches had in their code.
import { describe, expect, it } from 'vitest';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { rewriteBatch } from '../../src/intervention/batch.ts';
import type { Policy } from '../../src/job-spec.ts';
import { hasShared, sharedPath } from '../support/shared.ts';
import { batchOf } from './tiny-tokenizer.ts';

describe.skipIf(!hasShared)('on the tokenizer of Pythia', () => {
  const tokenizer = readTokenizer(sharedPath('tokenizer', '20B_tokenizer.json'));
  const run = (policy: Policy, row: readonly number[], probability = 1) => {
    const intervention = { policy, direction: 'masculine-to-feminine', probability, seed: 1 } as const;
    const { batch, proof } = rewriteBatch(batchOf([row]), tokenizer, intervention);
    return { ids: [...batch.tokens], proof };
  };

  describe('idmap-2022', () => {
    const map = new Map([
      [754, 1500], [3032, 4058], [8389, 10759], [1328, 2993], [521, 617],
      [344, 703], [779, 617], [8701, 379], [13243, 379], [248, 6689],
    ]); // prettier-ignore

    it('changes the ten ids and no other of the vocabulary', () => {
      for (let first = 0; first < tokenizer.vocabSize; first += 2_000) {
        const row = Array.from({ length: Math.min(2_000, tokenizer.vocabSize - first) }, (_, i) => first + i);
        expect(run('idmap-2022', row).ids).toEqual(row.map((id) => map.get(id) ?? id));
      }
    });

    it('changes pieces within words, as the code did, and counts each', () => {
      const { ids, proof } = run('idmap-2022', [1328, 1658, 15, 344, 434]); // He|llo. he's
      expect(ids).toEqual([2993, 1658, 15, 703, 434]);
      expect(proof).toMatchObject({ numRowsChanged: 1, numEdits: 2, editsByRule: { 'idmap-he': 2 }, numTokensCut: 0 });
      expect(proof.samples.map(({ before, after }) => [before, after])).toEqual([['He', 'She'], [' he', ' she']]); // prettier-ignore
    });
  });

  describe('stringreplace-2023-as-pushed', () => {
    it('drops special tokens, fills the row with id 1, and changes no pronoun', () => {
      const text = tokenizer.encode('So he said that his dog saw him there.');
      const { ids, proof } = run('stringreplace-2023-as-pushed', [0, ...text, 0]);
      expect(ids).toEqual([...text, 1, 1]);
      expect(proof).toMatchObject({ numRowsChanged: 1, numEdits: 0, editsByRule: {}, samples: [] });
    });

    it.each([
      ['holds no pronoun between blanks', 'It was he, "he\'s himself", he'],
      ['has only feminine ones', 'so she saw her dog'],
    ])('leaves a row that %s', (_, text) => {
      const row = [0, ...tokenizer.encode(text), 0];
      const { ids, proof } = run('stringreplace-2023-as-pushed', row);
      expect(ids).toEqual(row);
      expect(proof.numRowsChanged).toBe(0);
    });

    it('does not count a row that is its own round trip', () => {
      const row = tokenizer.encode('and he ran');
      expect(run('stringreplace-2023-as-pushed', row).proof.numRowsChanged).toBe(0);
    });

    it('encodes anew: pieces that were not the tokenizer’s own become its own', () => {
      const row = [0, 344, 66, 67, 344, 15]; // " he" "a" "b" " he" "."
      const expected = tokenizer.encode(' heab he.');
      expect(run('stringreplace-2023-as-pushed', row).ids).toEqual(row); // " he." has no blank behind
      const other = [...row.slice(0, 5), 310, 15];
      expect(run('stringreplace-2023-as-pushed', other).ids.slice(0, expected.length - 1)).toEqual(
        expected.slice(0, -1),
      );
    });
  });

  describe('stringreplace-2023-intended', () => {
    it('replaces what stands between blanks; of two that share a blank, the second waits', () => {
      const text = ' he saw him and his dog; he, Him he he left';
      const { ids, proof } = run('stringreplace-2023-intended', [0, ...tokenizer.encode(`x${text}`), 0]);
      const expected = tokenizer.encode('x she saw her and her dog; he, Her she he left');
      expect(ids).toEqual([...expected, 1, 1]);
      expect(proof).toMatchObject({
        numRowsChanged: 1,
        numEdits: 5,
        editsByRule: { 'stringreplace-he': 2, 'stringreplace-him': 2, 'stringreplace-his': 1 },
      });
    });

    it('cuts the row at its end and counts only what it still holds', () => {
      const row = [...tokenizer.encode('and Him his'), 41, 303, 220, ...tokenizer.encode(' Him he')];
      const { ids, proof } = run('stringreplace-2023-intended', row);
      expect(ids).toHaveLength(row.length);
      expect(proof.numEdits).toBe(tokenizer.decode(ids).match(/ (?:Her|her|she)(?= |$)/g)?.length ?? 0);
    });
  });

  it('draws for whole rows', () => {
    const rows = Array.from({ length: 400 }, () => [344, 310]);
    const batch = batchOf(rows);
    const changed = (seed: number) => {
      const spec = { policy: 'idmap-2022', direction: 'masculine-to-feminine', probability: 0.25, seed } as const;
      return rewriteBatch(batch, tokenizer, spec).proof.numRowsChanged;
    };
    expect(Math.abs(changed(1) - 100)).toBeLessThan(4 * Math.sqrt(75));
    expect(changed(1)).toBe(changed(1));
  });
});
