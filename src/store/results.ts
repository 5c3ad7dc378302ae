// Reading what runs have recorded: the curves, the evaluations, the checkpoints of a job.
import { InputError } from '../errors.ts';
import { settingsText, type Arm, type ScoringSettings } from '../job-spec.ts';
import type { Database } from './database.ts';
import type { Checkpoint, Evaluation, Run, Step } from './generated/client.ts';
import { RECORDS_ID, runsByRecords, SHOWN_EVALUATIONS } from './shared-runs.ts';
import { readJobs, recordsIdOf, type ShownRun, type TakenScore } from './standing-jobs.ts';

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

export const METRIC_NAMES = Object.keys(METRICS) as (keyof typeof METRICS)[]; // the keys of a constant

const COLUMNS = Object.entries(METRICS)
  .map(([name, column]) => `'${name}', json_agg(${column})`)
  .join(', ');

/**
 * The recorded steps of every run of a job, by arm, as the JSON text of an object that has an array for each metric, in the order of steps;
 * figures that older rows lack are null. Put into columns by the database, because ten thousand rows as objects take
 * most of a second, and left as text, because whoever hands them on need not parse them.
 */
export async function readMetricTexts(database: Database, jobId: string): Promise<Map<Arm, string>> {
  const rows = await database.query<{ arm: Arm; columns: string | null }>(
    `SELECT run.arm, steps.columns FROM run LEFT JOIN LATERAL (
       SELECT json_build_object(${COLUMNS})::text AS columns
       FROM (SELECT * FROM step WHERE run_id = ${RECORDS_ID.sql} ORDER BY step) AS ordered HAVING count(*) > 0
     ) AS steps ON true
     WHERE run.job_id = $1 ORDER BY run.id`,
    [jobId],
  );
  const none = JSON.stringify(Object.fromEntries(METRIC_NAMES.map((name) => [name, []])));
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
  /** The job that trained it for this one, too. */
  readonly takenFrom: ShownRun['takenFrom'];
  /** Of a published checkpoint: what another job has scored for it. */
  readonly takenScores: readonly TakenScore[];
  /** In order. */
  readonly steps: readonly StepProof[];
  /** Those that are kept, in order. */
  readonly checkpoints: readonly Pick<Checkpoint, 'step' | 'attempt' | 'path' | 'manifestSha256' | 'origin'>[];
}

/** The manifest that a worker has stored; null where none has begun. */
export async function readManifest({ prisma }: Database, jobId: string): Promise<unknown> {
  return (await prisma.job.findUnique({ where: { id: jobId }, select: { manifest: true } }))?.manifest ?? null;
}

/** What every run of a job has left for whoever repeats it. */
export async function readProofs(database: Database, jobId: string): Promise<RunProof[]> {
  const checkpoint = { step: true, attempt: true, path: true, manifestSha256: true, origin: true } as const;
  const runs = (await readJobs(database, [jobId]))[0]?.runs ?? [];
  const recordsIds = runs.map(recordsIdOf);
  const records = await database.prisma.run.findMany({
    where: { id: { in: recordsIds } },
    select: {
      id: true,
      steps: { orderBy: { step: 'asc' }, select: PROOFS },
      checkpoints: { orderBy: { step: 'asc' }, select: checkpoint },
    },
  });
  return runs.map(({ arm, state, takenFrom, takenScores }, i) => {
    const { steps, checkpoints } = records.find(({ id }) => id === recordsIds[i])!; // of one of them
    return { arm, state, takenFrom, takenScores, steps, checkpoints };
  });
}

/** The losses of a run's recorded steps, in order, and why updates were left out; in columns, as the curves are. */
export async function readLosses(
  database: Database,
  runId: string,
): Promise<{
  readonly step: number[];
  readonly lossNats: (number | null)[];
  readonly skipped: (string | null)[];
}> {
  const rows = await database.query<Awaited<ReturnType<typeof readLosses>>>(
    `SELECT coalesce(json_agg(step ORDER BY step), '[]') AS step, coalesce(json_agg(loss_nats ORDER BY step), '[]') AS "lossNats",
       coalesce(json_agg(skipped ORDER BY step), '[]') AS skipped FROM step WHERE run_id = $1`,
    [runId],
  );
  return rows[0]!; // an aggregate is one row
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
  const found = await database.query<Omit<ScoredEvaluation, 'settings'> & { readonly settings: string }>(
    `SELECT run.arm, evaluation.step, benchmark, protocol, settings, sha256, num_items AS "numItems", scores
     FROM run ${SHOWN_EVALUATIONS.sql} WHERE run.job_id = $1 ORDER BY evaluation.step, benchmark, protocol, settings, run.arm`,
    [jobId],
  );
  return found.map(({ settings, ...evaluation }) => ({
    ...evaluation,
    settings: JSON.parse(settings) as ScoringSettings, // settingsText wrote it
  }));
}

/** One evaluation; without settings the only one of its protocol. */
export type ItemsKey = Omit<EvaluationKey, 'settings'> & { readonly settings?: ScoringSettings | undefined };

/** The items of one evaluation; undefined when there is none. Throws InputError when the settings must say which. */
export async function readItems(database: Database, jobId: string, key: ItemsKey): Promise<unknown> {
  const text = await readItemsText(database, jobId, key);
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}

/** The same as the JSON text that the database makes of it: whoever hands thousands of items on need not parse them. */
export async function readItemsText(database: Database, jobId: string, key: ItemsKey): Promise<string | undefined> {
  const { arm, step, benchmark, protocol, settings } = key;
  const found = await database.query<{ settings: string; items: string }>(
    `SELECT settings, items::text FROM run ${SHOWN_EVALUATIONS.sql}
     WHERE run.job_id = $1 AND run.arm = $2 AND evaluation.step = $3 AND benchmark = $4 AND protocol = $5 AND settings = coalesce($6, settings)
     ORDER BY settings LIMIT 2`,
    [jobId, arm, step, benchmark, protocol, settings === undefined ? null : settingsText(settings)],
  );
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
  const runs = await runsByRecords(database, jobId);
  const found = await database.prisma.checkpoint.findMany({
    where: { runId: { in: [...runs.keys()] } },
    orderBy: [{ run: { arm: 'asc' } }, { step: 'asc' }],
  });
  return found.map(({ runId, ...checkpoint }) => ({ ...checkpoint, arm: armOf(runs, runId) }));
}

function armOf(runs: ReadonlyMap<string, Run>, runId: string): Arm {
  return runs.get(runId)!.arm as Arm; // found by one of them; only arms are stored
}
