// Errands: work on the server's files that a user asked for, done by a child process of some server – pulling a checkpoint, verifying a model or a dataset. A row is
// the place in the queue, the lease of the server that does it, its progress, and what came of it. All times are the database's.
import { ConflictError, NotFoundError } from '../errors.ts';
import type { Database, Transaction } from './database.ts';
import { asJson } from './events.ts';
import { Prisma, type Errand } from './generated/client.ts';
import { isUuid } from './jobs.ts';
import { storableIn } from './records.ts';

export const ERRAND_KINDS = ['pull-model', 'verify-model', 'verify-dataset'] as const;
export type ErrandKind = (typeof ERRAND_KINDS)[number];

const ACTIVE_STATES = ['queued', 'running', 'cancelling'] as const;
/** interrupted: its server was stopped or is gone; a pull that is asked for again goes on where it was. */
export const ERRAND_STATES = [...ACTIVE_STATES, 'succeeded', 'failed', 'cancelled', 'interrupted'] as const;
export type ErrandState = (typeof ERRAND_STATES)[number];

export const ERRAND_REASONS = [
  'refused',
  'bad-revision',
  'wrong-data',
  'not-available',
  'in-use',
  'process-lost',
  'program',
] as const;
export type ErrandReason = (typeof ERRAND_REASONS)[number];

export interface ErrandProgress {
  /** What is counted. */
  readonly unit: 'files' | 'tensors' | 'samples' | 'index entries';
  readonly numDone: number;
  readonly numTotal: number;
  /** Of a pull, those of an earlier one with them; else null. */
  readonly doneBytes: number | null;
  readonly totalBytes: number | null;
  readonly bytesPerSecond: number | null;
  readonly secondsLeft: number | null;
  /** What it is at, or waits for. */
  readonly words: string;
}

export interface NewErrand {
  readonly kind: ErrandKind;
  readonly name: string;
  readonly step: number | null;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Who may write of a running errand. */
export interface ErrandFence {
  readonly id: string;
  readonly owner: string;
}

export interface ErrandEnd {
  readonly state: 'succeeded' | 'failed' | 'cancelled' | 'interrupted';
  readonly reason?: ErrandReason;
  readonly message?: string;
  readonly result?: Readonly<Record<string, unknown>>;
}

/** Errands that are over and kept. */
const MOST_KEPT = 200;
const ACTIVE = Prisma.sql`ARRAY[${Prisma.join([...ACTIVE_STATES])}]`;
/** One process at a time begins or claims: of two pulls of one model, which share files, the second waits. */
const LOCK = Prisma.sql`SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended('tiresias:errands', 0))) AS locked`;
export const INTERRUPTED = 'the server that did it has ended';

/** Stores an errand inside `transaction`, and forgets the oldest that are over; answers its id, or that of the same one where it is not over yet. */
export async function insertErrand(transaction: Transaction, errand: NewErrand): Promise<string> {
  const { kind, name, step, options } = errand;
  await transaction.$queryRaw(LOCK);
  await settleLost(transaction);
  const same = await transaction.errand.findFirst({
    where: { kind, name, step, state: { in: [...ACTIVE_STATES] } },
    select: { id: true },
  });
  if (same !== null) return same.id;
  await transaction.$executeRaw`
    DELETE FROM errand WHERE NOT (state = ANY (${ACTIVE})) AND id NOT IN (
      SELECT id FROM errand WHERE NOT (state = ANY (${ACTIVE})) ORDER BY created_at DESC LIMIT ${MOST_KEPT})`;
  const made = await transaction.errand.create({ data: { kind, name, step, options: asJson(options) } });
  return made.id;
}

/** Throws NotFoundError. */
export async function getErrand({ prisma }: Database, id: string): Promise<Errand> {
  const errand = isUuid(id) ? await prisma.errand.findUnique({ where: { id } }) : null;
  if (errand === null) throw new NotFoundError(`there is no errand ${id}; GET /v1/errands lists them`);
  return errand;
}

export interface ErrandQuery {
  readonly kind?: ErrandKind | undefined;
  readonly name?: string | undefined;
  readonly state?: ErrandState | undefined;
  readonly limit: number;
}

/** Errands, newest first. */
export async function listErrands({ prisma }: Database, { kind, name, state, limit }: ErrandQuery): Promise<Errand[]> {
  const where = {
    ...(kind !== undefined && { kind }),
    ...(name !== undefined && { name }),
    ...(state !== undefined && { state }),
  };
  return prisma.errand.findMany({ where, orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], take: limit });
}

/** Asks for the end of an errand: one that waits is over at once. Throws NotFoundError, or ConflictError for one that is over. */
export async function requestErrandCancel(database: Database, id: string): Promise<Errand> {
  const { id: known } = await getErrand(database, id);
  const [changed] = await database.prisma.$queryRaw<{ id: string }[]>`
    UPDATE errand SET state = CASE state WHEN 'queued' THEN 'cancelled' ELSE 'cancelling' END,
      finished_at = CASE state WHEN 'queued' THEN clock_timestamp() END
    WHERE id = ${known}::uuid AND state = ANY (${ACTIVE}) RETURNING id::text`;
  const errand = await getErrand(database, known);
  if (changed === undefined) throw new ConflictError(`the errand is over (${errand.state}) and cannot be cancelled`);
  return errand;
}

/** Takes the longest waiting errand for `leaseMs`; undefined when there is none that may begin. Errands whose server is gone are settled first. */
export async function claimErrand(database: Database, owner: string, leaseMs: number): Promise<Errand | undefined> {
  const numActive = await database.prisma.errand.count({ where: { state: { in: [...ACTIVE_STATES] } } });
  if (numActive === 0) return undefined; // mostly: servers ask once a second
  return database.transaction(async (transaction) => {
    await transaction.$queryRaw(LOCK);
    await settleLost(transaction);
    const [next] = await transaction.$queryRaw<{ id: string }[]>`
      UPDATE errand SET state = 'running', owner = ${owner}, lease_until = ${leaseEnd(leaseMs)}, started_at = clock_timestamp()
      WHERE id = (
        SELECT id FROM errand WHERE state = 'queued' AND NOT EXISTS (
          SELECT 1 FROM errand AS other
          WHERE other.state IN ('running', 'cancelling') AND other.kind = errand.kind AND other.name = errand.name)
        ORDER BY created_at, id LIMIT 1)
      RETURNING id::text`;
    return next && (await transaction.errand.findUniqueOrThrow({ where: { id: next.id } }));
  });
}

/** Renews the lease, and stores the progress; answers what the errand should be doing, or undefined when it is no longer this owner's. */
export async function beatErrand(
  { prisma }: Database,
  { id, owner }: ErrandFence,
  leaseMs: number,
  progress: ErrandProgress | undefined,
): Promise<'running' | 'cancelling' | undefined> {
  const json = progress === undefined ? null : JSON.stringify(storableIn(progress));
  const [row] = await prisma.$queryRaw<{ state: 'running' | 'cancelling' }[]>`
    UPDATE errand SET lease_until = ${leaseEnd(leaseMs)}, progress = coalesce(${json}::jsonb, progress)
    WHERE ${fenced(id, owner)} RETURNING state`;
  return row?.state;
}

/** Ends the errand; false when it is no longer this owner's. */
export async function settleErrand({ prisma }: Database, { id, owner }: ErrandFence, end: ErrandEnd): Promise<boolean> {
  const { state, reason = null, message = null, result } = end;
  const words = message === null ? null : String(storableIn(message));
  const json = result === undefined ? null : JSON.stringify(storableIn(result));
  const count = await prisma.$executeRaw`
    UPDATE errand SET state = ${state}, reason = ${reason}, message = ${words}, result = ${json}::jsonb, finished_at = clock_timestamp(), owner = NULL
    WHERE ${fenced(id, owner)}`;
  return count === 1;
}

/** What no server renews any more is over: its child process ended with the server. */
async function settleLost(transaction: Transaction): Promise<void> {
  await transaction.$executeRaw`
    UPDATE errand SET state = CASE state WHEN 'cancelling' THEN 'cancelled' ELSE 'interrupted' END,
      message = CASE state WHEN 'cancelling' THEN NULL ELSE ${INTERRUPTED} END, finished_at = clock_timestamp(), owner = NULL
    WHERE state IN ('running', 'cancelling') AND lease_until < clock_timestamp()`;
}

function fenced(id: string, owner: string): Prisma.Sql {
  return Prisma.sql`id = ${id}::uuid AND owner = ${owner} AND state IN ('running', 'cancelling')`;
}

function leaseEnd(leaseMs: number): Prisma.Sql {
  return Prisma.sql`clock_timestamp() + ${leaseMs} * interval '1 millisecond'`;
}
