// Reading what runs have recorded: the curves, the evaluations, the checkpoints of a job.
import { InputError } from '../errors.ts';
import { settingsText, type Arm, type ScoringSettings } from '../job-spec.ts';
import type { Database } from './database.ts';
import type { Checkpoint, Evaluation, Step } from './generated/client.ts';

/** Figures of a step and the columns that hold them. */
export const METRICS = {
  step: 'step',
  lossNats: 'loss_nats',
  learningRate: 'learning_rate',
  gradientNorm: 'gradient_norm',
  tokensPerSecond: 'tokens_per_second',
  numRows: 'num_rows',
  numEdits: 'num_edits',
  numRowsChanged: 'num_rows_changed',
  replayMs: 'replay_ms',
  rewriteMs: 'rewrite_ms',
  rssBytes: 'rss_bytes',
  tensorBytes: 'tensor_bytes',
  recordedAtMs: '(extract(epoch FROM recorded_at)::float8 * 1000)::bigint',
} as const;

export type Metric = keyof typeof METRICS;
export const METRIC_NAMES = Object.keys(METRICS) as Metric[]; // the keys of a constant
/** Columns of equal length, in order of steps. Figures that older rows lack are null. */
export type MetricColumns = Readonly<Record<Metric, readonly (number | null)[]>>;

const COLUMNS = Object.entries(METRICS)
  .map(([name, column]) => `'${name}', json_agg(${column})`)
  .join(', ');

/** The recorded steps of every run of a job, by arm: put into columns by the database, because ten thousand rows as objects take most of a second. */
export async function readMetrics({ pool }: Database, jobId: string): Promise<Map<Arm, MetricColumns>> {
  const { rows } = await pool.query<{ arm: Arm; columns: MetricColumns | null }>(
    `SELECT run.arm, steps.columns FROM run LEFT JOIN LATERAL (
       SELECT json_build_object(${COLUMNS}) AS columns
       FROM (SELECT * FROM step WHERE run_id = run.id ORDER BY step) AS ordered HAVING count(*) > 0
     ) AS steps ON true
     WHERE run.job_id = $1 ORDER BY run.id`,
    [jobId],
  );
  const none = Object.fromEntries(METRIC_NAMES.map((name) => [name, []])) as unknown as MetricColumns;
  return new Map(rows.map(({ arm, columns }) => [arm, columns ?? none]));
}

const PROOFS = {
  step: true,
  attempt: true,
  numRows: true,
  sha256Before: true,
  sha256After: true,
  numEdits: true,
  lossNats: true,
  gradientNorm: true,
  learningRate: true,
} as const;

export type StepProof = Pick<Step, keyof typeof PROOFS>;
export const PROOF_NAMES = Object.keys(PROOFS) as (keyof StepProof)[]; // the keys of a constant

export interface RunProof {
  readonly arm: Arm;
  readonly state: string;
  /** In order. */
  readonly steps: readonly StepProof[];
  /** Those that are kept, in order. */
  readonly checkpoints: readonly Pick<Checkpoint, 'step' | 'attempt' | 'path' | 'manifestSha256' | 'origin'>[];
}

/** What every run of a job has left for whoever repeats it. */
export async function readProofs(database: Database, jobId: string): Promise<RunProof[]> {
  const checkpoint = { step: true, attempt: true, path: true, manifestSha256: true, origin: true } as const;
  const runs = await database.prisma.run.findMany({
    where: { jobId },
    orderBy: { id: 'asc' },
    select: {
      ...{ arm: true, state: true, steps: { orderBy: { step: 'asc' }, select: PROOFS } },
      checkpoints: { orderBy: { step: 'asc' }, select: checkpoint },
    },
  });
  return runs.map(({ arm, ...run }) => ({ ...run, arm: arm as Arm })); // only arms are stored
}

/** The losses of a run's recorded steps, in order, and why updates were left out; in columns, as the curves are. */
export async function readLosses(
  { pool }: Database,
  runId: string,
): Promise<{
  readonly step: number[];
  readonly lossNats: (number | null)[];
  readonly skipped: (string | null)[];
}> {
  const { rows } = await pool.query<{ step: number[]; lossNats: (number | null)[]; skipped: (string | null)[] }>(
    `SELECT coalesce(json_agg(step), '[]') AS step, coalesce(json_agg(loss_nats), '[]') AS "lossNats", coalesce(json_agg(skipped), '[]') AS skipped
     FROM (SELECT step, loss_nats, skipped FROM step WHERE run_id = $1 ORDER BY step) AS ordered`,
    [runId],
  );
  return rows[0]!; // an aggregate has one row
}

export interface EvaluationKey {
  readonly arm: Arm;
  readonly step: number;
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
}

export type ScoredEvaluation = EvaluationKey & Pick<Evaluation, 'sha256' | 'numItems' | 'scores'>;

/** Every evaluation of a job without its items, by step, then benchmark, protocol, settings and arm. */
export async function listEvaluations(database: Database, jobId: string): Promise<ScoredEvaluation[]> {
  const found = await database.prisma.evaluation.findMany({
    where: { run: { jobId } },
    orderBy: [{ step: 'asc' }, { benchmark: 'asc' }, { protocol: 'asc' }, { settings: 'asc' }, { run: { arm: 'asc' } }],
    omit: { items: true },
    include: { run: { select: { arm: true } } },
  });
  return found.map(({ run, settings, ...evaluation }) => ({
    ...evaluation,
    arm: run.arm as Arm, // only arms are stored
    settings: JSON.parse(settings) as ScoringSettings, // settingsText wrote it
  }));
}

/** One evaluation; without settings the only one of its protocol. */
export type ItemsKey = Omit<EvaluationKey, 'settings'> & { readonly settings?: ScoringSettings | undefined };

/** The items of one evaluation; undefined when there is none. Throws InputError when the settings must say which. */
export async function readItems(database: Database, jobId: string, key: ItemsKey): Promise<unknown> {
  const { arm, step, benchmark, protocol, settings } = key;
  const found = await database.prisma.evaluation.findMany({
    where: { run: { jobId, arm }, step, benchmark, protocol, ...(settings && { settings: settingsText(settings) }) },
    select: { settings: true, items: true },
    take: 2,
  });
  if (found.length > 1) {
    const known = found.map((one) => one.settings).join(' and ');
    throw new InputError(`${benchmark} was scored by ${protocol} with several settings: name one, such as ${known}`);
  }
  return found[0]?.items;
}

/** The stored checkpoints of a job, by arm and step. */
export async function listJobCheckpoints(
  database: Database,
  jobId: string,
): Promise<(Omit<Checkpoint, 'runId'> & { arm: Arm })[]> {
  const found = await database.prisma.checkpoint.findMany({
    where: { run: { jobId } },
    orderBy: [{ run: { arm: 'asc' } }, { step: 'asc' }],
    omit: { runId: true },
    include: { run: { select: { arm: true } } },
  });
  return found.map(({ run, ...checkpoint }) => ({ ...checkpoint, arm: run.arm as Arm })); // only arms are stored
}
