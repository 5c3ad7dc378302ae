// Effects over replicates. A replicate is a model seed: a trained model is a sample of one, and so is an effect on it. The seed of an
// intervention counts, below the model's, only where the rewriting draws at all; what would be the same training is refused as a replicate.
import { meanOverReplicates, type ReplicateMean } from './eval/replicates.ts';
import { P_SCOPE, type Score } from './eval/statistics.ts';
import { settingsText, type JobSpec, type ScoringSettings } from './job-spec.ts';
import type { EndScores, Experiment } from './store/experiments.ts';

/** One job among its replicates. */
export interface Replicate {
  readonly id: string;
  readonly state: string;
  readonly model: string;
  /** Null where it is not known. */
  readonly modelSeed: number | null;
  /** Null where nothing is drawn. */
  readonly interventionSeed: number | null;
}

/** A figure of each replicate, intervention − control or the intervention's score, and its mean. */
export interface ReplicatedFigure extends ReplicateMean {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
  readonly metric: string;
  readonly step: number;
  /** Of each replicate, and the jobs that it is of. */
  readonly replicates: readonly { readonly seed: number | null; readonly value: number; readonly jobs: string[] }[];
}

/** Jobs that differ in seeds alone. */
export interface ReplicateGroup {
  readonly family: string;
  /** The values of the sweep's grid that they share; null outside of a sweep. */
  readonly point: Readonly<Record<string, unknown>> | null;
  readonly jobs: readonly Replicate[];
  /** Jobs that repeat another one's training and so add nothing. */
  readonly refused: readonly { readonly id: string; readonly detail: string }[];
  readonly over: 'model seeds' | 'draws of the rewriting' | 'nothing';
  readonly numSeeds: number;
  /** What the effects speak of. */
  readonly scope: string;
  /** At the window's end; of jobs with both arms there. */
  readonly effects: readonly ReplicatedFigure[];
  /** Of the intervention, of the same jobs. */
  readonly scores: readonly ReplicatedFigure[];
}

/** Whether the intervention's seed changes what is trained: where documents or occurrences are drawn, or the direction is. */
export function drawsAnything({ probability, direction }: JobSpec['intervention']): boolean {
  return probability > 0 && (probability < 1 || direction === 'balanced');
}

/** Fields of a spec that change no number; left out of JSON. Arms that were taken over have the numbers that training them again would give. */
function changesNothing({ training }: JobSpec) {
  return {
    name: undefined,
    priority: undefined,
    tags: undefined,
    training: { ...training, shareArms: undefined, slots: undefined },
  };
}

/** What a job trains and scores, as text: equal for jobs whose numbers must be the same. */
export function trainingKey(spec: JobSpec): string {
  const { seed, ...intervention } = spec.intervention;
  const drawn = drawsAnything(spec.intervention) ? { ...intervention, seed } : intervention;
  return inOrder({ ...spec, ...changesNothing(spec), intervention: drawn });
}

/** The jobs in groups of replicates, in the order given; those that no worker has begun are in none: what their models are is not known yet. */
export function replicateGroups(experiments: readonly Experiment[]): ReplicateGroup[] {
  const groups = new Map<string, Member[]>();
  for (const experiment of experiments.filter(({ model }) => model !== null)) {
    const member = memberOf(experiment);
    groups.set(member.condition, [...(groups.get(member.condition) ?? []), member]);
  }
  return [...groups.values()].map(groupOf);
}

/** What a job trains and scores but for the seeds, and, if asked, for the field at `path`, as text: equal for jobs that differ in nothing else. */
export function conditionOf({ spec: stored, model }: Experiment, path?: string): string {
  const spec = stored as JobSpec; // checked by jobSpecSchema before it was stored
  const known = model as ManifestModel | null; // the worker's own
  const intervention = { ...spec.intervention, seed: undefined }; // left out of JSON
  // Seeds of one family have each its own order of the data.
  const dataset = spec.dataset === known?.trainedOn ? 'of its own training' : `named ${spec.dataset}`;
  const condition = { ...spec, ...changesNothing(spec), intervention, model: known?.family ?? spec.model, dataset };
  return inOrder(path === undefined ? condition : without(condition, path.split('.')));
}

/** The seed of the model that a job trains; null where it is not known, or no worker has begun the job. */
export function modelSeedOf({ model }: Experiment): number | null {
  return (model as ManifestModel | null)?.seed ?? null; // the worker's own
}

function without(value: Readonly<Record<string, unknown>>, [key = '', ...deeper]: readonly string[]): object {
  const { [key]: inner, ...rest } = value;
  const isObject = typeof inner === 'object' && inner !== null;
  return deeper.length === 0 || !isObject ? rest : { ...rest, [key]: without(inner as typeof value, deeper) };
}

interface Member {
  readonly experiment: Experiment;
  readonly replicate: Replicate;
  readonly family: string;
  /** Everything but the seeds. */
  readonly condition: string;
  readonly training: string;
  readonly weights: string | null;
}

/** Manifests of earlier releases have less. */
interface ManifestModel {
  readonly family?: string;
  readonly seed?: number | null;
  readonly trainedOn?: string | null;
  readonly start?: readonly { readonly sha256: string | null }[] | null;
}

/** What tells weights apart; null where they were too large to be hashed. */
function weightsOf({ start }: ManifestModel): string | null {
  const hashes = (start ?? []).map(({ sha256 }) => sha256);
  return hashes.length === 0 || hashes.includes(null) ? null : hashes.join(' ');
}

function memberOf(experiment: Experiment): Member {
  const spec = experiment.spec as JobSpec; // checked by jobSpecSchema before it was stored
  const known = experiment.model as ManifestModel; // the worker's own
  const family = known.family ?? spec.model;
  return {
    ...{ experiment, family, training: trainingKey(spec), weights: weightsOf(known) },
    condition: conditionOf(experiment),
    replicate: {
      ...{ id: experiment.id, state: experiment.state, model: spec.model, modelSeed: known.seed ?? null },
      interventionSeed: drawsAnything(spec.intervention) ? spec.intervention.seed : null,
    },
  };
}

function groupOf(members: readonly Member[]): ReplicateGroup {
  const first = members[0]!; // a group is made with its first member
  const places = members.map((member) => refusalOf(member, members));
  const counted = members.filter((_, i) => places[i] === null);
  const finished = counted.filter(({ experiment }) => effectsOf(experiment.evaluations).length > 0);
  const modelSeeds = new Set(finished.map(modelOf));
  const isOverModels = modelSeeds.size > 1;
  const seedOf = ({ replicate }: Member) => (isOverModels ? replicate.modelSeed : replicate.interventionSeed);
  const numDraws = new Set(finished.map(seedOf)).size;
  const unitOf = isOverModels ? modelOf : ({ replicate }: Member) => String(replicate.interventionSeed);
  return {
    family: first.family,
    point: sharedPoint(members),
    jobs: members.map(({ replicate }) => replicate),
    refused: members.flatMap(({ replicate: { id } }, i) => (places[i] === null ? [] : [{ id, detail: places[i]! }])),
    ...reachOf(first.family, modelSeeds.size, numDraws),
    effects: figuresOver(finished, effectsOf, unitOf, seedOf),
    scores: figuresOver(finished, interventionScoresOf, unitOf, seedOf),
  };
}

function reachOf(
  family: string,
  numSeeds: number,
  numDraws: number,
): Pick<ReplicateGroup, 'over' | 'numSeeds' | 'scope'> {
  if (numSeeds > 1) return { over: 'model seeds', numSeeds, scope: `over ${numSeeds} model seeds of ${family}` };
  if (numDraws > 1) {
    const scope = `over ${numDraws} draws of the rewriting of one trained model`;
    return { over: 'draws of the rewriting', numSeeds, scope };
  }
  const scope =
    numSeeds === 0 ? 'no job has both arms at its end' : `${P_SCOPE}: a claim about training needs more model seeds`;
  return { over: 'nothing', numSeeds, scope };
}

/** Where no seed is known, models that have other names are not taken for replicates: their family is their name. */
function modelOf({ replicate: { model, modelSeed } }: Member): string {
  return modelSeed === null ? model : `seed ${modelSeed}`;
}

/** Why a job is no replicate beside those before it; null where it is one. */
function refusalOf(member: Member, members: readonly Member[]): string | null {
  const { interventionSeed } = member.replicate;
  const before = members.slice(0, members.indexOf(member));
  const twin = before.find(
    (other) =>
      other.replicate.interventionSeed === interventionSeed &&
      (modelOf(other) === modelOf(member) || (member.weights !== null && other.weights === member.weights)),
  );
  if (twin === undefined) return null;
  const why =
    twin.training === member.training
      ? 'the same training again: its numbers must be the same'
      : modelOf(twin) === modelOf(member)
        ? 'the same seed of the model'
        : 'the same weights at the start, whatever seed they are said to have';
  return `no replicate of ${twin.replicate.id}: ${why}; another model seed is one`;
}

/** What all points have in common. */
function sharedPoint(members: readonly Member[]): ReplicateGroup['point'] {
  const points = members.map(({ experiment }) => experiment.sweepPoint as Record<string, unknown> | null);
  const first = points[0];
  if (first === null || first === undefined) return null;
  const isShared = ([path, value]: [string, unknown]) =>
    points.every((point) => point !== null && inOrder(point[path]) === inOrder(value));
  return Object.fromEntries(Object.entries(first).filter(isShared));
}

interface Found {
  readonly figure: Omit<ReplicatedFigure, keyof ReplicateMean | 'replicates'>;
  readonly unit: string;
  readonly id: string;
  readonly seed: number | null;
  readonly value: number;
}

function figuresOver(
  members: readonly Member[],
  figuresOf: (evaluations: readonly EndScores[]) => readonly EndFigure[],
  unitOf: (member: Member) => string,
  seedOf: (member: Member) => number | null,
): ReplicatedFigure[] {
  const byMetric = new Map<string, Found[]>();
  for (const member of members) {
    for (const { key, value, ...figure } of figuresOf(member.experiment.evaluations)) {
      const found = { figure, unit: unitOf(member), id: member.replicate.id, seed: seedOf(member), value };
      byMetric.set(key, [...(byMetric.get(key) ?? []), found]);
    }
  }
  return [...byMetric.values()].map((found) => {
    // Draws below one model seed are averaged first: they are no further models.
    const units = [...new Set(found.map(({ unit }) => unit))].map((unit) => {
      const own = found.filter((one) => one.unit === unit);
      const value = own.reduce((sum, one) => sum + one.value, 0) / own.length;
      return { seed: own[0]!.seed, value, jobs: own.map(({ id }) => id) }; // a unit has one
    });
    return { ...found[0]!.figure, ...meanOverReplicates(units.map(({ value }) => value)), replicates: units };
  });
}

type EndFigure = Found['figure'] & { readonly key: string; readonly value: number };

function interventionScoresOf(evaluations: readonly EndScores[]): EndFigure[] {
  return evaluations
    .filter(({ arm }) => arm === 'intervention')
    .flatMap(({ benchmark, protocol, settings, step, scores }) =>
      Object.entries(scoresIn(scores)).map(([metric, { value }]) => {
        const key = [benchmark, protocol, settingsText(settings), metric].join(' ');
        return { key, benchmark, protocol, settings, metric, step, value };
      }),
    );
}

/** Intervention − control: the difference of two means over the same items is the mean of the items' differences. */
function effectsOf(evaluations: readonly EndScores[]): EndFigure[] {
  return evaluations
    .filter(({ arm }) => arm === 'intervention')
    .flatMap(({ benchmark, protocol, settings, step, sha256, scores }) => {
      const place = [benchmark, protocol, settingsText(settings)].join(' ');
      const twin = evaluations.find(
        (other) =>
          other.arm === 'control' &&
          other.sha256 === sha256 &&
          [other.benchmark, other.protocol, settingsText(other.settings)].join(' ') === place,
      );
      const [own, control] = [scoresIn(scores), scoresIn(twin?.scores)];
      return Object.keys(own).flatMap((metric) => {
        const [a, b] = [own[metric], control[metric]];
        if (metric === 'perplexity' || a === undefined || b === undefined) return []; // compared through its logarithm
        return [{ key: `${place} ${metric}`, benchmark, protocol, settings, metric, step, value: a.value - b.value }];
      });
    });
}

// Stored by the worker from an Evaluation of src/eval.
function scoresIn(scores: unknown): Readonly<Record<string, Score>> {
  return (scores ?? {}) as Readonly<Record<string, Score>>;
}

/** JSON with the keys of every object in order. */
export function inOrder(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
