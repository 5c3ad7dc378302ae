// Rewriting of token rows with tokenizers made for the test: lengths, edges, draws, proof.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewrite } from '../../augmentation/rewrite.ts';
import { DataError, InputError } from '../../src/errors.ts';
import { rewriteBatch, type Intervention } from '../../src/intervention/batch.ts';
import { batchOf, bytesOf, makeTinyTokenizer } from './tiny-tokenizer.ts';

const HE = [
  'Ġ h',
  'Ġh e',
  'Ġ s',
  'Ġs h',
  'Ġsh e',
  'Ġh i',
  'Ġhi s',
  'Ġhe r',
  'h e',
  'Ġ t',
  'Ġt he',
  'r s',
  'Ġ g',
  'o t',
  'e r',
];
const tiny = makeTinyTokenizer(HE);
const bytesOnly = makeTinyTokenizer();
const END = 0;

const intervention = (changes: Partial<Intervention> = {}): Intervention => ({
  policy: 'morph-v1',
  direction: 'masculine-to-feminine',
  probability: 1,
  seed: 1234,
  ...changes,
});
/** A row that begins and ends with whole documents. */
const whole = (...texts: string[]) => [END, ...texts.flatMap((text) => [...tiny.encode(text), END])];
const rewriteRow = (row: readonly number[], changes: Partial<Intervention> = {}, tokenizer = tiny) => {
  const { batch, proof } = rewriteBatch(batchOf([row]), tokenizer, intervention(changes));
  return { tokens: [...batch.tokens], text: tokenizer.decode(batch.tokens).replaceAll('<|endoftext|>', '|'), proof };
};

describe('the length of a row', () => {
  it('stays when a word needs as many tokens, and nothing else changes', () => {
    const row = whole('so he got it');
    const { tokens, proof } = rewriteRow(row);
    const at = row.indexOf(tiny.tokenId(' he')!);
    expect(tokens).toEqual(row.map((id, i) => (i === at ? tiny.tokenId(' she') : id)));
    expect(proof).toMatchObject({ numRowsChanged: 1, numEdits: 1, numTokensCut: 0, numResegmented: 0 });
  });

  it('stays when a word needs more: the surplus falls off the end', () => {
    // " him" is Ġhi + m, " himself" six tokens; " her" is one, so the example is bare "he" → s + h + e… in bytes.
    const row = [END, ...bytesOnly.encode('so he ran'), END];
    const { tokens, text, proof } = rewriteRow(row, {}, bytesOnly);
    expect(tokens).toHaveLength(row.length);
    expect(text).toBe('|so she ran');
    expect(proof).toMatchObject({ numEdits: 1, numTokensCut: 1 });
  });

  it('counts no edit that fell off the end', () => {
    const row = bytesOnly.encode('.he is, he was, he is, he, he.');
    const { text, proof } = rewriteRow(row, {}, bytesOnly);
    expect(text).toBe('.she is, she was, she is, she, she.'.slice(0, row.length));
    expect(proof).toMatchObject({ numEdits: 4, editsByRule: { 'he-subject': 4 }, numTokensCut: 4 });
  });

  it('stays when a word needs fewer: the same bytes in a longer segmentation', () => {
    const row = whole('so him ran'); // Ġhi m → Ġher
    const { tokens, text, proof } = rewriteRow(row);
    expect(text).toBe('|so her ran|');
    expect(tokens).toHaveLength(row.length);
    expect(proof).toMatchObject({ numEdits: 1, numTokensCut: 0, numResegmented: 1 });
  });

  it('splits a neighbour when the word has too few bytes, and leaves the edit out when nothing can be split', () => {
    const shrinking = { direction: 'feminine-to-masculine' } as const;
    const row = [END, ...bytesOnly.encode('so SHE'), ...tiny.encode(' got it.'), END];
    const split = rewriteRow(row, shrinking);
    expect(split.text).toBe('|so HE got it.|');
    expect(split.tokens).toHaveLength(row.length);
    expect(split.proof).toMatchObject({ numEdits: 1, numResegmented: 1 });
    const hopeless = rewriteRow([END, ...bytesOnly.encode('so SHE ran'), END], shrinking, bytesOnly);
    expect(hopeless.text).toBe('|so SHE ran|');
    expect(hopeless.proof).toMatchObject({ numEdits: 0, numRowsChanged: 0 });
  });
});

describe('the edges of a row', () => {
  it('leaves alone what may be the tail of a word, in small or capital letters', () => {
    expect(rewriteRow([...tiny.encode('he ran'), END]).text).toBe('he ran|');
    expect(rewriteRow([...tiny.encode('HE RAN'), END]).text).toBe('HE RAN|');
    expect(rewriteRow([0xa9 + 1, ...tiny.encode('he ran'), END]).proof.numEdits).toBe(0);
  });

  it('rewrites a capitalised word at the start, and any word after a space or a document end', () => {
    expect(rewriteRow([...tiny.encode('He ran'), ...tiny.encode(' on')]).text).toBe('She ran on');
    expect(rewriteRow([...tiny.encode(' he ran'), END]).text).toBe(' she ran|');
    expect(rewriteRow(whole('he ran')).text).toBe('|she ran'); // s + he: one token more
  });

  it('leaves alone a word that the end of the row may have cut, not one that a document end follows', () => {
    expect(rewriteRow([END, ...tiny.encode('so he')]).text).toBe('|so he');
    expect(rewriteRow([END, ...tiny.encode('so he'), END]).text).toBe('|so she|');
  });

  it('keeps bytes of cut characters', () => {
    const euro = [...Buffer.from('€')];
    const cut = [...bytesOnly.encode('€')].slice(1);
    const row = [...cut, ...bytesOnly.encode(' Him; so he ran €').slice(0, -1)];
    const { tokens } = rewriteRow(row, {}, bytesOnly);
    expect(bytesOf(bytesOnly, tokens)).toBe(
      Buffer.from([...euro.slice(1), ...Buffer.from(' Her; so she ran '), ...euro.slice(0, 1)]).toString('latin1'),
    );
  });
});

const FORMS = [
  'he',
  'him',
  'his',
  'she',
  'her',
  'hers',
  'himself',
  'herself',
  'He',
  'HER',
  "he's",
  'his or her',
  's/he',
];
const OTHER = ['the', 'got', 'other', 'é', '€', '😀', '.', ',', '\n', '  ', 'x.y/he', '@her', '\u0000'];
const document = fc
  .array(fc.oneof(fc.constantFrom(...FORMS), fc.constantFrom(...OTHER)), { minLength: 1, maxLength: 14 })
  .map((words) => words.join(' '));

describe('the text of a rewritten row', () => {
  it.each(['masculine-to-feminine', 'feminine-to-masculine', 'swap'] as const)(
    'is the rewritten text: %s',
    (direction) => {
      fc.assert(
        fc.property(fc.array(document, { minLength: 1, maxLength: 4 }), (texts) => {
          const row = whole(...texts);
          const { batch, proof } = rewriteBatch(batchOf([row]), tiny, intervention({ direction }));
          const expected = texts.map((text) => rewrite(text, { policy: 'morph-v1', direction }));
          const text = ['', ...expected.map((one) => one.text), ''].join('<|endoftext|>');
          expect(batch.tokens).toHaveLength(row.length);
          expect(Buffer.from(text).toString('latin1').startsWith(bytesOf(tiny, batch.tokens))).toBe(true);
          if (proof.numTokensCut > 0) return;
          expect(tiny.decode(batch.tokens)).toBe(text);
          expect(proof.numEdits).toBe(expected.reduce((sum, one) => sum + one.edits.length, 0));
        }),
        { seed: 5, numRuns: 150 },
      );
    },
  );

  it('keeps every byte outside pronouns, for rows of any tokens', () => {
    const pronoun = /(?:him|her)self|hers?|s?he|hi[ms]/gi;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: tiny.vocabSize - 1 }), { minLength: 1, maxLength: 80 }), (row) => {
        const { batch, proof } = rewriteBatch(batchOf([row]), tiny, intervention({ direction: 'swap' }));
        expect(batch.tokens).toHaveLength(row.length);
        if (proof.numTokensCut > 0) return;
        const strip = (ids: Iterable<number>) => bytesOf(tiny, ids).replace(pronoun, '');
        expect(strip(batch.tokens)).toBe(strip(row));
      }),
      { seed: 6, numRuns: 500 },
    );
  });
});

describe('draws', () => {
  const rows = Array.from({ length: 400 }, () => whole('he ran.', 'so he got it.'));
  const isRewritten = (tokens: Int32Array, row: number) =>
    tiny
      .decode(tokens.subarray(row * rows[0]!.length, (row + 1) * rows[0]!.length))
      .split('<|endoftext|>')
      .slice(1, 3)
      .map((text) => text.includes('she'));

  it('rewrite the given share of the documents, each by itself', () => {
    const { batch } = rewriteBatch(batchOf(rows), tiny, intervention({ probability: 0.3 }));
    const outcomes = rows.map((_, row) => isRewritten(batch.tokens, row));
    const share = outcomes.flat().filter(Boolean).length / (2 * rows.length);
    expect(Math.abs(share - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / (2 * rows.length)));
    expect(new Set(outcomes.map((pair) => pair.join())).size).toBe(4);
  });

  it('depend on the sample and the seed, not on the batch in which the sample is read', () => {
    const together = rewriteBatch(batchOf(rows, 1000), tiny, intervention({ probability: 0.5 })).batch.tokens;
    const apart = rows.map((row, i) => [
      ...rewriteBatch(batchOf([row], 1000 + i, i), tiny, intervention({ probability: 0.5 })).batch.tokens,
    ]);
    expect([...together]).toEqual(apart.flat());
    const otherSeed = rewriteBatch(batchOf(rows, 1000), tiny, intervention({ probability: 0.5, seed: 1 })).batch.tokens;
    expect(otherSeed).not.toEqual(together);
  });

  it('swap half of the documents under balanced', () => {
    const { batch } = rewriteBatch(batchOf(rows), tiny, intervention({ direction: 'balanced' }));
    const share = rows.flatMap((_, row) => isRewritten(batch.tokens, row)).filter(Boolean).length / (2 * rows.length);
    expect(Math.abs(share - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / (2 * rows.length)));
  });

  it('make the documents of a lower probability a part of those of a higher one', () => {
    const at = (probability: number) => {
      const { batch } = rewriteBatch(batchOf(rows), tiny, intervention({ probability }));
      return rows.flatMap((_, row) => isRewritten(batch.tokens, row));
    };
    const [few, many] = [at(0.25), at(0.75)];
    expect(few.every((is, i) => !is || many[i])).toBe(true);
  });
});

describe('draws of single occurrences', () => {
  const perOccurrence = { per: 'occurrence', probability: 0.3 } as const;
  const rows = Array.from({ length: 300 }, () => whole('he ran. so he got it, and he ran.'));
  const shown = (tokens: Int32Array) =>
    rows.map((row, i) => tiny.decode(tokens.subarray(i * row.length, (i + 1) * row.length)));

  it('rewrite the given share of the pronouns, each by itself', () => {
    const { batch, proof } = rewriteBatch(batchOf(rows), tiny, intervention(perOccurrence));
    const total = 3 * rows.length;
    expect(Math.abs(proof.numEdits / total - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / total));
    const patterns = shown(batch.tokens).map((text) => text.match(/s?he/g)!.join());
    expect(new Set(patterns).size).toBe(8);
  });

  it('depend on the sample, not on the batch', () => {
    const together = rewriteBatch(batchOf(rows, 50), tiny, intervention(perOccurrence)).batch.tokens;
    const apart = rows.map((row, i) => [
      ...rewriteBatch(batchOf([row], 50 + i, i), tiny, intervention(perOccurrence)).batch.tokens,
    ]);
    expect([...together]).toEqual(apart.flat());
  });

  it('keep a verb of neutral-v1 with its pronoun', () => {
    const spec = { ...perOccurrence, policy: 'neutral-v1', direction: 'neutral', probability: 0.5 } as const;
    const texts = Array.from({ length: 100 }, () => [
      END,
      ...bytesOnly.encode('he was so. is she? he got.'.repeat(2)),
      END,
    ]);
    const { batch } = rewriteBatch(batchOf(texts), bytesOnly, intervention(spec));
    const text = bytesOnly.decode(batch.tokens);
    expect(text).toMatch(/they were so/);
    expect(text).toMatch(/he was so/);
    expect(text).toMatch(/are they\?/);
    expect(text).toMatch(/is she\?/);
    expect(text).not.toMatch(/they was|he were|is they|are she/);
  });
});

describe('word pairs', () => {
  const pairs = { wordPairs: ['nouns', 'names'], direction: 'swap' } as const;

  it('change gendered words, in rows without a pronoun too', () => {
    const row = [END, ...bytesOnly.encode('The king met Mary. '), END];
    const { text, proof } = rewriteRow(row, pairs, bytesOnly);
    expect(text.startsWith('|The queen met ')).toBe(true);
    expect(proof.editsByRule).toEqual({ noun: 1, name: 1 });
    expect(rewriteRow(row, { direction: 'swap' }, bytesOnly).proof.numEdits).toBe(0);
  });
});

describe('the proof', () => {
  const sha256 = (tokens: Int32Array) => {
    const bytes = Buffer.alloc(tokens.length * 4);
    tokens.forEach((id, i) => bytes.writeInt32LE(id, i * 4));
    return createHash('sha256').update(bytes).digest('hex');
  };

  it('hashes the batch before and after, and counts by rule', () => {
    const batch = batchOf([whole('he saw his dog.'), whole('no one there...')].map((row) => row.slice(0, 12)));
    const rewritten = rewriteBatch(batch, tiny, intervention());
    expect(rewritten.proof).toMatchObject({
      sha256Before: sha256(batch.tokens),
      sha256After: sha256(rewritten.batch.tokens),
      numRowsChanged: 1,
      numEdits: 2,
      editsByRule: { 'he-subject': 1, 'his-determiner': 1 },
    });
    expect(rewritten.proof.sha256After).not.toBe(rewritten.proof.sha256Before);
  });

  it('gives the very batch back when nothing is drawn or found', () => {
    const batch = batchOf([whole('he ran')]);
    for (const changes of [{ probability: 0 }, { direction: 'feminine-to-masculine' }] as const) {
      const rewritten = rewriteBatch(batch, tiny, intervention(changes));
      expect(rewritten.batch).toBe(batch);
      expect(rewritten.proof).toMatchObject({ numEdits: 0, samples: [], sha256After: rewritten.proof.sha256Before });
    }
  });

  it('never writes into the batch it was given', () => {
    const batch = batchOf([whole('he ran')]);
    const before = [...batch.tokens];
    rewriteBatch(batch, tiny, intervention());
    expect([...batch.tokens]).toEqual(before);
  });

  it('shows at most eight edits with their surroundings, others at other steps, the same again at the same step', () => {
    const rows = Array.from({ length: 40 }, () => whole('at noon he got up, and he went.'));
    const samplesAt = (step: number) => rewriteBatch(batchOf(rows, 0, step), tiny, intervention()).proof.samples;
    const samples = samplesAt(7);
    expect(samples).toHaveLength(8);
    expect(samplesAt(7)).toEqual(samples);
    expect(samplesAt(8)).not.toEqual(samples);
    expect(samples.map((one) => one.row)).toEqual([...samples.map((one) => one.row)].sort((a, b) => a - b));
    expect(samples.some((one) => one.row > 7)).toBe(true);
    const texts = new Set(samples.map((one) => one.contextBefore + one.before + one.contextAfter));
    expect([...texts]).toEqual(['at noon he got up, and he went.']);
    for (const one of samples)
      expect(one).toMatchObject({ rule: 'he-subject', before: 'he', after: 'she', sample: one.row });
  });
});

describe('refusals', () => {
  it('names the token that the tokenizer lacks', () => {
    const batch = batchOf([[END, 5, 9_999]], 70, 3);
    expect(() => rewriteBatch(batch, tiny, intervention())).toThrow(DataError);
    expect(() => rewriteBatch(batch, tiny, intervention())).toThrow(/step 3, sample 70, position 2: token id 9999/);
  });

  it.each([
    ...[{ probability: 1.5 }, { probability: Number.NaN }, { seed: -1 }, { direction: 'neutral' }],
    { policy: 'placebo-v1', wordPairs: ['nouns'] },
    { policy: 'idmap-2022', per: 'occurrence' },
  ] as const)('throws InputError for %j', (changes) =>
    expect(() => rewriteBatch(batchOf([[1]]), tiny, intervention(changes))).toThrow(InputError),
  );
});
