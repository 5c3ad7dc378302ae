// A job's log over HTTP: what the processes that worked on it have said, from whatever host.
import { Router } from 'express';
import { z } from 'zod';
import { ARMS } from '../job-spec.ts';
import { LOG_LEVELS } from '../log.ts';
import type { Database } from '../store/database.ts';
import { findJob } from '../store/jobs.ts';
import { listLogLines, MOST_LINES } from '../store/log-lines.ts';
import { limitParameter, readQuery } from './request.ts';

const LEVELS = Object.keys(LOG_LEVELS) as [keyof typeof LOG_LEVELS];

/** What GET /jobs/:id/logs takes. */
export const logQuerySchema = z.strictObject({
  level: z.enum(LEVELS).default('trace').meta({ description: 'This level and graver ones.' }),
  arm: z
    .enum([...ARMS, 'burn-in'])
    .optional()
    .meta({ description: 'Only lines of this arm, or of the burn-in.' }),
  after: z
    .string()
    .regex(/^\d{1,18}$/, 'an id of this list')
    .transform(BigInt)
    .optional()
    .meta({ description: 'Only lines behind this one: `lastId` of the answer before. Without it: the newest.' }),
  limit: limitParameter(MOST_LINES, 200),
});

/** GET /jobs/:id/logs. */
export function logRoutes(database: Database): Router {
  const router = Router();
  router.get('/jobs/:id/logs', async (request, response) => {
    const { id } = await findJob(database, request.params.id);
    const { level, arm, after, limit } = readQuery(request, logQuerySchema);
    const rows = await listLogLines(database, id, { limit, leastLevel: LOG_LEVELS[level], arm, after });
    const lines = rows.map((row) => {
      const { id, at, attempt, arm, message, details } = row;
      return { id, at, level: nameOf(row.level), attempt, arm, message, details };
    });
    response.json({ lines, lastId: String(rows.at(-1)?.id ?? after ?? 0n) });
  });
  return router;
}

/** A level between two of pino's is the lower one. */
function nameOf(level: number): string {
  return LEVELS.findLast((name) => LOG_LEVELS[name] <= level) ?? 'trace';
}
