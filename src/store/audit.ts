// Who asked for which change, append-only. A request's row is written before the change is made, so that no change is without one, and completed with the status of
// the answer; a row without a status is of a request that the server did not live to answer.
import type { Database } from './database.ts';
import type { AuditEvent } from './generated/client.ts';

export interface NewAuditEvent {
  /** Null for a server that asks for no tokens, and for the command line. */
  readonly tokenId: string | null;
  readonly caller: string;
  readonly action: string;
}

/** Appends an event; answers its id. */
export async function recordAudit(database: Database, event: NewAuditEvent): Promise<bigint> {
  return (await database.prisma.auditEvent.create({ data: event, select: { id: true } })).id;
}

/** Completes an event with the status of the answer. */
export async function completeAudit(database: Database, id: bigint, status: number): Promise<void> {
  await database.prisma.auditEvent.update({ where: { id }, data: { status }, select: { id: true } });
}

/** One page of events, newest first; `cursor` is the id of the last event of the page before. */
export async function listAudit(database: Database, limit: number, cursor: bigint | undefined): Promise<AuditEvent[]> {
  return database.prisma.auditEvent.findMany({
    ...(cursor !== undefined && { where: { id: { lt: cursor } } }),
    orderBy: { id: 'desc' },
    take: limit,
  });
}
