// Every `auto` resolved, every impossible wish refused at the field that holds it.
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { jobSpecSchema, type JobSpec, type JobSpecInput } from '../../src/job-spec.ts';
import { roomOf, type Room } from '../../src/train/micro-batch.ts';
import { resolvePlan, resolveWindow, type DatasetFacts, type ModelFacts } from '../../src/train/plan.ts';

const STEPS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, ...Array.from({ length: 143 }, (_, i) => 1000 * (i + 1))];
const PYTHIA: ModelFacts = {
  name: 'pythia-70m-deduped',
  ...{
    numLayers: 6,
    hiddenSize: 512,
    numHeads: 8,
    intermediateSize: 2048,
    vocabSize: 50304,
    numParameters: 70_426_624,
  },
  schedule: { peak: 1e-3, floor: 1e-4, totalSteps: 143_000, warmupSteps: 1430 },
  endStep: 143_000,
  checkpointSpacing: 1000,
  publishedSteps: STEPS,
  availableSteps: STEPS,
  hasMoments: (step) => step === 133_000,
  benchmarks: ['winobias', 'crows-pairs'],
};
const ROOMY: Room = { owner: 'a back end', liveBytes: Infinity, residentBytes: Infinity };
const PILE: DatasetFacts = { name: 'pile', batchSize: 1024, seqLength: 2048, numSamples: 143_000 * 1024 };

function spec(changes: Partial<JobSpecInput> = {}): JobSpec {
  return jobSpecSchema.parse({ model: PYTHIA.name, checkpoint: 'step133000', dataset: 'pile', ...changes });
}

/** A spec as a stored job may hold it: not through the schema, which has refused some of these already. */
function unchecked(changes: Partial<JobSpec>): JobSpec {
  return { ...spec(), ...changes };
}

const finalFraction = (f: number) => spec({ checkpoint: undefined, window: { finalFraction: f } });

describe('resolveWindow', () => {
  it('runs from the checkpoint to the end of the suite unless told otherwise', () => {
    expect(resolveWindow(spec(), PYTHIA)).toEqual({ from: 133_000, to: 143_000 });
    expect(resolveWindow(spec({ window: { to: 134_500 } }), PYTHIA)).toEqual({ from: 133_000, to: 134_500 });
    expect(resolveWindow(spec({ window: { steps: 100 } }), PYTHIA)).toEqual({ from: 133_000, to: 133_100 });
  });

  it.each([
    [0.07, 133_000], // 132,990
    [0.21, 113_000], // 112,970
    [0.5, 71_000], // 71,500 lies between two: the earlier
    [0.999, 128], // 143
    [0.0001, 142_000], // 142,985.7: the end itself leaves nothing to train
  ])('begins the final fraction %d at the nearest checkpoint, step %i', (fraction, from) => {
    expect(resolveWindow(finalFraction(fraction), PYTHIA)).toEqual({ from, to: 143_000 });
  });

  it('may cut the final fraction short', () => {
    const short = spec({ checkpoint: undefined, window: { finalFraction: 0.07, steps: 10 } });
    expect(resolveWindow(short, PYTHIA)).toEqual({ from: 133_000, to: 133_010 });
  });

  it.each([
    [
      'a checkpoint that is not there',
      spec({ checkpoint: 'step133500' }),
      '/checkpoint',
      /no checkpoint at step 133500 here; the nearest is step133000/,
    ],
    ['a checkpoint beyond the last', spec({ checkpoint: 'step999999' }), '/checkpoint', /the nearest is step143000/],
    [
      'a window that ends before it begins',
      unchecked({ window: { to: 5 } }),
      '/window/to',
      /ends at step 5, before or at its start, step 133000/,
    ],
    [
      'a window that ends where it begins',
      unchecked({ window: { to: 133_000 } }),
      '/window/to',
      /before or at its start/,
    ],
    [
      'the end of the suite as a start',
      spec({ checkpoint: 'step143000' }),
      '/window/to',
      /ends at step 143000, before or at its start/,
    ],
    [
      'a window beyond the end',
      spec({ window: { to: 143_001 } }),
      '/window/to',
      /ends at step 143001; pythia-70m-deduped was trained to step 143000/,
    ],
    ['too many steps', spec({ window: { steps: 10_001 } }), '/window/steps', /ends at step 143001/],
  ])('refuses %s at its field', (_, faulty, pointer, message) => {
    expectFault(() => resolveWindow(faulty, PYTHIA), pointer, message);
  });

  it('refuses any window of a model without checkpoints', () => {
    const bare = { ...PYTHIA, availableSteps: [] };
    expectFault(() => resolveWindow(spec(), bare), '/checkpoint', /register one/);
    const onlyEnd = { ...PYTHIA, publishedSteps: [143_000] };
    expectFault(
      () => resolveWindow(finalFraction(0.07), onlyEnd),
      '/window/finalFraction',
      /no checkpoint before its end/,
    );
  });

  it('never begins a final fraction at another checkpoint because the nearest is not here', () => {
    const withoutIt = { ...PYTHIA, availableSteps: STEPS.filter((step) => step !== 133_000) };
    expectFault(
      () => resolveWindow(finalFraction(0.07), withoutIt),
      '/checkpoint',
      /no checkpoint at step 133000 here; the nearest is step132000/,
    );
  });
});

describe('resolvePlan', () => {
  const plan = (changes: Partial<JobSpecInput> = {}, dataset = PILE, model = PYTHIA, room = ROOMY) =>
    resolvePlan(spec(changes), model, dataset, room);

  it("resolves the paper's experiment", () => {
    const expected = [133_000, ...Array.from({ length: 10 }, (_, i) => 134_000 + 1000 * i)];
    expect(plan()).toEqual({
      ...{ from: 133_000, to: 143_000, batchSize: 1024, rowsPerStep: 1024, seqLength: 2048 },
      ...{ microBatchSize: 1024, recompute: 'none', badSteps: 'stop' },
      ...{ resume: 'exact-state', burnInSteps: 0, precision: 'fp32', gelu: 'tanh', rope: 'fp16-angles' },
      ...{ adamStep: 'clean', lossScale: 'none' },
      schedule: PYTHIA.schedule,
      evaluateAt: expected,
      saveAt: expected.slice(1),
      keepCheckpoints: 2,
      benchmarks: ['winobias', 'crows-pairs'].map((benchmark) => ({ benchmark, protocol: 'likelihood', settings: {} })),
      hasPublishedEnd: true,
    });
  });

  it('gives the same plan for the same job, as plain data that storing does not change', () => {
    const resolved = plan();
    expect(JSON.parse(JSON.stringify(resolved))).toEqual(resolved);
    expect(plan()).toEqual(resolved);
  });

  it.each([
    [3, 1],
    [5, 1],
    [14, 1],
    [100, 10],
    [9_000, 900],
    [10_000, 1000],
    [14_500, 1000],
    [30_000, 3000],
  ])('evaluates a window of %i steps every %i', (steps, every) => {
    const { evaluateAt, from, to } = plan({ checkpoint: 'step100000', window: { steps } });
    expect(evaluateAt[0]).toBe(from);
    expect(evaluateAt.at(-1)).toBe(to);
    const between = evaluateAt.slice(1, -1);
    between.forEach((step) => expect(step % every).toBe(0));
    expect(between.length).toBe(Math.ceil(to / every) - 1 - Math.floor(from / every));
  });

  it('evaluates and saves at multiples of what was asked for and at the end, once', () => {
    const window = { steps: 100 };
    const asked = plan({ window, evaluation: { every: 30, atStart: false }, training: { checkpointEvery: 50 } });
    expect(asked.evaluateAt).toEqual([133_020, 133_050, 133_080, 133_100]);
    expect(asked.saveAt).toEqual([133_050, 133_100]);
    const sparse = plan({ window, evaluation: { every: 100_000 } });
    expect(sparse.evaluateAt).toEqual([133_000, 133_100]);
    expect(sparse.saveAt).toEqual([133_100]);
  });

  it('knows whether the end of the window was published', () => {
    expect(plan({ window: { steps: 1000 } }).hasPublishedEnd).toBe(true);
    expect(plan({ window: { steps: 999 } }).hasPublishedEnd).toBe(false);
  });

  it('takes moments where there are some, else a burn-in, and refuses exact-state where there are none', () => {
    expect(plan({})).toMatchObject({ resume: 'exact-state', burnInSteps: 0 });
    expect(plan({ training: { resume: 'weights-only' } })).toMatchObject({ resume: 'weights-only', burnInSteps: 0 });
    expect(plan({ checkpoint: 'step132000' })).toMatchObject({ resume: 'burn-in', burnInSteps: 64 });
    // A model that is trained outside may be too large for a burn-in here.
    const outside = { checkpoint: 'step132000', training: { engine: 'gpt-neox' } } as const;
    expect(plan(outside)).toMatchObject({ resume: 'weights-only', burnInSteps: 0 });
    expect(plan({ ...outside, checkpoint: 'step133000' })).toMatchObject({ resume: 'exact-state' });
    const without = { checkpoint: 'step132000', training: { resume: 'exact-state' } } as const;
    expectFault(() => plan(without), '/training/resume', /no optimizer state at step 132000: take "burn-in"/);
  });

  it('burns in on as many steps as are asked for, or are there', () => {
    const early = { ...PYTHIA, availableSteps: [0, 8, 133_000], hasMoments: () => false };
    const from = (checkpoint: string, training: JobSpecInput['training'] = {}) =>
      plan({ checkpoint, window: { to: 133_000 }, training }, PILE, early);
    expect(from('step8')).toMatchObject({ resume: 'burn-in', burnInSteps: 8 });
    expect(from('step8', { resume: 'burn-in', burnInSteps: 3 })).toMatchObject({ resume: 'burn-in', burnInSteps: 3 });
    expect(from('step0')).toMatchObject({ resume: 'weights-only', burnInSteps: 0 }); // where the moments are zero
    expectFault(() => from('step0', { resume: 'burn-in' }), '/training/resume', /nothing to burn in on/);
    expectFault(() => from('step8', { burnInSteps: 9 }), '/training/burnInSteps', /needs as many before step 8/);
    const pointless = { resume: 'weights-only', burnInSteps: 9 } as const;
    expectFault(() => from('step8', pointless), '/training/burnInSteps', /the resume is weights-only/);
  });

  it('takes benchmarks by name, and none when none are named', () => {
    expect(plan({ evaluation: { benchmarks: ['crows-pairs'] } }).benchmarks).toEqual([
      { benchmark: 'crows-pairs', protocol: 'likelihood', settings: {} },
    ]);
    expect(plan({ evaluation: { benchmarks: [] } }).benchmarks).toEqual([]);
  });

  it('never makes a micro-batch larger than the rows of a step, nor auto one beyond its room', () => {
    expect(plan({ training: { microBatchSize: 8 } }).microBatchSize).toBe(8);
    expect(plan({ training: { microBatchSize: 4096 } }).microBatchSize).toBe(1024);
    expect(plan({ training: { rowsPerStep: 3, microBatchSize: 8 } }).microBatchSize).toBe(3);
    expect(plan({}, { ...PILE, seqLength: 512 }, PYTHIA, roomOf('wasm'))).toMatchObject({ recompute: 'none' });
    const [few, many] = [256, 512].map((seqLength) => plan({}, { ...PILE, seqLength }, PYTHIA, roomOf('wasm')));
    expect(few!.microBatchSize).toBeGreaterThan(many!.microBatchSize);
    expect(many!.microBatchSize).toBeGreaterThan(1);
  });

  it('reads only the first rows of each batch when told so', () => {
    expect(plan({ training: { rowsPerStep: 16 } })).toMatchObject({ batchSize: 1024, rowsPerStep: 16 });
    const tooMany = { training: { rowsPerStep: 1025 } };
    expectFault(() => plan(tooMany), '/training/rowsPerStep', /rowsPerStep is 1025; a batch of pile has 1024 rows/);
  });

  it('refuses a dataset that ends before the window does, and takes one that ends with it', () => {
    const exact = { ...PILE, numSamples: 133_100 * 1024 };
    expect(plan({ window: { steps: 100 } }, exact).to).toBe(133_100);
    const small = { ...exact, numSamples: exact.numSamples - 1 };
    expectFault(
      () => plan({ window: { steps: 100 } }, small),
      '/dataset',
      /step 133100 needs 136294400 samples; dataset pile has 136294399/,
    );
  });
});

function expectFault(resolve: () => unknown, pointer: string, message: RegExp): void {
  let fault: unknown;
  try {
    resolve();
  } catch (error) {
    fault = error;
  }
  expect(fault).toBeInstanceOf(InputError);
  expect((fault as InputError).message).toMatch(message);
  expect((fault as InputError).pointer).toBe(pointer);
}
