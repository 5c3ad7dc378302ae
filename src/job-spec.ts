// The one definition of a job: what a researcher submits, with every default. The API, the web form, the command line and
// the trainer read it from here.
import { z } from 'zod';

/** The trainings and scorings of one job; effect = intervention − control, noise floor = placebo − control. */
export const TRAINED_ARMS = ['control', 'intervention', 'placebo'] as const;
export type TrainedArm = (typeof TRAINED_ARMS)[number];
export const ARMS = ['published', ...TRAINED_ARMS] as const;
export type Arm = (typeof ARMS)[number];
/** What a job has when it does not say; the placebo costs one more training. */
const DEFAULT_ARMS: readonly Arm[] = ['published', 'control', 'intervention'];

export const DIRECTIONS = ['masculine-to-feminine', 'feminine-to-masculine', 'swap', 'balanced', 'neutral'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** Policies that act on rows of tokens, as the historical codes did: they know neither documents nor occurrences. */
const HISTORICAL_POLICIES = ['idmap-2022', 'stringreplace-2023-as-pushed', 'stringreplace-2023-intended'] as const;
export type HistoricalPolicy = (typeof HISTORICAL_POLICIES)[number];

export const POLICIES = ['morph-v1', 'neutral-v1', 'placebo-v1', ...HISTORICAL_POLICIES] as const;
export type Policy = (typeof POLICIES)[number];

/** The directions that each policy knows. */
export const DIRECTIONS_OF: Readonly<Record<Policy, readonly Direction[]>> = {
  'morph-v1': ['masculine-to-feminine', 'feminine-to-masculine', 'swap', 'balanced'],
  'neutral-v1': ['neutral'],
  'placebo-v1': ['masculine-to-feminine', 'feminine-to-masculine', 'swap', 'balanced'],
  'idmap-2022': ['masculine-to-feminine'],
  'stringreplace-2023-as-pushed': ['masculine-to-feminine'],
  'stringreplace-2023-intended': ['masculine-to-feminine'],
};

/** What an intervention's probability is drawn for. */
export const PROBABILITY_UNITS = ['document', 'occurrence'] as const;
export type ProbabilityUnit = (typeof PROBABILITY_UNITS)[number];

/** Gendered words that morph-v1 may change beside the pronouns: man/woman, John/Mary. */
export const WORD_PAIRS = ['nouns', 'names'] as const;
export type WordPairs = (typeof WORD_PAIRS)[number];
/** The rules of their edits, which are no proof that a pronoun changed. */
export const WORD_PAIR_RULES: Readonly<Record<WordPairs, string>> = { nouns: 'noun', names: 'name' };

/** Edits by rule that are not of word pairs. */
export function numPronounEdits(editsByRule: Readonly<Record<string, number>>): number {
  const others = Object.values(WORD_PAIR_RULES);
  return Object.entries(editsByRule).reduce((sum, [rule, count]) => (others.includes(rule) ? sum : sum + count), 0);
}

export function isHistorical(policy: Policy): policy is HistoricalPolicy {
  return (HISTORICAL_POLICIES as readonly Policy[]).includes(policy);
}

/** What trains a job's arms: this program, or GPT-NeoX outside of it. */
export const ENGINES = ['tiresias', 'gpt-neox'] as const;

/**
 * How texts are scored. `likelihood`: summed log-likelihood of every token after the first of its row, in nats. For sentence pairs also
 * `fp16-emulated`, the same with every log P and their sum rounded to half precision, as published figures were; and `shared-tokens`, only
 * over the tokens that both sentences have, after the official CrowS-Pairs metric but for causal models. For WinoBias also `pythia-em`,
 * exact match of the text that a prompt is continued with, and `pronoun-choice`, the likelier of two pronouns in a sentence.
 */
export const PROTOCOLS = ['likelihood', 'fp16-emulated', 'shared-tokens', 'pythia-em', 'pronoun-choice'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What becomes of the white space at the ends of a rendered prompt (src/eval/prompt-templates.ts). */
export const PROMPT_EDGES = ['stripped', 'as-rendered'] as const;
export type PromptEdges = (typeof PROMPT_EDGES)[number];

/** What else a score depends on and can be chosen: with benchmark and protocol its identity. */
export type ScoringSettings = Readonly<Record<string, string | number | readonly string[]>>;

/** Of `pythia-em`: the two templates of the published figures, and the limit of GPT-NeoX's adapter (lm-eval's own models had 256). */
export const ANSWER_DEFAULTS = {
  templates: ['What does p stand for', 'refers_to'] as readonly string[],
  promptEdges: 'stripped' as PromptEdges,
  maxNew: 128,
};

/** One way of scoring a model, complete. */
export interface Scoring {
  readonly benchmark: string;
  readonly protocol: Protocol;
  /** Empty but for `pythia-em`. */
  readonly settings: ScoringSettings;
}

/** Settings as the text that identifies them: JSON with its keys in order. */
export function settingsText(settings: ScoringSettings): string {
  return JSON.stringify(Object.fromEntries(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))));
}

export const JOB_STATES = [
  'queued',
  'running',
  'recovering',
  'pausing',
  'paused',
  'cancelling',
  'succeeded',
  'failed',
  'cancelled',
] as const;
export type JobState = (typeof JOB_STATES)[number];
export const FINAL_STATES: readonly JobState[] = ['succeeded', 'failed', 'cancelled'];

export const FAILURE_REASONS = [
  'no-edits',
  'out-of-memory',
  'storage',
  'bad-checkpoint',
  'bad-data',
  'bad-spec',
  'numerical',
  'worker-lost',
  'poison',
  'program',
] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

const name = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[A-Za-z0-9][\w.\-/]*$/, 'a name starts with a letter or digit and holds letters, digits, _ . - /')
  .regex(/^(?!.*\.\.)/, 'a name is no path: it holds no ..');
const count = z.int().min(1).max(10_000_000);
/** stepN, as the suite names its revisions. */
export const checkpointSchema = z
  .string()
  .regex(/^step\d{1,9}$/, 'a checkpoint is written stepN, for example step133000');
export const prioritySchema = z.int().min(-100).max(100);
/** Words to find jobs by: letters, digits and signs, no blanks or commas. */
export const tagSchema = z
  .string()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N}_.:/-]{0,49}$/u, 'a tag has at most 50 letters, digits, _ . : / -');
export const tagsSchema = z
  .array(tagSchema)
  .max(20)
  .refine((tags) => new Set(tags).size === tags.length, 'each tag at most once');
const autoOr = <T extends z.ZodType>(schema: T) => z.union([z.literal('auto'), schema]);

const window = z
  .strictObject({
    to: z.int().min(1).optional().meta({ description: "Last step of the window; default: the suite's end." }),
    steps: count.optional().meta({ description: 'Length of the window in steps, instead of `to`.' }),
    finalFraction: z.number().gt(0).lt(1).optional().meta({
      description: "Share of the training run before the suite's end, instead of a checkpoint (0.07 = last 7 %).",
    }),
  })
  .meta({ description: 'Which steps are trained: [checkpoint, to).' });

const intervention = z
  .strictObject({
    policy: z.enum(POLICIES).default('morph-v1').meta({ description: 'Named, versioned rules of rewriting.' }),
    direction: z
      .enum(DIRECTIONS)
      .default('masculine-to-feminine')
      .meta({ description: 'Which pronouns become which.' }),
    probability: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .meta({ description: 'Share of the documents, or of the occurrences, that are rewritten.' }),
    per: z
      .enum(PROBABILITY_UNITS)
      .default('document')
      .meta({ description: 'What the probability is drawn for: whole documents, or each edit by itself.' }),
    wordPairs: z
      .array(z.enum(WORD_PAIRS))
      .max(WORD_PAIRS.length)
      .refine((kinds) => new Set(kinds).size === kinds.length, 'each kind at most once')
      .default([])
      .meta({ description: 'Gendered words that change beside the pronouns, with morph-v1 only.' }),
    seed: z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(1234)
      .meta({ description: 'Seed of the draws that `probability` needs.' }),
    expectNoEdits: z
      .boolean()
      .default(false)
      .meta({ description: 'Accept a window without a single pronoun edit; the result then says so.' }),
  })
  .meta({ description: 'What happens to the text.' });

const training = z
  .strictObject({
    resume: z.enum(['auto', 'exact-state', 'burn-in', 'weights-only']).default('auto').meta({
      description: "Adam's moments: from the checkpoint's files, estimated from the steps before it, or from zero.",
    }),
    engine: z.enum(ENGINES).default('tiresias').meta({
      description:
        'What trains both arms: gpt-neox, for models that outgrow the engine here, leaves that to `tiresias export neox` and `tiresias import neox`; the job waits.',
    }),
    burnInSteps: autoOr(count).default('auto').meta({
      description: 'Steps before the checkpoint that a burn-in reads, un-rewritten and with the weights held still.',
    }),
    microBatchSize: autoOr(count).default('auto').meta({ description: 'Samples of one forward pass.' }),
    recompute: z.enum(['auto', 'none', 'layers']).default('auto').meta({
      description:
        'What is computed again in the backward pass instead of kept: less memory, up to a third more time, the same numbers; auto = only where the job would not fit.',
    }),
    rowsPerStep: z
      .union([z.literal('all'), count])
      .default('all')
      .meta({ description: 'Take only the first n rows of each batch; scores then say "reduced batch".' }),
    precision: z.enum(['auto', 'fp32', 'bf16']).default('auto').meta({
      description:
        'Factors of the matrix products of the training step; sums, weights and moments are fp32 always, and so is scoring. bf16 is faster, on the back ends native and cuda; auto = fp32.',
    }),
    gelu: z.enum(['tanh', 'erf']).default('tanh').meta({ description: 'GELU of the training step; Pythia used tanh.' }),
    rope: z
      .enum(['fp16-angles', 'fp32-angles'])
      .default('fp16-angles')
      .meta({ description: 'Rotary angles of the training step; Pythia rounded them to fp16.' }),
    adamStep: z.enum(['clean', 'zero-restart']).default('clean').meta({
      description:
        "Count behind Adam's bias correction after the resume: the right one, or restarted as DeepSpeed's ZeRO did, with its transient.",
    }),
    badSteps: z.enum(['stop', 'skip']).default('stop').meta({
      description:
        'A step whose loss or gradient is not finite: stops the run, or is left out, which the result then says.',
    }),
    lossScale: z.enum(['none', 'emulated']).default('none').meta({
      description:
        "Whether updates are skipped as DeepSpeed's dynamic loss scale did when a scaled gradient overflowed fp16; such a step keeps the learning rate's count.",
    }),
    checkpointEvery: autoOr(count).default('auto').meta({ description: 'Steps between stored checkpoints.' }),
    keepCheckpoints: z.int().min(1).max(1000).default(2).meta({ description: 'Newest checkpoints kept per run.' }),
    slots: z.int().min(1).max(8).default(1).meta({
      description:
        "Slots of one worker that the job takes: on graphics cards one slot is one card; a job that needs the whole machine's memory takes as many as its workers have. Changes no number.",
    }),
    shareArms: z.boolean().default(true).meta({
      description:
        'Take control, burn-in and published scores over from a job whose numbers must be the same, and let others take ours; false repeats them independently.',
    }),
  })
  .meta({ description: 'How the steps are trained.' });

const scoring = z.strictObject({
  benchmark: name,
  protocol: z.enum(PROTOCOLS).default('likelihood').meta({ description: 'How its texts are scored.' }),
  templates: z
    .array(z.string().min(1).max(200))
    .min(1)
    .max(20)
    .refine((names) => new Set(names).size === names.length, 'each template once')
    .optional()
    .meta({ description: 'Of pythia-em: names of PromptSource templates.' }),
  promptEdges: z
    .enum(PROMPT_EDGES)
    .optional()
    .meta({ description: 'Of pythia-em: whether prompts lose the white space at their ends.' }),
  maxNew: z.int().min(1).max(2048).optional().meta({ description: 'Of pythia-em: tokens of an answer at most.' }),
});
type ScoringInput = z.output<typeof scoring>;

/** What an entry of `evaluation.benchmarks` asks for, every default filled in; a name alone is scored by `likelihood`. */
export function scoringOf(entry: string | ScoringInput): Scoring {
  if (typeof entry === 'string') return { benchmark: entry, protocol: 'likelihood', settings: {} };
  const { benchmark, protocol, templates, promptEdges, maxNew } = entry;
  if (protocol !== 'pythia-em') return { benchmark, protocol, settings: {} };
  const { templates: usual, promptEdges: edges, maxNew: most } = ANSWER_DEFAULTS;
  const settings = { templates: templates ?? usual, promptEdges: promptEdges ?? edges, maxNew: maxNew ?? most };
  return { benchmark, protocol, settings };
}

function scoringFaults(entries: 'auto' | readonly (string | ScoringInput)[]) {
  if (entries === 'auto') return [];
  const keys = entries.map((entry) => {
    const { benchmark, protocol, settings } = scoringOf(entry);
    return [benchmark, protocol, settingsText(settings)].join(' ');
  });
  return entries.flatMap((entry, i): { place: (string | number)[]; message: string }[] => {
    const isTwice = keys.indexOf(keys[i]!) < i; // as many keys as entries
    const twice = isTwice ? [{ place: [i], message: 'the same benchmark is scored in the same way before' }] : [];
    if (typeof entry === 'string' || entry.protocol === 'pythia-em') return twice;
    const foreign = (['templates', 'promptEdges', 'maxNew'] as const).filter((key) => entry[key] !== undefined);
    const message = `${entry.protocol} has no such setting: leave it out, or take pythia-em`;
    return [...twice, ...foreign.map((key) => ({ place: [i, key], message }))];
  });
}

const evaluation = z
  .strictObject({
    benchmarks: autoOr(z.array(z.union([name, scoring])).max(20))
      .default('auto')
      .meta({
        description:
          "Names of benchmarks, or {benchmark, protocol, …} for another protocol than likelihood; auto = those that go with the model's suite.",
      }),
    every: autoOr(count)
      .default('auto')
      .meta({ description: 'Steps between evaluations; auto = a tenth of the window.' }),
    atStart: z.boolean().default(true).meta({ description: 'Also score the checkpoint before the first step.' }),
  })
  .meta({ description: 'What is scored, and when.' });

export const jobSpecSchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional().meta({ description: 'Free text, shown in lists.' }),
    model: name.meta({ description: 'A model of a suite, or one registered with `tiresias models add`.' }),
    checkpoint: checkpointSchema.optional().meta({ description: 'Where training resumes, for example step1330.' }),
    dataset: name.meta({ description: 'A dataset of a suite, or one registered with `tiresias datasets add`.' }),
    window: window.prefault({}),
    intervention: intervention.prefault({}),
    arms: z
      .array(z.enum(ARMS))
      .min(1)
      .max(ARMS.length)
      .refine((arms) => new Set(arms).size === arms.length, 'each arm at most once')
      .default([...DEFAULT_ARMS])
      .meta({
        description:
          'What is trained and scored; placebo makes as many edits on words without gender, which shows the noise floor.',
      }),
    training: training.prefault({}),
    evaluation: evaluation.prefault({}),
    backend: z
      .enum(['auto', 'cuda', 'tensorflow', 'native', 'wasm', 'cpu'])
      .default('auto')
      .meta({ description: 'What computes.' }),
    priority: prioritySchema.default(0).meta({ description: 'Higher is claimed earlier.' }),
    tags: tagsSchema.default([]).meta({ description: 'Words to find jobs by.' }),
  })
  .superRefine((spec, context) => {
    const issue = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    const { to, steps, finalFraction } = spec.window;
    if (to !== undefined && steps !== undefined) issue(['window', 'steps'], 'give `to` or `steps`, not both');
    if (spec.checkpoint === undefined && finalFraction === undefined)
      issue(['checkpoint'], 'give a checkpoint, or window.finalFraction');
    if (spec.checkpoint !== undefined && finalFraction !== undefined)
      issue(['window', 'finalFraction'], 'give a checkpoint or window.finalFraction, not both');
    if (spec.checkpoint !== undefined && to !== undefined && to <= Number(spec.checkpoint.slice(4)))
      issue(['window', 'to'], `the window ends at step ${to}, before or at its start ${spec.checkpoint}`);
    for (const { place, message } of scoringFaults(spec.evaluation.benchmarks))
      issue(['evaluation', 'benchmarks', ...place], message);
    const { policy, direction, per, wordPairs } = spec.intervention;
    if (spec.arms.includes('placebo') && !DIRECTIONS_OF['placebo-v1'].includes(direction))
      issue(['arms'], `the placebo has no direction ${direction}: leave the arm out, or take another direction`);
    if (wordPairs.length > 0 && policy !== 'morph-v1')
      issue(['intervention', 'wordPairs'], `${policy} changes no such words: leave it out, or take morph-v1`);
    if (per === 'occurrence' && isHistorical(policy))
      issue(['intervention', 'per'], `${policy} acts on whole rows: leave it out, or take another policy`);
    if (!DIRECTIONS_OF[policy].includes(direction))
      issue(
        ['intervention', 'direction'],
        `${policy} has no direction ${direction}: expected one of ${DIRECTIONS_OF[policy].join(', ')}`,
      );
  })
  .meta({ id: 'JobSpec' });

/** A job with every default filled in. */
export type JobSpec = z.output<typeof jobSpecSchema>;
/** A job as a researcher writes it. */
export type JobSpecInput = z.input<typeof jobSpecSchema>;
