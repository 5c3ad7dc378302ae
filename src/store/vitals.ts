// Figures of the whole service for its operators, in a few queries that do not grow with the number of recorded steps.
import type { Database } from './database.ts';

export interface Vitals {
  readonly jobsByState: Readonly<Record<string, number>>;
  /** Attempts that have ended, by outcome; a lease that ran out is `lost`. */
  readonly attemptsByOutcome: Readonly<Record<string, number>>;
  /** How long the job that waits longest could have been taken; 0 when none waits. */
  readonly oldestQueuedSeconds: number;
  /** The longest silence of a worker that holds a job; 0 when none does. */
  readonly oldestHeartbeatSeconds: number;
  /** Of the latest steps of the arms in training. */
  readonly tokensPerSecond: number;
  readonly editsPerSecond: number;
  readonly numSteps: number;
  readonly numEvaluations: number;
  readonly databaseBytes: number;
}

type Counts = { name: string; count: bigint }[];

/** Reads them. All times are the database's. */
export async function readVitals({ prisma }: Database): Promise<Vitals> {
  const [states, outcomes, [ages], [pace], [sums]] = await Promise.all([
    prisma.$queryRaw<Counts>`SELECT state AS name, count(*) AS count FROM job GROUP BY state`,
    prisma.$queryRaw<Counts>`
      SELECT outcome AS name, count(*) AS count FROM attempt WHERE outcome IS NOT NULL GROUP BY outcome`,
    prisma.$queryRaw<{ queued: number; beat: number }[]>`
      SELECT coalesce(extract(epoch FROM max(clock_timestamp() - run_at) FILTER (WHERE state = 'queued' AND run_at <= clock_timestamp())), 0)::float8 AS queued,
             coalesce(extract(epoch FROM max(clock_timestamp() - beat_at) FILTER (WHERE state IN ('running', 'recovering', 'cancelling'))), 0)::float8 AS beat
      FROM job WHERE state IN ('queued', 'running', 'recovering', 'cancelling')`,
    prisma.$queryRaw<{ tokens: number; edits: number }[]>`
      SELECT coalesce(sum(latest.tokens), 0)::float8 AS tokens, coalesce(sum(latest.edits), 0)::float8 AS edits
      FROM run JOIN job ON job.id = run.job_id AND job.state IN ('running', 'recovering', 'cancelling')
      CROSS JOIN LATERAL (
        SELECT avg(tokens_per_second) AS tokens,
               sum(num_edits) / nullif(extract(epoch FROM max(recorded_at) - min(recorded_at)), 0) AS edits
        FROM (SELECT * FROM step WHERE run_id = run.id ORDER BY step DESC LIMIT 10) AS recent
        HAVING max(recorded_at) > clock_timestamp() - interval '5 minutes'
      ) AS latest`,
    prisma.$queryRaw<{ steps: bigint; evaluations: bigint; bytes: bigint }[]>`
      SELECT (SELECT coalesce(sum(step - from_step), 0) FROM run WHERE taken_from_id IS NULL)::bigint AS steps,
             (SELECT count(*) FROM evaluation) AS evaluations,
             pg_database_size(current_database()) AS bytes`,
  ]);
  return {
    jobsByState: counted(states),
    attemptsByOutcome: counted(outcomes),
    oldestQueuedSeconds: ages!.queued, // an aggregate is one row
    oldestHeartbeatSeconds: ages!.beat,
    tokensPerSecond: pace!.tokens,
    editsPerSecond: pace!.edits,
    numSteps: Number(sums!.steps),
    numEvaluations: Number(sums!.evaluations),
    databaseBytes: Number(sums!.bytes),
  };
}

function counted(rows: Counts): Record<string, number> {
  return Object.fromEntries(rows.map(({ name, count }) => [name, Number(count)]));
}
