// How what jobs share stands, for whoever would submit another: which jobs hold claims that may be the same, and whether a claim is done or its job at work on it.
import type { Database } from './database.ts';
import { ACTIVE } from './leases.ts';
import type { BurnInRecord, Origin } from './shared-runs.ts';

/** A job that holds a claim. */
export interface EarlierJob {
  readonly spec: unknown;
  readonly plan: unknown;
  /** Without what no key depends on. */
  readonly manifest: unknown;
  /** When it first claimed something, which is after the files of its manifest were hashed and before it trained on them. */
  readonly claimedAt: Date;
}

/** What the other job must have in common with the one that is asked about. */
export interface Likeness {
  readonly model: string;
  readonly dataset: string;
  readonly backend: string;
  readonly from: number;
  readonly to: number;
}

/** Of what is alike the newest are enough: they differ in the program or the machine, if in anything. */
const MOST_HOLDERS = 12;

/** The jobs on this model, dataset and back end that hold a claim and have one end of their window in common; those that have both first, then the newest. */
export async function listHolders(database: Database, likeness: Likeness): Promise<EarlierJob[]> {
  const { model, dataset, backend, from, to } = likeness;
  const [isSameStart, isSameEnd] = ["(job.plan ->> 'from')::int = $4", "(job.plan ->> 'to')::int = $5"];
  return database.query<EarlierJob>(
    `SELECT job.spec, job.plan, claim.at AS "claimedAt",
       job.manifest - ARRAY['spec', 'plan', 'published', 'policy', 'placebo', 'burnIn'] AS manifest
     FROM (SELECT job_id, min(claimed_at) AS at FROM shared_run GROUP BY job_id) AS claim JOIN job ON job.id = claim.job_id
     WHERE job.spec ->> 'model' = $1 AND job.spec ->> 'dataset' = $2 AND job.manifest IS NOT NULL
       AND job.plan -> 'backend' ->> 'name' = $3 AND (${isSameStart} OR ${isSameEnd})
     ORDER BY (${isSameStart} AND ${isSameEnd}) DESC, job.id DESC LIMIT $6`,
    [model, dataset, backend, from, to, MOST_HOLDERS],
  );
}

export interface Standing {
  readonly key: string;
  readonly isDone: boolean;
  /** Whether its job has a worker now. */
  readonly isAtWork: boolean;
  readonly by: Origin;
  readonly burnIn: BurnInRecord | null;
}

/** How the claims of these keys stand, those there are. */
export async function standingOf(database: Database, keys: readonly string[]): Promise<Standing[]> {
  if (keys.length === 0) return [];
  const rows = await database.query<Omit<Standing, 'by'> & Origin>(
    `SELECT shared_run.key, shared_run.is_done AS "isDone", shared_run.burn_in AS "burnIn", job.id::text AS job, job.name,
       job.state IN ${ACTIVE.sql} AND job.lease_until >= clock_timestamp() AS "isAtWork"
     FROM shared_run JOIN job ON job.id = shared_run.job_id WHERE shared_run.key = ANY ($1)`,
    [keys],
  );
  return rows.map(({ job, name, ...row }) => ({ ...row, by: { job, name } }));
}
