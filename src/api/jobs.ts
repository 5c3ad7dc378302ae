// Jobs over HTTP: submit, read, list, cancel, retry.
import { Router } from 'express';
import { z } from 'zod';
import { JOB_STATES, jobSpecSchema } from '../job-spec.ts';
import type { JobSpec } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { createJob, getJob, listJobs } from '../store/jobs.ts';
import type { JobWithRuns } from '../store/jobs.ts';
import { requestCancel } from '../store/leases.ts';
import { requestRetry } from '../store/retry.ts';
import type { Catalog } from './catalog.ts';
import { FaultyDocument } from './problem.ts';
import { idParameter, limitParameter, readBody, readQuery } from './request.ts';

const jobQuery = z.strictObject({
  state: z.enum(JOB_STATES).optional(),
  sweep: idParameter.optional(),
  cursor: idParameter.optional(),
  limit: limitParameter(200, 50),
});

/** POST and GET /jobs, GET /jobs/:id, POST /jobs/:id/cancel and retry. */
export function jobRoutes(database: Database, catalog: Catalog): Router {
  const router = Router();
  router.post('/jobs', async (request, response) => {
    const spec = readBody(request, jobSpecSchema);
    await refuseFaults(catalog, spec);
    const job = jobView(await createJob(database, { spec }));
    response.status(201).location(`/v1/jobs/${job.id}`).json({ job });
  });
  router.get('/jobs', async (request, response) => {
    const { state, sweep, cursor, limit } = readQuery(request, jobQuery);
    const query = { ...(state && { state }), ...(sweep && { sweepId: sweep }), ...(cursor && { cursor }), limit };
    const { jobs, nextCursor } = await listJobs(database, query);
    response.json({ jobs: jobs.map(jobView), nextCursor });
  });
  router.get('/jobs/:id', async (request, response) => {
    response.json(jobView(await getJob(database, request.params.id)));
  });
  router.post('/jobs/:id/cancel', async (request, response) => {
    response.status(202).json(jobView(await requestCancel(database, request.params.id)));
  });
  router.post('/jobs/:id/retry', async (request, response) => {
    response.status(202).json(jobView(await requestRetry(database, request.params.id)));
  });
  return router;
}

async function refuseFaults(catalog: Catalog, spec: JobSpec): Promise<void> {
  const faults = await catalog.checkSpec(spec);
  if (faults.length > 0) throw new FaultyDocument(faults);
}

/** A job as the API shows it. */
export function jobView(job: JobWithRuns) {
  const { id, name, state, reason, message, attempt, priority, spec, plan, progress, sweepId, sweepPoint } = job;
  const { createdAt, startedAt, finishedAt, heartbeatAgeMs } = job;
  const arms = job.runs.map(({ arm, state, fromStep, toStep, step }) => ({ arm, state, fromStep, toStep, step }));
  const times = { createdAt, startedAt, finishedAt, heartbeatAgeMs };
  const what = { id, name, state, reason, message, attempt, priority, spec, plan, progress, sweepId, sweepPoint };
  return { ...what, ...times, arms };
}
