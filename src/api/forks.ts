// A fork: a new job that starts from a checkpoint of another job's run, with that job's spec but for what is changed.
import { Router } from 'express';
import { z } from 'zod';
import { InputError, NotFoundError } from '../errors.ts';
import { jobSpecSchema, TRAINED_ARMS, type JobSpec } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { findStart, pinStart } from '../store/forks.ts';
import { getJob, insertJobs, type JobWithRuns, type StartOfFork } from '../store/jobs.ts';
import { senderOf } from './caller.ts';
import type { Catalog } from './catalog.ts';
import { makeOncePerKey } from './idempotency.ts';
import { jobView } from './jobs.ts';
import { faultsOf, FaultyDocument, type Fault } from './problem.ts';
import { readBody } from './request.ts';

export const forkSchema = z
  .strictObject({
    arm: z.enum(TRAINED_ARMS).meta({ description: 'Whose run it goes on from.' }),
    step: z
      .int()
      .min(0)
      .max(999_999_999)
      .optional()
      .meta({ description: 'A step of which the run keeps a checkpoint; default: the newest.' }),
    changes: z.record(z.string(), z.unknown()).default({}).meta({
      description:
        "Fields of the JobSpec that differ from the job's, as a JSON merge patch (RFC 7396); model, checkpoint and window.finalFraction are given by the fork.",
    }),
  })
  .meta({ id: 'NewFork' });

/** POST /jobs/:id/fork. */
export function forkRoutes(database: Database, catalog: Catalog): Router {
  const router = Router();
  router.post('/jobs/:id/fork', async (request, response) => {
    const fork = readBody(request, forkSchema);
    const parent = await getJob(database, request.params.id);
    const id = await makeOncePerKey(database, request, response, async () => {
      const start = await findStart(database, parent.id, fork.arm, fork.step).catch((error: unknown) => {
        throw error instanceof NotFoundError ? new InputError(error.message, { pointer: '/step' }) : error;
      });
      const spec = specOfFork(parent, start, fork.changes);
      const faults = await catalog.checkSpec(spec, start);
      if (faults.length > 0) throw new FaultyDocument(faults.map(inChanges));
      return async (transaction) => {
        await pinStart(transaction, start);
        const [made] = await insertJobs(transaction, [{ spec, start, sender: senderOf(request) }]);
        return made!; // one in, one out
      };
    });
    const job = jobView(await getJob(database, id));
    response.status(201).location(`/v1/jobs/${id}`).json({ job });
  });
  return router;
}

const FIXED = ['model', 'checkpoint'] as const;

function specOfFork(
  parent: JobWithRuns,
  { arm, step }: StartOfFork,
  changes: Readonly<Record<string, unknown>>,
): JobSpec {
  const faults: Fault[] = FIXED.filter((field) => Object.hasOwn(changes, field)).map((field) => ({
    pointer: `/changes/${field}`,
    detail: 'a fork has the model and the step of its checkpoint',
  }));
  if (faults.length > 0) throw new FaultyDocument(faults);
  const spec = parent.spec as unknown as JobSpec; // checked by jobSpecSchema before it was stored
  const end = (parent.plan as { to?: number } | null)?.to;
  const own = {
    ...spec,
    name: `${parent.name}, from ${arm} at step ${step}`.slice(0, 200),
    checkpoint: `step${step}`,
    window: end === undefined ? {} : { to: end },
    // The checkpoint has its moments; how the parent got some no longer matters.
    training: { ...spec.training, resume: 'auto', burnInSteps: 'auto' },
  };
  const { window, ...rest } = changes;
  // `to` and `steps` exclude each other, so a window that is given replaces the whole.
  const patched = { ...(mergePatch(own, rest) as object), ...(window !== undefined && { window }) };
  const parsed = jobSpecSchema.safeParse(patched);
  if (!parsed.success) throw new FaultyDocument(faultsOf(parsed.error).map(inChanges));
  return parsed.data;
}

function inChanges({ pointer, detail }: Fault): Fault {
  return { pointer: `/changes${pointer}`, detail };
}

/** RFC 7396: objects are merged field by field, null removes a field, all else replaces. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
