// Every model of the Pythia suite as data: where it is on the hub, how it was trained, which checkpoints it has, and what about it is unsure.
// Sources: EleutherAI/pythia (models/*/*.yml, read-me), gpt-neox d36f623 (schedule), the repositories' cards on the hub, PolyPythias (arXiv 2503.09543).
import { ALL_STEPS, cautions, END_STEP, FEW_STEPS, FIRST_RELEASE_STEPS } from './revisions.ts';
import { PYTHIA_SIZES, type PythiaSize } from './sizes.ts';

export interface PythiaModel {
  readonly name: string;
  /** Name of the repository on the hub. */
  readonly repo: string;
  readonly size: PythiaSize;
  /** huggingface: weights to score and train; neox: a training's raw state, for `checkpoint import`. */
  readonly form: 'huggingface' | 'neox';
  readonly schedule: {
    readonly peak: number;
    readonly floor: number;
    readonly totalSteps: number;
    readonly warmupSteps: number;
  };
  /** Updates of the whole training, each of `batchSize` rows. */
  readonly endStep: number;
  readonly batchSize: number;
  readonly checkpointSpacing: number;
  readonly precision: 'fp16' | 'bf16';
  /** What it was trained on, by the name under which `datasets add` should register it. */
  readonly dataset: string;
  readonly dataSeed: number;
  /** Models of one family differ by their seed alone: trained alike, of one shape, on the same texts. */
  readonly family: string;
  readonly seed: number;
  /** Steps at which a checkpoint was published, ascending. */
  readonly publishedSteps: readonly number[];
  /** Hub revisions are named stepN with N = step × this: the first release counted some batches of 4 M tokens twice. */
  readonly labelsPerStep: 1 | 2;
  /** Whether only `main` is there, the weights of the end. */
  readonly isFinalOnly: boolean;
  readonly notes: readonly string[];
}

export const PYTHIA_SEQUENCE_LENGTH = 2048;
const BATCH_SIZE = 1024;
const MAIN_SEED = 1234;
const VARIANTS = ['', '-deduped'] as const;
type Variant = (typeof VARIANTS)[number];
const STANDARD = 'pile-standard-preshuffled';
const DEDUPED = 'pile-deduped-preshuffled';

const LEARNING_RATE_1B =
  'peak learning rate unsure: the 1b configuration files say 2.5e-4 (used here), read-me and paper 3.0e-4';

const LATE_STANDARD =
  'until 27 February 2026 the 14m repository held the model trained on the deduplicated Pile (its card says so; a third party says the same of 31m): ' +
  'a copy fetched before that is another model. Its configuration file names the deduplicated data';
const LATE_DEDUPED = 'one of PolyPythias; until February 2026 the weights were in the repository without -deduped';

const RAW = 'weights and optimizer state as GPT-NeoX wrote them, one branch a checkpoint: `checkpoint import` reads them. ';
const RAW_ALL = `${RAW}By the cards that were read (160m, 410m-seed8) all 154 are there`;
const RAW_FEW = `${RAW}By the one card of a big model that was read (12b-deduped) 20 are there; other sizes were not checked`;
const RAW_FINAL =
  'the final step with optimizer shards at the root (uploaded in 2023); users report intermediate steps in some';

/** All of them: the suite, its first release, PolyPythias, the published interventions, raw GPT-NeoX checkpoints. */
export const PYTHIA_MODELS: readonly PythiaModel[] = [
  ...PYTHIA_SIZES.flatMap((size) => VARIANTS.map((variant) => main(size, variant))),
  ...PYTHIA_SIZES.slice(2).flatMap((size) => VARIANTS.map((variant) => firstRelease(size, variant))),
  ...PYTHIA_SIZES.slice(0, 5).flatMap((size) => oneToNine().map((seed) => seeded(size, `seed${seed}`, seed))),
  ...[1, 2, 3].map((seed) => seeded(sizeNamed('160m'), `data-seed${seed}`, seed)),
  ...[1, 2, 3].map((seed) => seeded(sizeNamed('160m'), `weight-seed${seed}`, MAIN_SEED)),
  ...['70m', '410m', '1.4b', '6.9b'].map((size) => intervention(size, `pythia-intervention-${size}-deduped`, 10_000)),
  intervention('1.4b', 'pythia-intervention-long-1.4b-deduped', 30_000),
  ...rawCheckpoints(),
];

const BY_NAME = new Map(PYTHIA_MODELS.map((model) => [model.name, model]));

/** The model of that name; undefined when the suite has none. */
export function findPythia(name: string): PythiaModel | undefined {
  return BY_NAME.get(name);
}

/** The hub's name for a checkpoint. */
export function revisionOf({ isFinalOnly, labelsPerStep }: PythiaModel, step: number): string {
  return isFinalOnly ? 'main' : `step${labelsPerStep * step}`;
}

function define(size: PythiaSize, name: string, more: Partial<PythiaModel> = {}): PythiaModel {
  const peak = size.peakLearningRate;
  const endStep = more.endStep ?? END_STEP;
  return {
    ...{ name, repo: `EleutherAI/${name}`, size, form: 'huggingface', precision: 'fp16' },
    ...{ endStep, batchSize: BATCH_SIZE, checkpointSpacing: 1000, dataset: STANDARD, dataSeed: MAIN_SEED },
    ...{ family: name, seed: MAIN_SEED },
    schedule: { peak, floor: size.floorLearningRate, totalSteps: endStep, warmupSteps: 0.01 * endStep },
    ...{ publishedSteps: ALL_STEPS, labelsPerStep: 1, isFinalOnly: false },
    ...more,
    notes: [...(size.name === '1b' ? [LEARNING_RATE_1B] : []), ...(more.notes ?? []), ...cautions(name)],
  };
}

function main(size: PythiaSize, variant: Variant): PythiaModel {
  const name = `pythia-${size.name}${variant}`;
  const isLate = size.name === '14m' || size.name === '31m';
  const notes = [
    ...(isLate && variant === '' ? [LATE_STANDARD] : []),
    ...(isLate && variant !== '' ? [LATE_DEDUPED] : []),
    ...(name === 'pythia-1b' ? ['trained in bf16 by the read-me; its configuration files say fp16'] : []),
    ...(name === 'pythia-1b-deduped' ? ['trained in fp16 by a maintainer (EleutherAI/pythia#171)'] : []),
    ...(size.tensorParallel > 1 ? ['first weights N(0, 0.02), not small_init/wang_init (EleutherAI/pythia#135)'] : []),
  ];
  const precision = name === 'pythia-1b' ? 'bf16' : 'fp16';
  return define(size, name, { dataset: variant === '' ? STANDARD : DEDUPED, precision, notes });
}

// January 2023. Batches of 4 M tokens for three sizes: 71,500 steps, revisions named as if the batches had 2 M; 6.9b and 12b decay to 0.
function firstRelease(size: PythiaSize, variant: Variant): PythiaModel {
  const dataset = variant === '' ? STANDARD : DEDUPED;
  const name = `pythia-${size.name}${variant}-v0`;
  const { peakLearningRate: peak, floorLearningRate: usual } = size;
  const notes = [
    'first release: other GPUs and precision than v1 are possible and not recorded',
    ...(size.name === '1b' ? ["the first read-me gives 1b batches of 4 M tokens; the suite's later texts do not"] : []),
  ];
  if (!['160m', '410m', '1.4b'].includes(size.name)) {
    const floor = size.name === '6.9b' || size.name === '12b' ? 0 : peak / 10;
    const schedule = { peak, floor, totalSteps: END_STEP, warmupSteps: 1430 };
    return define(size, name, { dataset, schedule, publishedSteps: FIRST_RELEASE_STEPS, notes });
  }
  const endStep = END_STEP / 2;
  const decaySteps = 71_250; // lr-decay-iters of these runs
  return define(size, name, {
    ...{ dataset, endStep, batchSize: 2 * BATCH_SIZE, checkpointSpacing: 500, labelsPerStep: 2 },
    schedule: { peak, floor: usual, totalSteps: decaySteps, warmupSteps: 0.01 * decaySteps },
    publishedSteps: FIRST_RELEASE_STEPS.map((label) => label / 2),
    notes: [
      `trained for ${endStep} steps of 2,048 rows: register its data with --batch-size 2048. Revision stepN of the hub is step N/2 here`,
      ...notes,
    ],
  });
}

function seeded(size: PythiaSize, suffix: string, dataSeed: number): PythiaModel {
  const isMainOrder = dataSeed === MAIN_SEED;
  const [, kind = '', seed = ''] = /^(.*?)-?seed(\d+)$/.exec(suffix) ?? [];
  return define(size, `pythia-${size.name}-${suffix}`, {
    ...{ dataSeed, dataset: isMainOrder ? STANDARD : `pile-preshuffled-seed${dataSeed}` },
    // Those whose seed set all are siblings of the main model; those of which it set one thing, of each other.
    ...{ family: ['pythia', size.name, kind].filter((word) => word !== '').join('-'), seed: Number(seed) },
    notes: [
      suffix.startsWith('seed')
        ? 'PolyPythias: the seed sets data order and first weights'
        : `PolyPythias: only the ${suffix.startsWith('data') ? 'data order' : 'first weights'} differ by seed`,
      ...(isMainOrder ? ['that its data order is the one of seed 1234 is assumed, not recorded'] : []),
      ...(dataSeed === 2 ? ['the published shuffle index of seed 2 is reported corrupt (EleutherAI/pythia#190)'] : []),
    ],
  });
}

function intervention(size: string, name: string, numSteps: number): PythiaModel {
  return define(sizeNamed(size), name, {
    ...{ dataset: DEDUPED, publishedSteps: [END_STEP], isFinalOnly: true },
    notes: [
      `published intervention on the last ${numSteps} steps: final weights only, so it can be scored and not resumed`,
      'which rewriting code made it is unknown: the last published code tokenises the text it did not rewrite',
    ],
  });
}

function rawCheckpoints(): PythiaModel[] {
  const both = PYTHIA_SIZES.slice(2).flatMap((size) => VARIANTS.map((variant) => ({ size, variant })));
  const current = both.map(({ size, variant }) => {
    const isBig = PYTHIA_SIZES.indexOf(size) >= 5;
    return raw(main(size, variant), '', { publishedSteps: isBig ? FEW_STEPS : ALL_STEPS }, isBig ? RAW_FEW : RAW_ALL);
  });
  const finals = both.flatMap(({ size, variant }) => [
    raw(firstRelease(size, variant), '', { isFinalOnly: true }, RAW_FINAL),
    raw(main(size, variant), '-v1', { isFinalOnly: true }, RAW_FINAL),
  ]);
  const seeds = PYTHIA_SIZES.slice(0, 5).flatMap((size) =>
    oneToNine().map((seed) => raw(seeded(size, `seed${seed}`, seed), '', {}, RAW_ALL)),
  );
  return [...current, ...finals, ...seeds];
}

/** The repository with the raw training state of a model. */
function raw(like: PythiaModel, suffix: string, more: Partial<PythiaModel>, note: string): PythiaModel {
  const name = `neox-ckpt-${like.name}${suffix}`;
  const steps = more.isFinalOnly === true ? { publishedSteps: [like.endStep] } : {};
  const notes = [note, ...cautions(name)];
  return { ...like, ...more, ...steps, name, repo: `EleutherAI/${name}`, form: 'neox', notes };
}

function oneToNine(): number[] {
  return Array.from({ length: 9 }, (_, i) => i + 1);
}

function sizeNamed(name: string): PythiaSize {
  const size = PYTHIA_SIZES.find((one) => one.name === name);
  if (size === undefined) throw new Error(`bug: the suite has no size ${name}`);
  return size;
}
