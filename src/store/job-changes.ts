// What may change of a job after it was submitted: nothing that its numbers depend on.
import { ConflictError, NotFoundError, PreconditionError } from '../errors.ts';
import { FINAL_STATES, type JobState } from '../job-spec.ts';
import type { Database } from './database.ts';
import { getJob, isUuid, notifyWorkers, type JobWithRuns } from './jobs.ts';

export interface JobChanges {
  readonly name?: string | undefined;
  /** Of a job that waits: from its next claim on. */
  readonly priority?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Only of a job that is over. */
  readonly archived?: boolean | undefined;
}

/** What may change of a job, as it is. */
export interface Changeable {
  readonly name: string;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly archivedAt: Date | null;
}

/**
 * Changes what is given, if the job is as expected. Throws NotFoundError, PreconditionError when it is not, and ConflictError where a job that is not over would be
 * archived.
 */
export async function changeJob(
  database: Database,
  jobId: string,
  changes: JobChanges,
  isExpected: (job: Changeable) => boolean = () => true,
): Promise<JobWithRuns> {
  if (!isUuid(jobId)) throw new NotFoundError(`there is no job ${jobId}`);
  const { name, priority, tags, archived } = changes;
  await database.transaction(async (transaction) => {
    const [job] = await transaction.$queryRaw<(Changeable & { state: JobState; now: Date })[]>`
      SELECT name, priority, tags, state, archived_at AS "archivedAt", clock_timestamp() AS now FROM job WHERE id = ${jobId}::uuid FOR NO KEY UPDATE`;
    if (!job) throw new NotFoundError(`there is no job ${jobId}`);
    if (!isExpected(job))
      throw new PreconditionError(`job ${jobId} was changed since you read it: read it again, then decide`);
    if (archived === true && !FINAL_STATES.includes(job.state))
      throw new ConflictError(`job ${jobId} is ${job.state}: only a job that is over is archived`);
    const data = {
      ...(name !== undefined && { name }),
      ...(priority !== undefined && { priority }),
      ...(tags !== undefined && { tags: [...tags] }),
      ...(archived !== undefined && { archivedAt: archived ? (job.archivedAt ?? job.now) : null }),
    };
    await transaction.job.update({ where: { id: jobId }, data, select: { id: true } });
    if (priority !== undefined && job.state === 'queued') await notifyWorkers(transaction, jobId);
  });
  return getJob(database, jobId);
}
