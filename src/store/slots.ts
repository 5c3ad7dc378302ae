// Which jobs fit a worker: a job takes slots of one worker process and is claimed only by one that has so many free. Of small jobs one always fits what has just
// come free, so that they would starve a big one. Therefore, once the first job of a turn (claim-order.ts) has waited for long, it goes before its whole priority
// wherever it fits, and one worker takes nothing else of that priority or a lower one until it does. That is the worker with most slots: every job that fits
// any fits it, and no other ever holds, so that all others go on with what fits them. A job that fits no worker is held for nowhere.
import type { Database, Transaction } from './database.ts';
import { TURN_OF } from './claim-order.ts';
import { Prisma } from './generated/client.ts';

/** What a worker process has for the next job. */
export interface Room {
  /** The id of its row in `worker`. */
  readonly worker: string;
  readonly numSlots: number;
  readonly numFree: number;
  /** How long a job waits before slots are held for it. */
  readonly holdMs: number;
}

/** A worker that was silent for so long is not counted on; it beats at least every ten seconds. */
const isAtWork = Prisma.sql`beat_at > clock_timestamp() - interval '30 seconds'`;

/** The condition on rows of `job` that they may be taken into this room; `isOffered` is whether they may be taken at all. */
export async function whatFits(transaction: Transaction, room: Room, isOffered: Prisma.Sql): Promise<Prisma.Sql> {
  const fits = Prisma.sql`job.num_slots <= ${room.numFree}`;
  const overdue = room.numSlots === 1 ? undefined : await findOverdue(transaction, room, isOffered);
  if (overdue === undefined || (overdue.numSlots > room.numFree && !overdue.isHeldHere)) return fits;
  return Prisma.sql`(${fits} AND (job.priority > ${overdue.priority} OR job.id = ${overdue.id}::uuid))`;
}

interface Overdue {
  readonly id: string;
  readonly numSlots: number;
  readonly priority: number;
  /** Whether this worker is the one that holds slots. */
  readonly isHeldHere: boolean;
}

/** Of the jobs that this worker could ever run, the one that has waited too long, if it is the first of its turn; a lost one waits from the end of its lease on. */
async function findOverdue(
  transaction: Transaction,
  { worker, numSlots, holdMs }: Room,
  isOffered: Prisma.Sql,
): Promise<Overdue | undefined> {
  const [overdue] = await transaction.$queryRaw<Overdue[]>`
    SELECT id::text, num_slots AS "numSlots", priority, coalesce(${worker}::uuid = (
      SELECT id FROM worker WHERE "order" IS NULL AND ${isAtWork} ORDER BY num_slots DESC, started_at, id LIMIT 1), false) AS "isHeldHere"
    FROM (
      SELECT DISTINCT ON (${TURN_OF}) id, num_slots, priority,
        CASE WHEN state = 'queued' THEN run_at ELSE lease_until END AS waits_since
      FROM job WHERE ${isOffered} AND num_slots <= ${numSlots} ORDER BY ${TURN_OF}, priority DESC, id) AS first_of_turn
    WHERE num_slots > 1 AND waits_since <= clock_timestamp() - ${holdMs} * interval '1 millisecond'
    ORDER BY priority DESC, waits_since, id LIMIT 1`;
  return overdue;
}

/** The slots of the largest worker at work; 0 where there is none. */
export async function mostSlots({ prisma }: Database): Promise<number> {
  const [row] = await prisma.$queryRaw<{ most: number }[]>`
    SELECT coalesce(max(num_slots), 0)::int AS most FROM worker WHERE ${isAtWork}`;
  return row!.most; // an aggregate has one row
}
