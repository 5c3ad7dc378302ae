// Whose turn it is among jobs of one priority. Senders come first: of all that have a job waiting, the one of whom no job was begun for the longest time; jobs
// that came without a token are of one sender. Of that sender, the sweep, or the jobs of no sweep together, of which no job was begun for the longest time; within
// them the oldest. So 500 jobs, in a sweep or each by itself, let another's job begin as the next but one, and two sweeps share the workers evenly, however long each is.
import { Prisma } from './generated/client.ts';

/** What takes turns, as columns of `job`. */
export const TURN_OF = Prisma.sql`job.submitted_by, job.sweep_id`;

/** Joined to the table `job` in a claim: when a job of the same turn, and when one of the same sender, was last begun. */
export const TURNS = Prisma.sql`
  LEFT JOIN (
    SELECT submitted_by AS sender, sweep_id AS turn_of, max(started_at) AS last_begun,
      max(max(started_at)) OVER (PARTITION BY submitted_by) AS sender_last_begun
    FROM job GROUP BY submitted_by, sweep_id) AS turn
    ON turn.turn_of IS NOT DISTINCT FROM job.sweep_id AND turn.sender IS NOT DISTINCT FROM job.submitted_by`;

/** The order of claims. */
export const IN_TURN = Prisma.sql`
  job.priority DESC, turn.sender_last_begun NULLS FIRST, turn.last_begun NULLS FIRST, job.id`;
