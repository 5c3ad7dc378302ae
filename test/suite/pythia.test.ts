// The registry of the Pythia suite against its published tables, and against arithmetic that has to close.
import { describe, expect, it } from 'vitest';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { learningRate } from '../../src/train/schedule.ts';
import { findPythia, PYTHIA_MODELS, PYTHIA_SEQUENCE_LENGTH, revisionOf } from '../../src/suite/pythia/models.ts';
import { ALL_STEPS, knownBadSteps, knownFault } from '../../src/suite/pythia/revisions.ts';
import { countValues, headShape, NUM_TOKENS, paddedVocabulary, PYTHIA_SIZES } from '../../src/suite/pythia/sizes.ts';
import { hasShared, sharedPath } from '../support/shared.ts';
import { PYTHIA_SIZES as PUBLISHED } from '../model/pythia-sizes.ts';

const model = (name: string) => findPythia(name)!;

describe('the sizes', () => {
  it('have the published shapes and numbers of parameters', () => {
    const ours = PYTHIA_SIZES.map((size) => ({
      ...{ name: size.name, numLayers: size.numLayers, hiddenSize: size.hiddenSize, numHeads: size.numHeads },
      ...{ vocabSize: paddedVocabulary(size), ...countValues(size) },
    }));
    expect(ours).toEqual(PUBLISHED);
  });

  it('fill a batch of 1,024 rows from all their GPUs', () => {
    for (const { name, numGpus, tensorParallel, microBatchSize, accumulationSteps } of PYTHIA_SIZES) {
      expect((numGpus / tensorParallel) * microBatchSize * accumulationSteps, name).toBe(1024);
    }
  });

  it('rotate the published number of dimensions', () => {
    const rotary = PYTHIA_SIZES.map((size) => headShape(size).rotaryDims);
    expect(rotary).toEqual([8, 8, 16, 16, 16, 64, 32, 20, 32, 32]);
  });
});

describe.skipIf(!hasShared)('the tokenizer of the suite', () => {
  it('has as many tokens as the padding counts on', () => {
    expect(readTokenizer(sharedPath('tokenizer', '20B_tokenizer.json')).vocabSize).toBe(NUM_TOKENS);
  });
});

describe('the models', () => {
  it('are named once each, and every one of them sees 299,892,736,000 tokens', () => {
    expect(new Set(PYTHIA_MODELS.map(({ name }) => name)).size).toBe(PYTHIA_MODELS.length);
    for (const { name, endStep, batchSize } of PYTHIA_MODELS) {
      expect(endStep * batchSize * PYTHIA_SEQUENCE_LENGTH, name).toBe(299_892_736_000);
    }
  });

  it.each([
    ['the suite', /^pythia-[\d.]+[mb](-deduped)?$/, 20],
    ['its first release', /^pythia-[\d.]+[mb](-deduped)?-v0$/, 16],
    ['PolyPythias', /^pythia-\d+m-(data-|weight-)?seed\d$/, 45 + 6],
    ['interventions', /^pythia-intervention-/, 5],
    ['raw checkpoints', /^neox-ckpt-/, 16 + 32 + 45],
  ])('include %s', (_, pattern, number) => {
    expect(PYTHIA_MODELS.filter(({ name }) => pattern.test(name))).toHaveLength(number);
  });

  it('have 154 checkpoints, 143 in the first release, the end alone for interventions', () => {
    expect(model('pythia-70m-deduped').publishedSteps).toHaveLength(154);
    expect(model('pythia-12b-v0').publishedSteps).toHaveLength(143);
    expect(model('pythia-intervention-410m-deduped')).toMatchObject({ publishedSteps: [143_000], isFinalOnly: true });
    expect(revisionOf(model('pythia-intervention-410m-deduped'), 143_000)).toBe('main');
    expect(revisionOf(model('pythia-410m'), 133_000)).toBe('step133000');
  });

  it('count the steps of batches of 4 M tokens as updates, and know the hub’s doubled names', () => {
    const first = model('pythia-410m-v0');
    expect(first).toMatchObject({ endStep: 71_500, batchSize: 2048, checkpointSpacing: 500, labelsPerStep: 2 });
    expect(first.publishedSteps).toContain(66_500);
    expect(revisionOf(first, 66_500)).toBe('step133000');
    expect(first.schedule).toMatchObject({ totalSteps: 71_250, warmupSteps: 712.5, floor: 3e-5 });
    expect(model('pythia-70m-v0')).toMatchObject({ endStep: 143_000, labelsPerStep: 1 });
  });

  it('have the schedule whose floor is first reached at count 115,139, and none for the big ones of the first release', () => {
    const { schedule } = model('pythia-70m-deduped');
    expect(learningRate(schedule, 115_138)).toBe(1.0000602830071032e-4);
    expect(learningRate(schedule, 115_139)).toBe(1e-4);
    // The cosine of the last count, whose denominator is the whole run.
    const last = 0.6e-4 * (1 - Math.cos(0.02 * Math.PI));
    expect(learningRate(model('pythia-12b-v0').schedule, 143_000)).toBeCloseTo(last, 18);
  });

  it('say what is unsure about them', () => {
    expect(model('pythia-1b').precision).toBe('bf16');
    expect(model('pythia-1b-deduped').precision).toBe('fp16');
    expect(model('pythia-1b').notes.join(' ')).toContain('3.0e-4');
    expect(model('pythia-14m').notes.join(' ')).toContain('deduplicated');
    expect(model('pythia-70m-seed2').notes.join(' ')).toContain('EleutherAI/pythia#190');
    expect(model('pythia-160m-weight-seed1').notes.join(' ')).toContain('EleutherAI/pythia#203');
  });
});

describe('bad revisions', () => {
  it('are the 85 of 2.8b before the end that serve its weights, as the thread lists them', () => {
    const bad = knownBadSteps('pythia-2.8b');
    expect(bad).toHaveLength(85);
    const good = ALL_STEPS.filter((step) => !bad.includes(step));
    expect(good).toHaveLength(69);
    expect(good[0]).toBe(66_000);
    expect(good).toContain(143_000);
    expect(good).not.toContain(103_000);
  });

  it('name the thread, and leave other models alone', () => {
    expect(knownFault('pythia-12b', 50_000)?.thread).toBe('EleutherAI/pythia#206');
    expect(knownFault('pythia-12b', 51_000)).toBeUndefined();
    expect(knownFault('pythia-2.8b-deduped', 1000)).toBeUndefined();
  });

  it('are steps that were published', () => {
    for (const { name, publishedSteps } of PYTHIA_MODELS) {
      for (const step of knownBadSteps(name)) expect(publishedSteps, name).toContain(step);
    }
  });

  it('knows which models differ by their seed alone', () => {
    const family = (name: string) => PYTHIA_MODELS.filter((model) => model.family === name && model.form === 'huggingface');
    const seeds = (name: string) => family(name).map(({ seed }) => seed).sort((a, b) => a - b);
    expect(seeds('pythia-70m')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 1234]);
    expect(seeds('pythia-160m-data')).toEqual([1, 2, 3]);
    expect(seeds('pythia-160m-weight')).toEqual([1, 2, 3]);
    for (const name of ['pythia-70m-deduped', 'pythia-70m-v0', 'pythia-12b']) expect(seeds(name)).toEqual([1234]);
  });
});
