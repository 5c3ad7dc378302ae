// The edits of a job over HTTP: stored samples in the order of steps or drawn by a seed, sums over all of them, and counts by rule over steps.
import { Router } from 'express';
import { z } from 'zod';
import { InputError } from '../errors.ts';
import { stepsPerPoint } from '../store/curves.ts';
import type { Database } from '../store/database.ts';
import { countEdits, drawEdits, listEdits, sumEdits, type EditPlace } from '../store/edits.ts';
import { getJob, type JobWithRuns } from '../store/jobs.ts';
import { keep } from './kept-answers.ts';
import { armParameter, limitParameter, readQuery, stepParameter, textParameter } from './request.ts';

/** What GET /jobs/:id/edits takes. */
export const editQuerySchema = z.strictObject({
  arm: armParameter.default('intervention'),
  step: stepParameter.optional(),
  rule: textParameter.optional(),
  seed: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .optional()
    .meta({ description: 'Draws `limit` of the samples instead of listing them; the same seed draws the same.' }),
  cursor: z.string().max(40).optional(),
  limit: limitParameter(500, 50),
});

/** What GET /jobs/:id/edit-counts takes. */
export const editCountQuerySchema = z.strictObject({
  arm: armParameter.default('intervention'),
  points: z.coerce.number().int().min(1).max(5000).default(100).meta({
    description: 'Points at most: each is the sum over as many steps as `stepsPerPoint` says.',
  }),
});

/** GET /jobs/:id/edits and /jobs/:id/edit-counts. */
export function editRoutes(database: Database): Router {
  const router = Router();
  router.get('/jobs/:id/edits', async (request, response) => {
    const job = await getJob(database, request.params.id);
    response.json(await readEdits(database, job, readQuery(request, editQuerySchema)));
  });
  router.get('/jobs/:id/edit-counts', async (request, response) => {
    const { arm, points } = readQuery(request, editCountQuerySchema);
    const job = await getJob(database, request.params.id);
    const run = job.runs.find((one) => one.arm === arm);
    const range = { from: run?.fromStep ?? 0, to: run?.step ?? 0 };
    const width = stepsPerPoint(range, points);
    const count = () => countEdits(database, job.id, arm, range, width);
    response.json({ stepsPerPoint: width, ...(await keep(job, `edit counts ${arm} ${width}`, count)) });
  });
  return router;
}

async function readEdits(database: Database, job: JobWithRuns, query: z.output<typeof editQuerySchema>) {
  const { arm, step, rule, limit, cursor, seed } = query;
  if (seed !== undefined && cursor !== undefined)
    throw new InputError('faulty query: cursor: a drawn sample has no next page: take another seed, or leave it out');
  const which = { arm, limit, ...(step !== undefined && { step }), ...(rule !== undefined && { rule }) };
  const { edits, next } =
    seed === undefined
      ? await listEdits(database, job.id, { ...which, ...(cursor !== undefined && { after: readCursor(cursor) }) })
      : { edits: await drawEdits(database, job.id, which, seed), next: null };
  const total = () => sumEdits(database, job.id, arm, step);
  return {
    edits,
    totals: step === undefined ? await keep(job, `edits ${arm}`, total) : await total(),
    nextCursor: next && `${next.step}.${next.position}`,
  };
}

function readCursor(text: string): EditPlace {
  const [, step, position] = /^(\d{1,9})\.(\d{1,9})$/.exec(text) ?? [];
  if (step === undefined || position === undefined) throw new InputError('faulty query: cursor: not one of this list');
  return { step: Number(step), position: Number(position) };
}
