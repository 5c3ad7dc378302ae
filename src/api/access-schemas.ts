// What the routes of access take; apart from them, because the table of operations, which says who may do what, holds these, too.
import { z } from 'zod';
import { limitParameter } from './request.ts';

/** What POST /session takes. */
export const newSessionSchema = z
  .strictObject({ token: z.string().min(1).max(200).meta({ description: 'An API token.' }) })
  .meta({ id: 'NewSession' });

/** What GET /audit takes. */
export const auditQuerySchema = z.strictObject({
  cursor: z
    .string()
    .regex(/^\d{1,18}$/, 'a cursor is a number')
    .transform(BigInt)
    .optional()
    .meta({ description: '`nextCursor` of the page before.' }),
  limit: limitParameter(500, 50),
});
