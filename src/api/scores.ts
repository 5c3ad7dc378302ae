// The scores of a job, and what follows from them: effects (intervention − control), the noise floor (placebo − control), fidelity
// (control − published), all from the items of the same step, and the labels that must be read with a figure.
import { ConflictError } from '../errors.ts';
import { isPart, labelShift, protocolLabel } from '../eval/metrics.ts';
import type { Item, Label } from '../eval/metrics.ts';
import { holmAdjusted } from '../eval/statistics.ts';
import type { Effect, Score } from '../eval/statistics.ts';
import { settingsText, type Arm, type JobSpec, type Protocol, type ScoringSettings } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { totalPronounEdits } from '../store/edits.ts';
import type { JobWithRuns } from '../store/jobs.ts';
import { publishedBeside, type PublishedScore } from '../suite/pythia/published.ts';
import { compute } from './computations.ts';
import { keep } from './kept-answers.ts';
import { labelFaults, readFaults } from './training-labels.ts';
import { listEvaluations, readItems } from '../store/results.ts';
import type { ScoredEvaluation } from '../store/results.ts';

export interface Place {
  readonly benchmark: string;
  readonly protocol: string;
  /** With benchmark and protocol the identity of a score; empty for most protocols. */
  readonly settings: ScoringSettings;
}

/** The p beside the others that were looked at with it. */
export interface Adjusted {
  /** By Holm's method; null where there is no p. */
  readonly pAdjusted: number | null;
  /** Which tests it is adjusted for, in words. */
  readonly family: string;
}

export type ScoreRow = Place & { readonly arm: Arm; readonly step: number; readonly metric: string } & Score;
export type EffectRow = Place & { readonly step: number; readonly metric: string } & Effect & Adjusted;
/** A published figure beside ours: the place is ours, `publishedBenchmark` is what it is of. */
export type PublishedRow = Place & { readonly publishedBenchmark: string } & Omit<PublishedScore, 'benchmark'>;
export type ScoreLabel = Place & { readonly arm: Arm } & Label;

export interface Scores {
  readonly scores: ScoreRow[];
  readonly effects: EffectRow[];
  readonly noiseFloor: EffectRow[];
  readonly fidelity: EffectRow[];
  readonly labels: ScoreLabel[];
  /** Of the same model, step and metric; none for models outside the Pythia suite. */
  readonly published: PublishedRow[];
}

type Extent = 'every step' | 'last steps';

/** Everything /scores answers; of the last steps only where that is enough, which reads far fewer items. */
export async function readScores(database: Database, job: JobWithRuns, extent: Extent = 'every step'): Promise<Scores> {
  return keep(job, `scores, ${extent}`, () => makeScores(database, job, extent));
}

async function makeScores(database: Database, job: JobWithRuns, extent: Extent): Promise<Scores> {
  const all = await listEvaluations(database, job.id);
  const evaluations = extent === 'every step' ? all : atLastSteps(all);
  const effects = await compare(database, job.id, evaluations, 'intervention', 'control');
  const noiseFloor = await compare(database, job.id, evaluations, 'placebo', 'control');
  const fidelity = await compare(database, job.id, evaluations, 'control', 'published');
  const labels = await labelsOf(database, job, evaluations);
  return {
    scores: evaluations.flatMap(scoreRows),
    effects: effects.rows,
    noiseFloor: noiseFloor.rows,
    fidelity: fidelity.rows,
    labels: [...labels, ...effects.labels, ...noiseFloor.labels, ...fidelity.labels],
    published: publishedRows((job.spec as unknown as JobSpec).model, evaluations), // checked before it was stored
  };
}

/** Those at a step that is the last of some place: whole steps, so that their tests are the same families. */
function atLastSteps(evaluations: readonly ScoredEvaluation[]): ScoredEvaluation[] {
  const lastOfPlace = new Map(evaluations.map((one) => [placeKey(one), one.step])); // in order of steps
  const steps = new Set(lastOfPlace.values());
  return evaluations.filter(({ step }) => steps.has(step));
}

/** Scores, effects and published figures at one step. */
export async function readScoresAt(
  database: Database,
  { id, model, step }: { readonly id: string; readonly model: string; readonly step: number },
): Promise<Pick<Scores, 'scores' | 'effects' | 'published'>> {
  const evaluations = (await listEvaluations(database, id)).filter((evaluation) => evaluation.step === step);
  const effects = await compare(database, id, evaluations, 'intervention', 'control');
  return {
    scores: evaluations.flatMap(scoreRows),
    effects: effects.rows,
    published: publishedRows(model, evaluations),
  };
}

function scoreRows({ arm, step, scores, ...rest }: ScoredEvaluation): ScoreRow[] {
  const place = placeOf(rest);
  return Object.entries(scoresIn(scores)).map(([metric, score]) => ({ arm, step, ...place, metric, ...score }));
}

export function placeOf({ benchmark, protocol, settings }: Place): Place {
  return { benchmark, protocol, settings };
}

/** Tells apart what scores are of. */
export function placeKey({ benchmark, protocol, settings }: Place): string {
  return [benchmark, protocol, settingsText(settings)].join(' ');
}

function publishedRows(model: string, evaluations: readonly ScoredEvaluation[]): PublishedRow[] {
  // Arms share their places.
  const places = new Map(evaluations.map((one) => [`${one.step} ${placeKey(one)}`, one]));
  return [...places.values()].flatMap(({ step, benchmark, protocol, settings, scores }) =>
    publishedBeside(model, { step, benchmark, protocol, settings })
      .filter(({ metric }) => Object.hasOwn(scoresIn(scores), metric))
      .map(({ benchmark: publishedBenchmark, ...row }) => ({
        ...row,
        benchmark,
        protocol,
        settings,
        publishedBenchmark,
      })),
  );
}

// Stored by the worker from an Evaluation of src/eval.
function scoresIn(scores: unknown): Record<string, Score> {
  return scores as Record<string, Score>;
}

async function compare(
  database: Database,
  jobId: string,
  evaluations: readonly ScoredEvaluation[],
  arm: Arm,
  baseline: Arm,
): Promise<{ rows: EffectRow[]; labels: ScoreLabel[] }> {
  const rows: Omit<EffectRow, keyof Adjusted>[] = [];
  const labels: ScoreLabel[] = [];
  for (const evaluation of evaluations.filter((candidate) => candidate.arm === arm)) {
    const { step } = evaluation;
    const place = placeOf(evaluation);
    const twin = evaluations.find((other) => other.arm === baseline && isSamePlace(other, evaluation));
    if (!twin) continue;
    try {
      const effects = await effectsBetween(database, { ...evaluation, jobId }, { ...twin, jobId });
      for (const [metric, effect] of Object.entries(effects)) rows.push({ step, ...place, metric, ...effect });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      const detail = `${arm} and ${baseline} at step ${step}: ${error.message}`;
      labels.push({ arm, ...place, label: 'not comparable', detail });
    }
  }
  return { rows: adjustInFamilies(rows, ({ step }) => `at step ${step}, ${arm} − ${baseline}`), labels };
}

/** Tests of whole scores, over all benchmarks, are one family for each of the given words; those of parts of scores are another. */
export function adjustInFamilies<Row extends { readonly metric: string; readonly pValue: number | null }>(
  rows: readonly Row[],
  wordsOf: (row: Row) => string,
): (Row & Adjusted)[] {
  const familyOf = (row: Row) =>
    `${isPart(row.metric) ? 'parts of scores' : 'whole scores'} of all benchmarks ${wordsOf(row)}`;
  const adjusted = new Map<string, readonly (number | null)[]>();
  for (const family of new Set(rows.map(familyOf))) {
    adjusted.set(family, holmAdjusted(rows.map((row) => (familyOf(row) === family ? row.pValue : null))));
  }
  return rows.map((row, place) => {
    const family = familyOf(row);
    const pValues = adjusted.get(family)!; // every row's family was adjusted
    const numTests = pValues.filter((p) => p !== null).length;
    return { ...row, pAdjusted: pValues[place]!, family: `${numTests} tests: ${family}` };
  });
}

function isSamePlace(a: ScoredEvaluation, b: ScoredEvaluation): boolean {
  return a.step === b.step && placeKey(a) === placeKey(b);
}

// Rows of evaluations never change, so neither do their effects: a job that goes on costs no reading of the items that were compared before. Kept while they
// are computed, too, so that two who ask at once compute them once.
const known = new Map<string, Promise<Record<string, Effect>>>();
const MAX_KNOWN = 2_000;

/** An evaluation and the job that it is of. */
export type JobEvaluation = ScoredEvaluation & { readonly jobId: string };

/** The effects a − b, item by item, of two evaluations of one benchmark. Throws ConflictError when the items are not the same. */
export async function effectsBetween(
  database: Database,
  a: JobEvaluation,
  b: JobEvaluation,
): Promise<Record<string, Effect>> {
  if (a.sha256 !== b.sha256) throw new ConflictError('the files of the benchmark were not the same');
  const key = [placeKey(a), ...[a, b].flatMap(({ jobId, arm, step }) => [jobId, arm, step])].join(' ');
  const earlier = known.get(key);
  if (earlier) return earlier;
  if (known.size >= MAX_KNOWN) known.clear();
  const effects = computeEffects(database, a, b);
  known.set(key, effects);
  effects.catch(() => known.delete(key));
  return effects;
}

async function computeEffects(database: Database, a: JobEvaluation, b: JobEvaluation): Promise<Record<string, Effect>> {
  const [itemsA, itemsB] = [await readItems(database, a.jobId, a), await readItems(database, b.jobId, b)];
  return compute('effects', { a: itemsA as Item[], b: itemsB as Item[] }); // stored by the worker from an Evaluation
}

/** What must be read with the last scores of each arm. */
export async function labelsOf(
  database: Database,
  job: JobWithRuns,
  evaluations: readonly ScoredEvaluation[],
): Promise<ScoreLabel[]> {
  const spec = job.spec as unknown as JobSpec; // checked by jobSpecSchema before it was stored
  const noEdits = await labelNoEdits(database, job);
  const faults = await readFaults(database, job);
  const reduced = labelReduced(spec, job.plan);
  return latestOfEach(evaluations).flatMap(({ arm, scores, ...rest }) => {
    const labels = [
      arm === 'intervention' ? noEdits : null,
      arm === 'published' ? null : reduced,
      arm === 'published' ? null : labelEngine(spec),
      ...labelFaults(faults.get(arm)),
      labelShift(scoresIn(scores)),
      protocolLabel(rest.protocol as Protocol), // the worker's own
    ];
    return labels.filter((label) => label !== null).map((label) => ({ arm, ...placeOf(rest), ...label }));
  });
}

/** Of every arm and place the last evaluation. */
export function latestOfEach(evaluations: readonly ScoredEvaluation[]): ScoredEvaluation[] {
  const latest = new Map<string, ScoredEvaluation>();
  for (const evaluation of evaluations) {
    latest.set(`${evaluation.arm} ${placeKey(evaluation)}`, evaluation); // in order of steps
  }
  return [...latest.values()];
}

async function labelNoEdits(database: Database, job: JobWithRuns): Promise<Label | null> {
  const run = job.runs.find(({ arm }) => arm === 'intervention');
  if (labelEngine(job.spec as unknown as JobSpec) !== null) return null; // no step was recorded: the export has its edits
  if (!run || run.step === run.fromStep || (await totalPronounEdits(database, job.id, 'intervention')) > 0) return null;
  const detail = `no pronoun was changed in steps ${run.fromStep} to ${run.step}: this arm is a second control`;
  return { label: 'no pronoun was changed', detail };
}

/** Nothing may pass for training of this program's that was not. */
function labelEngine({ training }: JobSpec): Label | null {
  if (training.engine !== 'gpt-neox') return null;
  return {
    label: 'trained by GPT-NeoX',
    detail: 'another engine trained this arm; its scores are of imported checkpoints',
  };
}

function labelReduced(spec: JobSpec, plan: unknown): Label | null {
  const { rowsPerStep } = spec.training;
  if (rowsPerStep === 'all') return null;
  const batchSize = (plan as { batchSize?: unknown } | null)?.batchSize;
  if (batchSize === rowsPerStep) return null;
  const of = typeof batchSize === 'number' ? ` of ${batchSize}` : '';
  return { label: 'reduced batch', detail: `each step trained on the first ${rowsPerStep}${of} rows of its batch` };
}
