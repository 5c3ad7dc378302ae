// What the numbers of a control, a burn-in and each score of a published checkpoint depend on, as one key each: jobs with equal keys get equal bits, so one of them
// does the work for all. Derived from the manifest, which names everything that a job's numbers depend on: what is not left out by name counts. A worker makes the
// keys before it trains, the estimate of a job that is not submitted those that a worker would (likely-keys.ts).
import { createHash } from 'node:crypto';
import { HELD_BACK } from './eval/held-back.ts';
import type { JobSpec, Scoring } from './job-spec.ts';
import type { RunPlan } from './train/plan.ts';

export const SHARED_PARTS = ['control', 'published', 'burn-in'] as const;
export type SharedPart = (typeof SHARED_PARTS)[number];

/** SHA-256 by part; a job without that part has its key as well. */
export interface SharedKeys {
  readonly control: string;
  readonly 'burn-in': string;
  /** One of each scoring: jobs with other benchmarks share those that they have in common. */
  readonly published: readonly ScoringKey[];
}

/** What is scored of a published checkpoint, and how. */
export interface ScoringKey extends Pick<Scoring, 'benchmark' | 'protocol' | 'settings'> {
  readonly key: string;
}

/** Entries of a manifest that change no bit of a control: the intervention, what others published, the spec, and the plan, of which most counts below. */
const NOT_OF_CONTROL = ['spec', 'plan', 'policy', 'placebo', 'published'];
/** Of the plan: words, estimates, and whether there is a published arm. */
const NOT_OF_TRAINING = ['backend', 'scoringCosts', 'hasPublishedEnd'];
/** Of the plan: what comes after the moments are estimated. */
const NOT_OF_BURN_IN = ['to', 'adamStep', 'lossScale', 'evaluateAt', 'saveAt', 'keepCheckpoints', 'benchmarks'];
/** What only names or places what is known by its hash. */
const LABELS = {
  model: ['name', 'family', 'seed', 'trainedOn'],
  dataset: ['prefix'],
  start: ['job', 'arm'],
};

type Entry = Readonly<Record<string, unknown>>;
type BackendName = Exclude<JobSpec['backend'], 'auto'>;

/** What a manifest was made of. */
export interface PlannedWork {
  readonly plan: RunPlan & { readonly backend: { readonly name: BackendName } };
  /** Samples whose perplexity is scored beside the benchmarks. */
  readonly heldBack: { readonly from: number; readonly to: number } | null;
}

/**
 * Whether a job shares anything: not when it is to be an independent repetition, nor what another engine trains, nor where nobody has shown that equal manifests give
 * equal bits, as with TensorFlow on a card.
 */
export function mayShare({ training }: JobSpec, backend: BackendName): boolean {
  // Jobs of earlier releases say neither.
  return training.shareArms !== false && training.engine !== 'gpt-neox' && backend !== 'tensorflow';
}

/** What a trainer scores of a published checkpoint: the benchmarks of the plan, in its order, and the samples held back. */
export function publishedScorings({ plan, heldBack }: PlannedWork): Omit<ScoringKey, 'key'>[] {
  const ofDataset = { benchmark: HELD_BACK, protocol: 'likelihood', settings: {} } as const;
  return heldBack === null ? [...plan.benchmarks] : [...plan.benchmarks, ofDataset];
}

/** The keys of a job by its manifest (jobs/manifest.ts). */
export function sharedKeys(manifest: Entry, planned: PlannedWork): SharedKeys {
  const { plan, heldBack } = planned;
  const { published, ...model } = without(manifest['model'] as Entry, LABELS.model); // as makeManifest writes them
  const dataset = without(manifest['dataset'] as Entry, LABELS.dataset);
  const fork = without((manifest['start'] ?? {}) as Entry, LABELS.start);
  const rest = { ...without(manifest, NOT_OF_CONTROL), dataset, backend: plan.backend.name };
  const training = without(plan, NOT_OF_TRAINING);
  const benchmarks = manifest['benchmarks'] as readonly unknown[]; // in the order of the plan's
  const ofPublished = {
    ...without(rest, ['optimizer', 'start', 'benchmarks', 'dataset']),
    ...{ step: plan.to, model: { ...without(model, ['start']), published } },
  };
  return {
    control: keyOf({ part: 'control', ...rest, model, start: fork, plan: training, heldBack }),
    published: publishedScorings(planned).map(({ benchmark, protocol, settings }, i) => {
      // Which dataset the job has matters to none but the samples that are held back of it.
      const scored = benchmarks[i] === undefined ? { heldBack, dataset } : { benchmark: benchmarks[i] };
      return { benchmark, protocol, settings, key: keyOf({ part: 'published', ...ofPublished, ...scored }) };
    }),
    'burn-in': keyOf({
      ...{ part: 'burn-in', ...without(rest, ['benchmarks']), model, start: fork },
      plan: without(training, NOT_OF_BURN_IN),
    }),
  };
}

/** The keys of arms that start from a burn-in's checkpoint: what it is made of counts, be it done here or elsewhere. */
export function afterBurnIn<Keys extends Pick<SharedKeys, 'control'>>(
  keys: Keys,
  burnInSha256: string | undefined,
): Keys {
  if (burnInSha256 === undefined) return keys;
  return { ...keys, control: keyOf({ control: keys.control, burnIn: burnInSha256 }) };
}

function without(value: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}

function keyOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex');
}

/** JSON with the keys of every object in order; files that are known by their hash lose their place. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    const entries = Object.entries(isHashed(inner) ? without(inner, ['path']) : inner);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function isHashed(value: object): boolean {
  return 'sha256' in value ? value.sha256 !== null : 'manifestSha256' in value;
}
