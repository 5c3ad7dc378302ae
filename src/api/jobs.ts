// Jobs over HTTP: submit, read, list, change, cancel, pause, resume, retry.
import { Router } from 'express';
import { z } from 'zod';
import {
  DIRECTIONS,
  FAILURE_REASONS,
  JOB_STATES,
  jobSpecSchema,
  POLICIES,
  prioritySchema,
  tagSchema,
  tagsSchema,
} from '../job-spec.ts';
import type { JobSpec } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { changeJob } from '../store/job-changes.ts';
import { getJob, insertJobs, JOB_ORDERS, listJobs } from '../store/jobs.ts';
import type { JobWithRuns } from '../store/jobs.ts';
import { requestCancel, requestPause, requestResume } from '../store/orders.ts';
import { requestRetry } from '../store/retry.ts';
import { senderOf } from './caller.ts';
import type { Catalog } from './catalog.ts';
import { makeOncePerKey } from './idempotency.ts';
import { readIfMatch, sendJob } from './job-version.ts';
import { FaultyDocument } from './problem.ts';
import { idParameter, limitParameter, readBody, readQuery, textParameter, timeParameter } from './request.ts';

/** What GET /jobs takes. */
export const jobQuerySchema = z.strictObject({
  state: z.enum(JOB_STATES).optional(),
  reason: z.enum(FAILURE_REASONS).optional(),
  sweep: idParameter.optional(),
  tag: tagSchema.optional(),
  submittedBy: textParameter.optional().meta({ description: 'Name of the token that they were sent with.' }),
  name: textParameter.optional().meta({ description: 'Part of the name, whatever its case.' }),
  model: textParameter.optional(),
  dataset: textParameter.optional(),
  policy: z.enum(POLICIES).optional(),
  direction: z.enum(DIRECTIONS).optional(),
  forkedFrom: idParameter.optional().meta({ description: 'The job whose run they start from.' }),
  createdAfter: timeParameter.optional(),
  createdBefore: timeParameter.optional(),
  archived: z
    .enum(['no', 'only', 'all'])
    .default('no')
    .meta({ description: 'Archived jobs: left out, alone, or with the others.' }),
  sort: z
    .enum(JOB_ORDERS)
    .default('newest')
    .meta({ description: 'Order; within one name or priority the newest first.' }),
  cursor: idParameter.optional().meta({ description: '`nextCursor` of the page before: the id of its last job.' }),
  limit: limitParameter(200, 50),
});

/** What PATCH /jobs/:id takes. */
export const jobChangesSchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional(),
    priority: prioritySchema.optional().meta({ description: 'Higher is claimed earlier.' }),
    tags: tagsSchema.optional(),
    archived: z.boolean().optional().meta({ description: 'Out of the lists; only a job that is over.' }),
  })
  .meta({ id: 'JobChanges', description: 'What is given is changed; the numbers of a job depend on none of it.' });

const ORDERS = { cancel: requestCancel, pause: requestPause, resume: requestResume, retry: requestRetry } as const;

/** POST and GET /jobs, GET and PATCH /jobs/:id, POST /jobs/:id/cancel, pause, resume and retry. */
export function jobRoutes(database: Database, catalog: Catalog): Router {
  const router = Router();
  router.post('/jobs', async (request, response) => {
    const id = await makeOncePerKey(database, request, response, async () => {
      const spec = readBody(request, jobSpecSchema);
      await refuseFaults(catalog, spec);
      return async (transaction) => (await insertJobs(transaction, [{ spec, sender: senderOf(request) }]))[0]!; // one in, one out
    });
    const job = jobView(await getJob(database, id));
    response.status(201).location(`/v1/jobs/${id}`).json({ job });
  });
  router.get('/jobs', async (request, response) => {
    const { sweep: sweepId, ...query } = readQuery(request, jobQuerySchema);
    const { jobs, nextCursor } = await listJobs(database, { ...query, sweepId });
    response.json({ jobs: jobs.map(jobView), nextCursor });
  });
  router.get('/jobs/:id', async (request, response) => {
    const job = await getJob(database, request.params.id);
    sendJob(response, job, jobView(job));
  });
  router.patch('/jobs/:id', async (request, response) => {
    const changes = readBody(request, jobChangesSchema);
    const job = await changeJob(database, request.params.id, changes, readIfMatch(request));
    sendJob(response, job, jobView(job));
  });
  for (const [name, order] of Object.entries(ORDERS)) {
    router.post(`/jobs/:id/${name}`, async (request, response) => {
      response.status(202).json(jobView(await order(database, request.params['id']!))); // of the path
    });
  }
  return router;
}

/** Throws FaultyDocument for what only the files can tell. */
export async function refuseFaults(catalog: Catalog, spec: JobSpec): Promise<void> {
  const faults = await catalog.checkSpec(spec);
  if (faults.length > 0) throw new FaultyDocument(faults);
}

/** Who sent a job or a sweep, as the API shows it. */
export function senderView({ submittedBy, tokenId }: Pick<JobWithRuns, 'submittedBy' | 'tokenId'>) {
  return submittedBy === null ? null : { name: submittedBy, token: tokenId };
}

/** A job as the API shows it. */
export function jobView(job: JobWithRuns) {
  const { id, name, state, reason, message, attempt, priority, tags, spec, plan, progress, sweepId, sweepPoint } = job;
  const { start, createdAt, startedAt, finishedAt, archivedAt, heartbeatAgeMs, heldBy } = job;
  const arms = job.runs.map(({ arm, state, fromStep, toStep, step, takenFrom, takenScores }) => {
    return { arm, state, fromStep, toStep, step, takenFrom, takenScores };
  });
  const times = { createdAt, startedAt, finishedAt, archivedAt, heartbeatAgeMs, heldBy };
  const what = { id, name, state, reason, message, attempt, priority, tags, spec, plan, progress, sweepId, sweepPoint };
  return { ...what, submittedBy: senderView(job), start, ...times, arms };
}
