// What happened to a job, to be read: its events but for the steps, newest first.
import type { Database } from './database.ts';
import type { JobEvent } from './events.ts';

export interface TimelineQuery {
  /** Of this type; default: all but steps, of which there are thousands. */
  readonly type?: string | undefined;
  /** Before this event. */
  readonly before?: bigint | undefined;
  readonly limit: number;
}

/** One page of a job's events, newest first; `next` is the event to go on before, null on the last page. */
export async function listTimeline(
  database: Database,
  jobId: string,
  { type, before, limit }: TimelineQuery,
): Promise<{ events: Omit<JobEvent, 'jobId'>[]; next: bigint | null }> {
  const found = await database.prisma.event.findMany({
    where: { jobId, type: type ?? { not: 'step' }, ...(before !== undefined && { id: { lt: before } }) },
    orderBy: { id: 'desc' },
    take: limit + 1,
    omit: { jobId: true },
  });
  const events = found.slice(0, limit);
  return { events, next: found.length > limit ? (events.at(-1)?.id ?? null) : null };
}
