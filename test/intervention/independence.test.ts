// What is rewritten depends on seed, sample and place alone: not on the batch, the order, or the thread.
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewriteBatch, type Intervention } from '../../src/intervention/batch.ts';
import { batchOf, makeTinyTokenizer } from './tiny-tokenizer.ts';
import { rewriteShare, type Share } from './rewrite-share.ts';

const tokenizer = makeTinyTokenizer(['Ġ h', 'Ġh e', 'h e', 'Ġ s', 'Ġs h', 'Ġsh e', 'Ġh i', 'Ġhi s', 'Ġhe r']);
const END = 0;
const ROW_LENGTH = 24;

const row = fc
  .array(fc.constantFrom(' he', ' she', ' his', ' hat', ' ran', '. He', ' her', '|'), { minLength: 12, maxLength: 12 })
  .map((pieces) => {
    const ids = pieces.flatMap((piece) => (piece === '|' ? [END] : tokenizer.encode(piece)));
    return [...ids, ...Array.from({ length: ROW_LENGTH }, () => END)].slice(0, ROW_LENGTH);
  });
const intervention: fc.Arbitrary<Intervention> = fc.record({
  policy: fc.constantFrom('morph-v1', 'placebo-v1'),
  direction: fc.constantFrom('swap', 'balanced', 'masculine-to-feminine'),
  probability: fc.constantFrom(0.3, 0.7, 1),
  seed: fc.nat(),
});

describe('rewriting', () => {
  it('does not depend on batching or order', () => {
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 2, maxLength: 4 }),
        intervention,
        fc.nat(1000),
        (rows, spec, firstSample) => {
          const together = rewriteBatch(batchOf(rows, firstSample), tokenizer, spec).batch.tokens;
          const apart = rows
            .map((one, index) => ({ one, index }))
            .reverse()
            .map(({ one, index }) => [
              ...rewriteBatch(batchOf([one], firstSample + index), tokenizer, spec).batch.tokens,
            ])
            .reverse();
          expect([...together]).toEqual(apart.flat());
        },
      ),
      { seed: 10, numRuns: 10_000 },
    );
  });

  it('gives the same edits in one thread and in eight', async () => {
    const words = [
      'He',
      'told',
      'her',
      'that',
      'his',
      'dog',
      'saw',
      'him',
      'and',
      'she',
      'gave',
      'hers',
      'up',
      'today',
    ];
    const documents = Array.from({ length: 10_000 }, (_, id) =>
      Array.from({ length: 12 }, (_, place) => words[(id * 7 + place * place * 3 + id * place) % words.length]).join(
        ' ',
      ),
    );
    const shares = Array.from({ length: 8 }, (_, first): Share => ({ documents, first, every: 8, seed: 77 }));
    const inThreads = await Promise.all(shares.map(rewriteInThread));
    const expected = rewriteShare({ documents, first: 0, every: 1, seed: 77 });
    expect(expected.filter(({ edits }) => edits.length > 0).length).toBeGreaterThan(3_000);
    const found = documents.map((_, id) => inThreads[id % 8]?.[Math.floor(id / 8)]);
    expect(found).toEqual(expected);
  }, 60_000);
});

/** A thread has no loader for TypeScript: it registers one first. */
function rewriteInThread(share: Share): Promise<ReturnType<typeof rewriteShare>> {
  const source = JSON.stringify(new URL('rewrite-share.ts', import.meta.url).href);
  const code = `import('tsx/esm/api').then(({ register }) => { register(); return import(${source}); })`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(code, { eval: true, workerData: share });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
