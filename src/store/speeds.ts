// How fast jobs have trained here, by their recorded steps: what the time of the next one is estimated from.
import { settingsText, type ScoringSettings } from '../job-spec.ts';
import type { Database } from './database.ts';
import { Prisma } from './generated/client.ts';
import { SHOWN_EVALUATIONS } from './shared-runs.ts';

export interface MeasuredSpeed {
  readonly jobId: string;
  readonly model: string;
  readonly backend: string;
  /** Median of the last steps of the job's run that trained last, of one arm. */
  readonly tokensPerSecond: number;
  readonly numSteps: number;
}

/** Steps of which the median is taken, at most: the newest are the likeliest, and ten thousand take the database five milliseconds. */
const MOST_STEPS = 1_000;

/** Of the newest job with recorded steps on the back end (of any, when none is given), of `model` where there is one; undefined where nothing has trained. */
export async function findSpeed(
  database: Database,
  model: string,
  backend: string | undefined,
): Promise<MeasuredSpeed | undefined> {
  const onBackend = backend === undefined ? Prisma.sql`TRUE` : Prisma.sql`job.plan->'backend'->>'name' = ${backend}`;
  const [found] = await database.prisma.$queryRaw<MeasuredSpeed[]>`
    WITH newest AS (
      SELECT job.id, job.spec->>'model' AS model, job.plan->'backend'->>'name' AS backend, run.id AS run_id
      FROM job JOIN run ON run.job_id = job.id
      WHERE job.plan IS NOT NULL AND ${onBackend} AND EXISTS (SELECT 1 FROM step WHERE step.run_id = run.id)
      ORDER BY job.spec->>'model' = ${model} DESC, job.id DESC, run.id DESC LIMIT 1
    )
    SELECT newest.id AS "jobId", newest.model, newest.backend, count(*)::int AS "numSteps",
      percentile_cont(0.5) WITHIN GROUP (ORDER BY step.tokens_per_second) AS "tokensPerSecond"
    FROM newest JOIN LATERAL (
      SELECT tokens_per_second FROM step WHERE step.run_id = newest.run_id ORDER BY step.step DESC LIMIT ${MOST_STEPS}
    ) AS step ON true
    GROUP BY newest.id, newest.model, newest.backend`;
  return found;
}

/** The newest job that succeeded with both trained arms scored on the benchmark, of `model` where there is one. */
export async function findScored(
  database: Database,
  model: string,
  { benchmark, protocol, settings }: { benchmark: string; protocol: string; settings: ScoringSettings },
): Promise<string | undefined> {
  const [found] = await database.prisma.$queryRaw<{ id: string }[]>`
    SELECT job.id FROM job
    WHERE job.state = 'succeeded' AND 2 <= (
      SELECT count(DISTINCT run.arm) FROM run ${SHOWN_EVALUATIONS}
      WHERE run.job_id = job.id AND run.arm IN ('control', 'intervention') 
        AND evaluation.benchmark = ${benchmark} AND evaluation.protocol = ${protocol} AND evaluation.settings = ${settingsText(settings)})
    ORDER BY job.spec->>'model' = ${model} DESC, job.id DESC LIMIT 1`;
  return found?.id;
}
