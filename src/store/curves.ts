// Curves of a job thinned by the database: buckets of equally many steps, the same for all arms, each with the mean, least and greatest
// of every figure, so that no spike is lost however few points are asked for. Buckets of one step hold the recorded figures themselves.
import type { Arm } from '../job-spec.ts';
import type { Database } from './database.ts';
import { METRICS, METRIC_NAMES } from './results.ts';
import { RECORDS_ID } from './shared-runs.ts';

type Metric = keyof typeof METRICS;
export type MetricColumns = Readonly<Record<Metric, readonly (number | null)[]>>;

export interface StepRange {
  /** The first step, and the one after the last. */
  readonly from: number;
  readonly to: number;
}

/** Figures whose extremes are of interest: those that a chart shows. */
export const EXTREMES = ['lossNats', 'learningRate', 'gradientNorm', 'tokensPerSecond', 'numEdits'] as const;
export type Extremes = Readonly<
  Record<(typeof EXTREMES)[number], Readonly<Record<'min' | 'max', readonly (number | null)[]>>>
>;

export interface ThinnedCurve {
  /** Means; `step` is a bucket's first step, `recordedAtMs` when its last was recorded. */
  readonly columns: MetricColumns;
  /** Recorded steps of each bucket. */
  readonly numSteps: readonly number[];
  readonly extremes: Extremes;
}

/** Steps of a bucket, so that the range has at most `numPoints` of them. */
export function stepsPerPoint({ from, to }: StepRange, numPoints: number): number {
  return Math.max(1, Math.ceil((to - from) / numPoints));
}

function meanOf(metric: Metric): string {
  if (metric === 'step') return 'bucket';
  if (metric === 'recordedAtMs') return `max(${METRICS.recordedAtMs})`;
  return `avg(${METRICS[metric]})::float8`;
}

const MEANS = METRIC_NAMES.map((metric) => `${meanOf(metric)} AS "${metric}"`).join(', ');
const ENDS = EXTREMES.flatMap((metric) =>
  ['min', 'max'].map((end) => `${end}(${METRICS[metric]}) AS "${end}.${metric}"`),
).join(', ');
const COLUMNS = [
  ...METRIC_NAMES,
  ...EXTREMES.flatMap((metric) => [`min.${metric}`, `max.${metric}`]),
  'numSteps',
] as const;
const AGGREGATES = COLUMNS.map((name) => `'${name}', json_agg("${name}")`).join(', ');

/** Every trained arm's curve over the range; arms without a step in it have empty columns. */
export async function readThinned(
  database: Database,
  jobId: string,
  { from, to }: StepRange,
  width: number,
): Promise<Map<Arm, ThinnedCurve>> {
  const rows = await database.query<{ arm: Arm; columns: Record<string, (number | null)[]> | null }>(
    `SELECT run.arm, thinned.columns FROM run LEFT JOIN LATERAL (
       SELECT json_build_object(${AGGREGATES}) AS columns FROM (
         SELECT ${MEANS}, ${ENDS}, count(*) AS "numSteps"
         FROM (SELECT *, $2::int + (step - $2::int) / $4::int * $4::int AS bucket FROM step
               WHERE run_id = ${RECORDS_ID.sql} AND step >= $2::int AND step < $3::int) AS placed
         GROUP BY bucket ORDER BY bucket) AS buckets HAVING count(*) > 0
     ) AS thinned ON true
     WHERE run.job_id = $1 ORDER BY run.id`,
    [jobId, from, to, width],
  );
  return new Map(rows.map(({ arm, columns }) => [arm, curveOf(columns ?? {})]));
}

function curveOf(found: Readonly<Record<string, readonly (number | null)[]>>): ThinnedCurve {
  const column = (name: string) => found[name] ?? [];
  const ends = (metric: string) => ({ min: column(`min.${metric}`), max: column(`max.${metric}`) });
  return {
    columns: Object.fromEntries(METRIC_NAMES.map((name) => [name, column(name)])) as unknown as MetricColumns, // of all names
    numSteps: column('numSteps').map(Number),
    extremes: Object.fromEntries(EXTREMES.map((metric) => [metric, ends(metric)])) as unknown as Extremes, // of all names
  };
}
