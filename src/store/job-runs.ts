// The runs of jobs as whoever reads a job wants to see them, and how long ago its worker was last heard of. One statement for any number of jobs, because nearly
// every request begins with a job, and through Prisma these relations take eight.
import type { Arm, ScoringSettings } from '../job-spec.ts';
import type { Database } from './database.ts';

/** A score and the job that has made it. */
export interface TakenScore {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
  readonly job: string;
  readonly name: string;
}

export interface ShownRun {
  readonly id: string;
  readonly arm: Arm;
  readonly state: string;
  readonly fromStep: number;
  readonly toStep: number;
  readonly step: number;
  /** The run whose records are its own, too, and the job that has trained it; null where it was trained by its own job. */
  readonly takenFrom: { readonly job: string; readonly name: string; readonly run: string } | null;
  /** Those that other jobs have made for it. */
  readonly takenScores: readonly TakenScore[];
}

export interface JobRuns {
  /** In the order of their making. */
  readonly runs: readonly ShownRun[];
  /** Milliseconds since its worker's last heartbeat; null when none works on it. */
  readonly heartbeatAgeMs: number | null;
}

/** Under which id its records lie. */
export function recordsIdOf({ id, takenFrom }: Pick<ShownRun, 'id' | 'takenFrom'>): string {
  return takenFrom?.run ?? id;
}

/** By the jobs' ids; of a job that is not there nothing. */
export async function readRuns(database: Database, jobIds: readonly string[]): Promise<Map<string, JobRuns>> {
  // The age by the database's clock, because the beats were stamped with it.
  const rows = await database.query<JobRuns & { id: string }>(
    `SELECT job.id::text, coalesce(runs.list, '[]') AS runs,
       CASE WHEN job.owner IS NOT NULL THEN greatest(0, round(extract(epoch FROM clock_timestamp() - job.beat_at) * 1000))::float8 END AS "heartbeatAgeMs"
     FROM job LEFT JOIN LATERAL (
       SELECT json_agg(json_build_object('id', run.id, 'arm', run.arm, 'state', run.state, 'fromStep', run.from_step, 'toStep', run.to_step, 'step', run.step,
         'takenFrom', (
           SELECT json_build_object('job', trainer.id, 'name', trainer.name, 'run', trained.id)
           FROM run AS trained JOIN job AS trainer ON trainer.id = trained.job_id WHERE trained.id = run.taken_from_id
         ),
         'takenScores', (
           SELECT coalesce(json_agg(json_build_object('benchmark', taken.benchmark, 'protocol', taken.protocol, 'settings', taken.settings::json,
             'job', scorer.id, 'name', scorer.name) ORDER BY taken.benchmark, taken.protocol, taken.settings), '[]')
           FROM taken_score AS taken JOIN run AS scored ON scored.id = taken.from_run_id JOIN job AS scorer ON scorer.id = scored.job_id
           WHERE taken.run_id = run.id
         )) ORDER BY run.id) AS list
       FROM run WHERE run.job_id = job.id
     ) AS runs ON true
     WHERE job.id = ANY ($1::uuid[])`,
    [jobIds],
  );
  return new Map(rows.map(({ id, ...job }) => [id, job]));
}
