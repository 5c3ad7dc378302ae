// The results of a sweep: a tidy row for each job and metric at the window's end, curves over the numeric axes of its grid, and the summary
// over model seeds.
import { isPart, type Label } from '../eval/metrics.ts';
import type { Interval } from '../eval/statistics.ts';
import { REPEATED_LOOKS } from '../eval/stop-rules.ts';
import type { Database } from '../store/database.ts';
import { listExperiments, type Experiment } from '../store/experiments.ts';
import type { JobWithRuns } from '../store/jobs.ts';
import type { SweepSummary } from '../store/sweeps.ts';
import type { JobSpec, ScoringSettings } from '../job-spec.ts';
import { doseResponse, type DoseCurve, type IntervalOf, type SweepAxis } from './dose-response.ts';
import { modelSeedOf, replicateGroups, type ReplicateGroup } from '../replicates.ts';
import { placeKey, readScoresAt, type EffectRow, type PublishedRow, type Scores } from './scores.ts';

/** A score of one arm. */
export interface ArmFigure {
  readonly value: number;
  readonly standardError: number | null;
  readonly interval: Interval | null;
  readonly numItems: number;
}

export type EffectFigure = Pick<
  EffectRow,
  'value' | 'standardError' | 'interval' | 'pValue' | 'pAdjusted' | 'family' | 'test' | 'numItems' | 'note'
>;

/** One metric of one job at its window's end. */
export interface ResultRow {
  readonly job: string;
  readonly name: string;
  readonly state: string;
  /** The values of the grid and the replicate, by path. */
  readonly point: Readonly<Record<string, unknown>>;
  readonly model: string;
  readonly modelSeed: number | null;
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
  readonly metric: string;
  readonly step: number;
  /** Of the suite's own checkpoint there, scored here. */
  readonly published: ArmFigure | null;
  readonly control: ArmFigure | null;
  readonly intervention: ArmFigure | null;
  /** Intervention − control, item by item; null for perplexity, which is compared through its logarithm. */
  readonly effect: EffectFigure | null;
  /** What others published of the same model, step and metric. */
  readonly publishedFigures: readonly Pick<
    PublishedRow,
    'publishedBenchmark' | 'condition' | 'value' | 'standardError' | 'numItems' | 'warnings'
  >[];
}

export interface SweepResults {
  /** What must be read with the figures. */
  readonly labels: readonly Label[];
  readonly axes: readonly SweepAxis[];
  readonly rows: readonly ResultRow[];
  readonly doseResponse: readonly DoseCurve[];
  readonly replicates: readonly ReplicateGroup[];
}

/** The results of these jobs, in their order; of parts of scores only when asked. */
export async function sweepResults(
  database: Database,
  sweep: Pick<SweepSummary, 'axes' | 'settledPoints'>,
  jobs: readonly JobWithRuns[],
  hasParts: boolean,
): Promise<SweepResults> {
  const experiments = await listExperiments(
    database,
    jobs.map(({ id }) => id),
  );
  const axes = axesOf(sweep, experiments);
  const rows: ResultRow[] = [];
  for (const experiment of experiments) {
    rows.push(...(await rowsOf(database, experiment))); // one after another: each reads many items
  }
  return {
    labels: labelsOf(sweep),
    axes,
    rows: hasParts ? rows : rows.filter(({ metric }) => !isPart(metric)),
    doseResponse: doseResponse(experiments, axes, intervalIn(rows)),
    replicates: replicateGroups(experiments),
  };
}

function labelsOf({ settledPoints }: Pick<SweepSummary, 'settledPoints'>): Label[] {
  if (settledPoints.length === 0) return [];
  const numCancelled = settledPoints.reduce((sum, point) => sum + point.numCancelled, 0);
  const { label, detail } = REPEATED_LOOKS;
  const points = settledPoints.length === 1 ? '1 point' : `${settledPoints.length} points`;
  const jobs = numCancelled === 1 ? '1 job was' : `${numCancelled} jobs were`;
  return [{ label, detail: `${points} met a rule, ${jobs} not begun: ${detail}` }];
}

/** The paths of the points and their values in the order in which the jobs have them; the grid's come first, then those of replicates. */
function axesOf({ axes }: Pick<SweepSummary, 'axes'>, experiments: readonly Experiment[]): SweepAxis[] {
  const points = experiments.map(({ sweepPoint }) => (sweepPoint ?? {}) as Readonly<Record<string, unknown>>);
  const paths = new Set([...axes, ...points.flatMap((point) => Object.keys(point))]);
  return [...paths].map((path) => {
    const values = points.filter((point) => Object.hasOwn(point, path)).map((point) => point[path]);
    return { path, values: [...new Map(values.map((value) => [JSON.stringify(value), value])).values()] };
  });
}

async function rowsOf(database: Database, experiment: Experiment): Promise<ResultRow[]> {
  const { id, name, state } = experiment;
  const step = experiment.evaluations[0]?.step;
  if (step === undefined) return [];
  const { model } = experiment.spec as JobSpec; // checked by jobSpecSchema before it was stored
  const scores = await readScoresAt(database, { id, model, step });
  const point = (experiment.sweepPoint ?? {}) as Readonly<Record<string, unknown>>;
  const own = { job: id, name, state, point, model, modelSeed: modelSeedOf(experiment) };
  const places = new Map(scores.scores.map((row) => [figureKey(row), row]));
  return [...places].map(([key, { benchmark, protocol, settings, metric }]) => ({
    ...{ ...own, benchmark, protocol, settings, metric, step },
    ...figuresAt(key, scores),
  }));
}

type Figures = Pick<ResultRow, 'published' | 'control' | 'intervention' | 'effect' | 'publishedFigures'>;

function figuresAt(
  key: string,
  { scores, effects, published }: Pick<Scores, 'scores' | 'effects' | 'published'>,
): Figures {
  const armFigure = (arm: string): ArmFigure | null => {
    const row = scores.find((one) => one.arm === arm && figureKey(one) === key);
    if (row === undefined) return null;
    const { value, standardError, interval, numItems } = row;
    return { value, standardError, interval, numItems };
  };
  return {
    published: armFigure('published'),
    control: armFigure('control'),
    intervention: armFigure('intervention'),
    effect: effectFigure(effects.find((one) => figureKey(one) === key)),
    publishedFigures: published
      .filter((one) => figureKey(one) === key)
      .map(({ publishedBenchmark, condition, value, standardError, numItems, warnings }) => {
        return { publishedBenchmark, condition, value, standardError, numItems, warnings };
      }),
  };
}

function effectFigure(row: EffectRow | undefined): EffectFigure | null {
  if (row === undefined) return null;
  const { value, standardError, interval, pValue, pAdjusted, family, test, numItems, note } = row;
  return { value, standardError, interval, pValue, pAdjusted, family, test, numItems, note };
}

function figureKey(row: Parameters<typeof placeKey>[0] & { readonly metric: string }): string {
  return `${placeKey(row)} ${row.metric}`;
}

function intervalIn(rows: readonly ResultRow[]): IntervalOf {
  const byJob = new Map(rows.map((row) => [`${row.job} ${figureKey(row)}`, row]));
  return (jobId, arm, figure) => byJob.get(`${jobId} ${figureKey(figure)}`)?.[arm]?.interval ?? null;
}
