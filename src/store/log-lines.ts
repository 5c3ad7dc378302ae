// What the processes that work on a job log of it, kept with the job so that it can be read from anywhere: the newest lines of each job. The whole log is
// what the processes write on stderr.
import type { Database } from './database.ts';
import { asJson } from './events.ts';
import type { LogLine } from './generated/client.ts';
import { storableIn } from './records.ts';

/** Lines kept of one job. */
export const MOST_LINES = 2_000;

export interface NewLogLine {
  readonly jobId: string;
  readonly attempt: number | null;
  /** An arm, or burn-in. */
  readonly arm: string | null;
  /** pino's number. */
  readonly level: number;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly at: Date;
}

/** Appends lines of one job, in their order; lines of a job that is not there are left out. Throws TransientError. */
export async function appendLogLines(database: Database, jobId: string, lines: readonly NewLogLine[]): Promise<void> {
  await database.transaction(async (transaction) => {
    // One writer of a job at a time, so that ids are committed in their order and who asks for "after id n" misses none.
    const [job] = await transaction.$queryRaw<{ id: string }[]>`
      SELECT id FROM (SELECT pg_advisory_xact_lock(hashtextextended(${`log_line:${jobId}`}, 0))) AS locked, job WHERE id = ${jobId}::uuid`;
    if (job === undefined) return;
    await transaction.logLine.createMany({ data: lines.map(storableLine) });
    await transaction.$executeRaw`
      DELETE FROM log_line WHERE job_id = ${jobId}::uuid AND id <= (
        SELECT id FROM log_line WHERE job_id = ${jobId}::uuid ORDER BY id DESC OFFSET ${MOST_LINES} LIMIT 1)`;
  });
}

export interface LogQuery {
  readonly limit: number;
  /** pino's number of the lowest level. */
  readonly leastLevel: number;
  readonly arm?: string | undefined;
  /** Only lines behind the one with this id; without it the newest. */
  readonly after?: bigint | undefined;
}

/** Lines of a job, oldest first: those that follow `after`, or the newest. */
export async function listLogLines(database: Database, jobId: string, query: LogQuery): Promise<LogLine[]> {
  const { limit, leastLevel, arm, after } = query;
  const lines = await database.prisma.logLine.findMany({
    where: {
      ...{ jobId, level: { gte: leastLevel } },
      ...(arm !== undefined && { arm }),
      ...(after !== undefined && { id: { gt: after } }),
    },
    orderBy: { id: after === undefined ? 'desc' : 'asc' },
    take: limit,
  });
  return after === undefined ? lines.reverse() : lines;
}

function storableLine({ message, details, ...line }: NewLogLine) {
  return { ...line, message: String(storableIn(message)), details: asJson(storableIn(details)) };
}
