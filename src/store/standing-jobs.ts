// Jobs as whoever reads them wants to see them, with their runs and how they stand. One statement for any number of jobs, because nearly every request begins with
// a job, and through Prisma these relations take nine.
import type { Arm, ScoringSettings } from '../job-spec.ts';
import type { Database } from './database.ts';
import { Prisma, type Job } from './generated/client.ts';

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

/** A job's row, without its manifest, which is long and which few want, with its runs and how it stands now. */
export type StandingJob = Omit<Job, 'manifest'> & {
  /** In the order of their making. */
  readonly runs: readonly ShownRun[];
  /** Milliseconds since its worker's last heartbeat; null when none works on it. */
  readonly heartbeatAgeMs: number | null;
  /** Id of its newest event, as text: steps, evaluations, checkpoints and changes of state each have one. */
  readonly newestEventId: string;
};

/** Under which id its records lie. */
export function recordsIdOf({ id, takenFrom }: Pick<ShownRun, 'id' | 'takenFrom'>): string {
  return takenFrom?.run ?? id;
}

const COLUMNS = Object.values(Prisma.JobScalarFieldEnum)
  .filter((name) => name !== 'manifest')
  .map((name) => `job.${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)} AS "${name}"`)
  .join(', ');

/** The jobs of these ids, those there are, in the order given. */
export async function readJobs(database: Database, ids: readonly string[]): Promise<StandingJob[]> {
  // The age by the database's clock, because the beats were stamped with it.
  const jobs = await database.query<StandingJob>(
    `SELECT ${COLUMNS}, coalesce(runs.list, '[]') AS runs,
       CASE WHEN job.owner IS NOT NULL THEN greatest(0, round(extract(epoch FROM clock_timestamp() - job.beat_at) * 1000))::float8 END AS "heartbeatAgeMs",
       coalesce((SELECT id FROM event WHERE event.job_id = job.id ORDER BY id DESC LIMIT 1), 0)::text AS "newestEventId"
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
    [ids],
  );
  const byId = new Map(jobs.map((job) => [job.id, job]));
  return ids.flatMap((id) => byId.get(id.toLowerCase()) ?? []);
}
