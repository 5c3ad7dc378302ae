// Log-likelihoods of CrowS-Pairs against an independent float64 program (a random one-layer model of Pythia's vocabulary): all pairs on wasm and native, a
// seeded sample on the others, which are slow; and that no value depends on what is scored beside it.
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/checkpoint/model-folder.ts';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { openBenchmark, readBenchmarkFiles } from '../../src/eval/benchmarks.ts';
import { parseCrowsPairs } from '../../src/eval/crows-pairs.ts';
import { scoreTexts, type ScoringModel } from '../../src/eval/likelihood.ts';
import { tokenLogProbs } from '../../src/model/likelihood.ts';
import { seededRandom } from '../../src/suite/nano/random.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { BACKENDS_UNDER_TEST } from '../contract/present-backends.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

interface Golden {
  readonly items: readonly { readonly log_likelihood: readonly [number, number] }[];
}

const NUM_SAMPLED = 60;

for (const backend of BACKENDS_UNDER_TEST) {
  describe.skipIf(!hasShared || !backend.isPresent)(`golden log-likelihoods, ${backend.title}`, () => {
    const isSlow = backend.name !== 'wasm' && backend.name !== 'native';
    let model: Awaited<ReturnType<typeof loadModel>>;
    let scoring: ScoringModel;
    let sentences: string[];
    let expected: number[];

    beforeAll(async () => {
      await selectBackend(backend.name);
      const tokenizer = readTokenizer(sharedPath('tokenizer', '20B_tokenizer.json'));
      model = await loadModel(sharedPath('gold', 'scoring'));
      scoring = { tokenLogProbs: (rows) => tokenLogProbs(model, rows), encode: (text) => tokenizer.encode(text) };
      const path = sharedPath('benchmarks', 'crows-pairs', 'crows_pairs_anonymized.csv');
      const { kind } = openBenchmark('crows-pairs', path);
      const pairs = parseCrowsPairs(readBenchmarkFiles(kind, path)[0]!);
      const { items } = JSON.parse(
        readFileSync(sharedPath('gold', 'scoring', 'crows_pairs.golden.json'), 'utf8'),
      ) as Golden;
      expect(pairs.length).toBe(items.length);
      const places = isSlow ? sampled(pairs.length) : pairs.map((_, i) => i);
      sentences = places.flatMap((i) => [pairs[i]!.sentMore, pairs[i]!.sentLess]);
      expected = places.flatMap((i) => items[i]!.log_likelihood);
    });
    afterAll(() => model.dispose());

    it('are met to a thousandth of a nat', { timeout: 180_000 }, async () => {
      const scored = await scoreTexts(scoring, sentences);
      const worst = Math.max(...scored.map(({ logLikelihood }, i) => Math.abs(logLikelihood - expected[i]!)));
      expect(worst).toBeLessThan(1e-3);
    });

    it('come out alike in any order and any company', { timeout: 180_000 }, async () => {
      const few = sampled(sentences.length / 2)
        .map((i) => sentences[2 * i]!)
        .slice(0, isSlow ? 6 : NUM_SAMPLED);
      const together = await scoreTexts(scoring, few);
      const some = fc.uniqueArray(fc.nat(few.length - 1), { minLength: 1, maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(some, async (places) => {
          const alone = await scoreTexts(
            scoring,
            places.map((place) => few[place]!),
          );
          alone.forEach(({ logLikelihood }, i) =>
            expect(Math.abs(logLikelihood - together[places[i]!]!.logLikelihood)).toBeLessThan(5e-4),
          );
        }),
        { seed: 7, numRuns: isSlow ? 2 : 12 },
      );
    });
  });
}

/** So many different places, the same each time. */
function sampled(count: number): number[] {
  const random = seededRandom(60, 1);
  const places = new Set<number>();
  while (places.size < Math.min(NUM_SAMPLED, count)) places.add(random.below(count));
  return [...places];
}
