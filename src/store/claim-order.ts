// Whose turn it is among jobs of one priority: the sweep, or the jobs of no sweep together, of which no job was begun for the longest time; within them the
// oldest. So a sweep of 500 jobs lets a job that came after it begin as the next but one, and two sweeps share the workers evenly, however long each is.
import { Prisma } from './generated/client.ts';

/** Joined to the table `job` in a claim: when a job of the same sweep, or of none, was last begun. */
export const TURNS = Prisma.sql`
  LEFT JOIN (SELECT sweep_id AS turn_of, max(started_at) AS last_begun FROM job GROUP BY sweep_id) AS turn
    ON turn.turn_of IS NOT DISTINCT FROM job.sweep_id`;

/** The order of claims. */
export const IN_TURN = Prisma.sql`job.priority DESC, turn.last_begun NULLS FIRST, job.id`;
