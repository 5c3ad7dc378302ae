// Which steps the Pythia suite published, and which of its hub revisions are known to hold something else. Known from the suite's threads
// on GitHub (EleutherAI/pythia#N); what a thread reports as mended, or does not tie to a revision, is a caution and not refused.

/** The last step of every training with batches of 2 M tokens. */
export const END_STEP = 143_000;

const EARLY_STEPS: readonly number[] = [0, ...Array.from({ length: 10 }, (_, power) => 2 ** power)];
const LATE_STEPS: readonly number[] = Array.from({ length: END_STEP / 1000 }, (_, i) => 1000 * (i + 1));

/** 0, the powers of two up to 512, and every thousandth step: 154. */
export const ALL_STEPS: readonly number[] = [...EARLY_STEPS, ...LATE_STEPS];

/** The 143 of the first release, named by batches of 2 M tokens. */
export const FIRST_RELEASE_STEPS = LATE_STEPS;

/** The 20 steps of a raw GPT-NeoX repository that keeps few: early ones, thousands by powers of two, the end. */
export const FEW_STEPS: readonly number[] = [
  ...EARLY_STEPS,
  ...Array.from({ length: 8 }, (_, power) => 1000 * 2 ** power),
  END_STEP,
];

interface BadRevisions {
  readonly model: string;
  readonly steps: ReadonlySet<number>;
  readonly thread: string;
  readonly words: string;
}

/** Steps from `from` to `to` by `by`, both included. */
function range(from: number, to: number, by = 1000): number[] {
  return Array.from({ length: (to - from) / by + 1 }, (_, i) => from + i * by);
}

const BAD_REVISIONS: readonly BadRevisions[] = [
  {
    model: 'pythia-2.8b',
    // 86 branches hold weights of the end; step143000, one of them, is right to.
    steps: new Set([
      ...EARLY_STEPS,
      ...range(1000, 65_000),
      ...[70_000, 80_000, 90_000, 100_000, 103_000, 110_000, 120_000, 130_000, 140_000],
    ]),
    thread: 'EleutherAI/pythia#205',
    words: 'this revision serves weights of the end of training',
  },
  {
    model: 'pythia-12b',
    steps: new Set([50_000, 58_000]),
    thread: 'EleutherAI/pythia#206',
    words: "its first shard (input embedding and first layers) is the final checkpoint's",
  },
  ...(
    [
      ['pythia-410m-seed2', 111_000],
      ['pythia-410m-seed6', 88_000],
      ['pythia-410m-seed9', 40_000],
    ] as const
  ).map(([model, step]) => ({
    model,
    steps: new Set([step]),
    thread: 'EleutherAI/pythia#202',
    words: 'this revision was reported to hold no weights',
  })),
];

const CAUTIONS: Readonly<Record<string, readonly string[]>> = {
  'pythia-2.8b': [
    '86 of its 154 revisions serve weights of the end (EleutherAI/pythia#205); `main` and `step143000` are different files with equal embeddings',
  ],
  'pythia-6.9b': ['step26000 was missing until April 2023 (EleutherAI/pythia#94)'],
  'pythia-12b': [
    'step4000 and step32000 were missing until June 2023 (EleutherAI/pythia#107), further ones until January 2024 (#141)',
  ],
  'pythia-12b-deduped': [
    'until June 2023 step32000 performed like the end of training; it was uploaded anew (EleutherAI/pythia#108)',
  ],
  'neox-ckpt-pythia-6.9b-deduped': [
    'a comment in EleutherAI/pythia#195 says that revisions here repeat each other, without naming them',
  ],
  'pythia-160m-weight-seed1': weightSeed(1),
  'pythia-160m-weight-seed2': weightSeed(2),
};

function weightSeed(seed: number): string[] {
  const other = `pythia-160m-weight-seed${seed}`;
  return [
    `from step1 on, ${other} descends from other first weights than its step0 (EleutherAI/pythia#203): what varies is unclear`,
  ];
}

/** Why a revision must not be used, with the thread that tells; undefined when nothing is known against it. */
export function knownFault(model: string, step: number): { thread: string; words: string } | undefined {
  const found = BAD_REVISIONS.find((bad) => bad.model === model && bad.steps.has(step));
  return found && { thread: found.thread, words: found.words };
}

/** The steps of a model that knownFault tells about, ascending. */
export function knownBadSteps(model: string): number[] {
  const steps = BAD_REVISIONS.filter((bad) => bad.model === model).flatMap((bad) => [...bad.steps]);
  return steps.sort((a, b) => a - b);
}

/** What the suite's threads say about a model without condemning one revision. */
export function cautions(model: string): readonly string[] {
  return CAUTIONS[model] ?? [];
}

/** Checkpoints of one training that may be equal: the first update has learning rate 0, the second one too small for fp16 (#83, #198). */
export function mayBeEqual(stepA: number, stepB: number): boolean {
  return stepA <= 2 && stepB <= 2;
}
