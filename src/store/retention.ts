// Which checkpoints may be removed of jobs that are over. What a fork starts from, what was trained outside, and everything of a job that is not over is never among
// them; of a failed job the newest of each run stays, because a retry goes on from it. A row goes before its files.
import { FINAL_STATES, type JobState } from '../job-spec.ts';
import type { Database } from './database.ts';
import { appendEvent } from './events.ts';
import { Prisma } from './generated/client.ts';

/** promised: what training itself keeps, the newest `keepCheckpoints` of each run and all that were scored; evaluated: the newest and all that were scored. */
export const KEEPING = ['promised', 'evaluated', 'newest', 'none'] as const;
export type Keeping = (typeof KEEPING)[number];

export interface RemovableCheckpoint {
  readonly jobId: string;
  readonly runId: string;
  readonly arm: string;
  readonly step: number;
  readonly path: string;
  readonly sizeBytes: number;
}

const FINAL = Prisma.sql`ARRAY[${Prisma.join([...FINAL_STATES])}]`;
/** What else keeps a checkpoint; of `checkpoint`, `run` and `job`. */
const NEEDED = Prisma.sql`checkpoint.is_pinned OR checkpoint.origin IS NOT NULL OR EXISTS (
  SELECT 1 FROM run AS taker JOIN job AS other ON other.id = taker.job_id
  WHERE taker.taken_from_id = run.id AND NOT (other.state = ANY (${FINAL})))`;

/** Whether a job that is not over starts from the burn-in of `job`. */
const IS_LENT = Prisma.sql`EXISTS (
  SELECT 1 FROM job AS other
  WHERE NOT (other.state = ANY (${FINAL})) AND other.manifest -> 'burnIn' -> 'takenFrom' ->> 'job' = job.id::text)`;

/** Of jobs that ended more than `endedMs` ago, oldest job first. */
export async function removableCheckpoints(
  { prisma }: Database,
  keeping: Keeping,
  endedMs: number,
): Promise<RemovableCheckpoint[]> {
  const isScored = Prisma.sql`coalesce(job.plan -> 'evaluateAt', '[]') @> to_jsonb(checkpoint.step)`;
  const isKept = {
    promised: Prisma.sql`place <= coalesce((job.plan ->> 'keepCheckpoints')::int, 1) OR ${isScored}`,
    evaluated: Prisma.sql`place = 1 OR ${isScored}`,
    newest: Prisma.sql`place = 1`,
    none: Prisma.sql`place = 1 AND job.state = 'failed'`,
  }[keeping];
  const rows = await prisma.$queryRaw<(Omit<RemovableCheckpoint, 'sizeBytes'> & { sizeBytes: bigint })[]>`
    SELECT job.id::text AS "jobId", run.id::text AS "runId", run.arm, checkpoint.step, checkpoint.path, checkpoint.size_bytes AS "sizeBytes"
    FROM (SELECT *, rank() OVER (PARTITION BY run_id ORDER BY step DESC) AS place FROM checkpoint) AS checkpoint
    JOIN run ON run.id = checkpoint.run_id JOIN job ON job.id = run.job_id
    WHERE ${isOver(endedMs)} AND NOT (${isKept}) AND NOT (${NEEDED})
    ORDER BY job.finished_at, run.id, checkpoint.step`;
  return rows.map(({ sizeBytes, ...row }) => ({ ...row, sizeBytes: Number(sizeBytes) })); // far below 2^53
}

/** Forgets a checkpoint whose files are about to be removed, and says so in the job's events; false when it is needed, or gone, by now. */
export async function forgetRemovable(database: Database, checkpoint: RemovableCheckpoint): Promise<boolean> {
  const { jobId, runId, arm, step, sizeBytes } = checkpoint;
  return database.transaction(async (transaction) => {
    const [job] = await transaction.$queryRaw<{ state: JobState }[]>`
      SELECT state FROM job WHERE id = ${jobId}::uuid FOR NO KEY UPDATE`;
    if (job === undefined || !FINAL_STATES.includes(job.state)) return false;
    const count = await transaction.$executeRaw`
      DELETE FROM checkpoint USING run, job
      WHERE run.id = checkpoint.run_id AND job.id = run.job_id AND checkpoint.run_id = ${runId}::uuid AND checkpoint.step = ${step}
        AND NOT (${NEEDED})`;
    if (count === 0) return false;
    await appendEvent(transaction, jobId, 'checkpoint-removed', { arm, step, sizeBytes });
    return true;
  });
}

/** Does the work while the job is kept from being taken up again; false when it, or a job that starts from its burn-in, is not over: nothing was done then. */
export async function whileOver(database: Database, jobId: string, work: () => Promise<void>): Promise<boolean> {
  return database.transaction(async (transaction) => {
    const [job] = await transaction.$queryRaw<{ state: JobState; isLent: boolean }[]>`
      SELECT state, ${IS_LENT} AS "isLent" FROM job WHERE id = ${jobId}::uuid FOR NO KEY UPDATE`;
    if (job === undefined || !FINAL_STATES.includes(job.state) || job.isLent) return false;
    await work();
    return true;
  });
}

/** Of these jobs, those that ended more than `endedMs` ago, each with the checkpoints in its folder; their rows may be another job's by now. */
export async function foldersOfEnded(
  { prisma }: Database,
  jobIds: readonly string[],
  endedMs: number,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const rows = await prisma.$queryRaw<{ id: string; paths: string[] }[]>`
    SELECT job.id::text, array_remove(array_agg(checkpoint.path), NULL) AS paths
    FROM job LEFT JOIN checkpoint ON substring(checkpoint.path FROM '.*/jobs/([0-9a-f-]{36})/') = job.id::text
    WHERE job.id = ANY (${jobIds}::uuid[]) AND ${isOver(endedMs)} AND NOT ${IS_LENT} GROUP BY job.id`;
  return new Map(rows.map(({ id, paths }) => [id, new Set(paths)]));
}

/** The datasets of the jobs that are not over: what is kept of them is in use. */
export async function datasetsInUse({ prisma }: Database): Promise<ReadonlySet<string>> {
  const rows = await prisma.$queryRaw<{ dataset: string }[]>`
    SELECT DISTINCT spec ->> 'dataset' AS dataset FROM job WHERE NOT (job.state = ANY (${FINAL}))`;
  return new Set(rows.map(({ dataset }) => dataset));
}

/** Lets one process at a time do the work, of all that share the database; undefined when another one is at it. */
export async function asOnlyCleaner<T>({ pool }: Database, work: () => Promise<T>): Promise<T | undefined> {
  const client = await pool.connect();
  const key = `hashtextextended('tiresias:clean', 0)`;
  try {
    const { rows } = await client.query<{ locked: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS locked`);
    if (rows[0]?.locked !== true) return undefined;
    try {
      return await work();
    } finally {
      await client.query(`SELECT pg_advisory_unlock(${key})`);
    }
  } finally {
    client.release();
  }
}

function isOver(endedMs: number): Prisma.Sql {
  return Prisma.sql`job.state = ANY (${FINAL}) AND job.finished_at < clock_timestamp() - ${endedMs} * interval '1 millisecond'`;
}
