// The append-only event table: the source of the event stream and the timeline of a job. Whoever appends holds the lock on
// the job's row (or has just made it), so that the ids of one job's events are committed in their order and a reader that
// asks for "later than id n" never misses one.
import type { Database, Transaction } from './database.ts';
import type { Prisma } from './generated/client.ts';

export const EVENT_CHANNEL = 'tiresias_event';

export type EventType =
  'state' | 'attempt' | 'step' | 'evaluation' | 'checkpoint' | 'checkpoint-damaged' | 'checkpoint-removed';

export interface JobEvent {
  readonly id: bigint;
  readonly jobId: string;
  readonly type: string;
  readonly data: unknown;
  readonly at: Date;
}

/** Appends one event and wakes the listeners when the transaction commits. The caller holds the lock on the job's row. */
export async function appendEvent(
  transaction: Transaction,
  jobId: string,
  type: EventType,
  data: Record<string, unknown>,
): Promise<void> {
  await appendEvents(transaction, jobId, type, [data]);
}

/** Appends events of one type in their order, and wakes the listeners once. The caller holds the lock on the job's row. */
export async function appendEvents(
  transaction: Transaction,
  jobId: string,
  type: EventType,
  data: readonly Record<string, unknown>[],
): Promise<void> {
  await transaction.$executeRaw`
    WITH appended AS (
      INSERT INTO event (job_id, type, data)
      SELECT ${jobId}::uuid, ${type}, one.data FROM jsonb_array_elements(${JSON.stringify(data)}::jsonb)
        WITH ORDINALITY AS one (data, place) ORDER BY one.place
      RETURNING job_id
    )
    SELECT pg_notify(${EVENT_CHANNEL}, job_id::text) FROM (SELECT DISTINCT job_id FROM appended) AS once`;
}

/** The first event of each new job; nobody can be listening yet. */
export async function appendFirstEvents(transaction: Transaction, jobIds: readonly string[]): Promise<void> {
  const data = JSON.stringify({ state: 'queued', attempt: 0 });
  await transaction.$executeRaw`
    INSERT INTO event (job_id, type, data) SELECT id, 'state', ${data}::jsonb FROM unnest(${jobIds}::uuid[]) AS id`;
}

/** The events of a job with ids above `after`, oldest first, at most `limit`. */
export async function eventsAfter(
  database: Database,
  jobId: string,
  after: bigint,
  limit: number,
): Promise<JobEvent[]> {
  return database.prisma.event.findMany({
    where: { jobId, id: { gt: after } },
    orderBy: { id: 'asc' },
    take: limit,
  });
}

/** Any value that JSON can hold, as Prisma wants it. */
export function asJson(value: unknown): Prisma.InputJsonValue {
  return value as Prisma.InputJsonValue;
}
