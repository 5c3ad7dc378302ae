// What happened to a job, as a list that is read and not followed (events.ts streams the same events as they come).
import { Router } from 'express';
import { z } from 'zod';
import type { Database } from '../store/database.ts';
import { EVENT_TYPES } from '../store/events.ts';
import { findJob, listAttempts } from '../store/jobs.ts';
import { listTimeline } from '../store/timeline.ts';
import { limitParameter, readQuery } from './request.ts';

/** What GET /jobs/:id/timeline takes. */
export const timelineQuerySchema = z.strictObject({
  type: z.enum(EVENT_TYPES).optional().meta({ description: 'Events of this type; default: all but steps.' }),
  cursor: z
    .string()
    .regex(/^\d{1,18}$/, 'not one of this list')
    .optional()
    .meta({ description: '`nextCursor` of the page before.' }),
  limit: limitParameter(500, 100),
});

/** GET /jobs/:id/timeline. */
export function timelineRoutes(database: Database): Router {
  const router = Router();
  router.get('/jobs/:id/timeline', async (request, response) => {
    const { type, cursor, limit } = readQuery(request, timelineQuerySchema);
    const { id } = await findJob(database, request.params.id);
    const before = cursor === undefined ? undefined : BigInt(cursor);
    const { events, next } = await listTimeline(database, id, { type, before, limit });
    response.json({
      events,
      attempts: await listAttempts(database, id),
      nextCursor: next === null ? null : String(next),
    });
  });
  return router;
}
