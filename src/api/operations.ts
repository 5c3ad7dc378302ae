// Every route of the API with its parameters, bodies, answers and the scope that it asks for: access.ts, the OpenAPI document and the page of documents read it.
// A test compares its paths with the routes of the application.
import type { z } from 'zod';
import { auditQuerySchema } from './access-schemas.ts';
import { errandOperations } from './errand-operations.ts';
import { jobQuerySchema } from './jobs.ts';
import { listOf, objectOf, ref, text } from './openapi-schemas.ts';
import type { Schema } from './openapi-schemas.ts';
import { compareQuerySchema } from './compare.ts';
import { pairQuerySchema } from './compare-pair.ts';
import { logQuerySchema } from './logs.ts';
import { metricsQuerySchema } from './curves.ts';
import { editCountQuerySchema, editQuerySchema } from './edits.ts';
import { eventQuerySchema } from './events.ts';
import { comparedItemsQuerySchema, itemHistoryQuerySchema } from './items.ts';
import { idempotent, type Operation, type PathOperations } from './operation.ts';
import { itemQuerySchema, scoreCheckQuerySchema } from './results.ts';
import { sweepQuerySchema, sweepResultsQuerySchema } from './sweeps.ts';
import { timelineQuerySchema } from './timeline.ts';

const catalog = (kind: string): Operation => ({
  summary: `The ${kind} that a job can name.`,
  answer: objectOf({ [kind]: listOf(ref('CatalogEntry')) }),
});
const registering = (kind: string, what: string, body: string, answer: string): Operation => ({
  summary: `Registers ${what} as a ${kind} that a job can name.`,
  body: ref(body),
  answer: objectOf({ [kind]: ref(answer) }),
  status: 201,
  problems: [400, 422],
  scope: 'admin',
});
const ofJob = (summary: string, answer: Schema, query?: z.ZodObject): Operation => ({
  summary,
  answer,
  ...(query && { query }),
  problems: query ? [400, 404] : [404],
});
const order = (summary: string): Operation => ({
  ...{ summary, answer: ref('Job'), status: 202, problems: [404, 409] },
});
const sweepOrder = (summary: string): Operation => ({
  ...{ summary, answer: ref('Sweep'), status: 202, problems: [404, 409] },
});
const workerOrder = (summary: string): Operation => ({
  ...{ summary, answer: ref('Worker'), status: 202, problems: [404], scope: 'admin' },
});
const anyObject: Schema = { type: 'object', additionalProperties: true };
const status = objectOf({ status: text });

export const operations: Readonly<Record<string, PathOperations>> = {
  '/healthz': { get: { summary: 'Whether the process answers.', answer: status, scope: 'public' } },
  '/readyz': {
    get: { summary: 'Whether the database answers and has every migration.', answer: status, scope: 'public' },
  },
  '/metrics': {
    get: { summary: "Figures of the service in Prometheus' text format.", answer: text, mediaType: 'text/plain' },
  },
  '/v1/jobs': {
    post: {
      summary: 'Submits a job.',
      headers: idempotent,
      body: ref('JobSpec'),
      answer: objectOf({ job: ref('Job') }),
      status: 201,
      problems: [400, 409, 422],
    },
    get: {
      summary: 'Jobs, newest first unless asked otherwise.',
      answer: ref('Jobs'),
      query: jobQuerySchema,
      problems: [400, 404],
    },
  },
  '/v1/jobs/{id}': {
    get: ofJob('One job.', ref('Job')),
    patch: {
      summary: "Changes a job's name, priority or tags, or archives it.",
      headers: [
        {
          name: 'If-Match',
          description:
            'The ETag with which the job was read: changes nothing (412) when name, priority, tags or archiving have changed since. Progress does not count.',
        },
      ],
      body: ref('JobChanges'),
      answer: ref('Job'),
      problems: [400, 404, 409, 412, 422],
    },
  },
  '/v1/jobs/{id}/cancel': { post: order('Asks for the end of a job.') },
  '/v1/jobs/{id}/pause': { post: order('Asks a job to wait: one at work is saved within a step.') },
  '/v1/jobs/{id}/resume': { post: order('Queues a paused job again; it goes on from its newest checkpoints.') },
  '/v1/jobs/{id}/retry': { post: order('Queues a failed job again; it goes on from its newest checkpoints.') },
  '/v1/jobs/{id}/fork': {
    post: {
      summary: "Submits a job that starts from a checkpoint of this job's run, which is then kept for good.",
      headers: idempotent,
      body: ref('NewFork'),
      answer: objectOf({ job: ref('Job') }),
      status: 201,
      problems: [400, 404, 409, 422],
    },
  },
  '/v1/jobs/{id}/events': {
    get: {
      ...ofJob(
        'The events of a job as they happen: state, attempt, step, evaluation, checkpoint, progress.',
        text,
        eventQuerySchema,
      ),
      headers: [{ name: 'Last-Event-ID', description: 'Go on after this event.' }],
      problems: [400, 404],
      mediaType: 'text/event-stream',
    },
  },
  '/v1/jobs/{id}/logs': {
    get: ofJob(
      'What the processes that worked on a job have logged of it: the newest lines.',
      ref('JobLog'),
      logQuerySchema,
    ),
  },
  '/v1/jobs/{id}/timeline': {
    get: ofJob('What happened to a job, newest first, and its attempts.', ref('Timeline'), timelineQuerySchema),
  },
  '/v1/jobs/{id}/metrics': {
    get: ofJob(
      'The curves of every arm: all steps, or as many points as are asked for, with the extremes between them.',
      ref('Metrics'),
      metricsQuerySchema,
    ),
  },
  '/v1/jobs/{id}/scores': { get: ofJob('Scores with intervals, effects, fidelity, labels.', ref('Scores')) },
  '/v1/jobs/{id}/score-check': {
    get: ofJob(
      'The stored scores beside those that the database computes from all stored items.',
      ref('ScoreChecks'),
      scoreCheckQuerySchema,
    ),
  },
  '/v1/jobs/{id}/items': {
    get: ofJob('The values of every item of one evaluation.', ref('Items'), itemQuerySchema),
  },
  '/v1/jobs/{id}/compared-items': {
    get: ofJob(
      'Two arms side by side, item by item: sorted by change, filtered and searched.',
      ref('ComparedItems'),
      comparedItemsQuerySchema,
    ),
  },
  '/v1/jobs/{id}/item-history': {
    get: ofJob('One item with its texts, over all arms and steps.', ref('ItemHistory'), itemHistoryQuerySchema),
  },
  '/v1/jobs/{id}/edits': {
    get: ofJob('Samples of the edits made, and the sums over all of them.', ref('Edits'), editQuerySchema),
  },
  '/v1/jobs/{id}/edit-counts': {
    get: ofJob('How often each rule was used over the steps of an arm.', ref('EditCounts'), editCountQuerySchema),
  },
  '/v1/jobs/{id}/checkpoints': {
    get: ofJob('The stored checkpoints.', ref('Checkpoints')),
    post: {
      ...ofJob('Takes in a checkpoint that another engine trained for the job; a worker scores it.', ref('Job')),
      body: ref('OutsideCheckpoint'),
      status: 202,
      problems: [400, 404, 409, 422],
    },
  },
  '/v1/jobs/{id}/manifest': { get: ofJob('All that is needed to repeat the job.', anyObject) },
  '/v1/preview': {
    post: {
      summary: 'The rewritten batch of a step of a job that need not be submitted, with its edits.',
      body: ref('NewPreview'),
      answer: ref('Preview'),
      problems: [400, 422],
    },
  },
  '/v1/estimate': {
    post: {
      summary: 'What a job would take on this machine, and how small an effect it could show.',
      body: ref('NewEstimate'),
      answer: ref('Estimate'),
      problems: [400, 422],
    },
  },
  '/v1/sweeps': {
    post: {
      summary: 'Submits a job for every point of a grid, all or none.',
      headers: idempotent,
      body: ref('NewSweep'),
      answer: ref('SweepWithJobs'),
      status: 201,
      problems: [400, 409, 422],
    },
    get: {
      summary: 'Sweeps, newest first.',
      answer: objectOf({ sweeps: listOf(ref('Sweep')) }),
      query: sweepQuerySchema,
      problems: [400],
    },
  },
  '/v1/sweeps/{id}': {
    get: ofJob(
      'One sweep, its jobs in the order of the grid, and effects over replicates.',
      ref('SweepWithReplicates'),
    ),
    patch: {
      summary: "Changes a sweep's name, its limit of jobs at work, or its budget.",
      body: ref('SweepChanges'),
      answer: ref('Sweep'),
      problems: [400, 404, 409, 422],
    },
  },
  '/v1/sweeps/plan': {
    post: {
      summary: 'The points that a sweep would have, and how many trainings; nothing is submitted.',
      body: ref('NewSweep'),
      answer: ref('SweepPlan'),
      problems: [400, 422],
    },
  },
  '/v1/sweeps/{id}/points': {
    post: {
      summary: 'Adds values or replicates to a sweep: points that are not there yet become jobs.',
      headers: idempotent,
      body: ref('NewPoints'),
      answer: ref('SweepWithJobs'),
      status: 201,
      problems: [400, 404, 409, 422],
    },
  },
  '/v1/sweeps/{id}/pause': { post: sweepOrder('Begins no further jobs; those at work go on.') },
  '/v1/sweeps/{id}/resume': { post: sweepOrder('Lets a paused sweep go on.') },
  '/v1/sweeps/{id}/stop': { post: sweepOrder('Cancels the jobs that have not begun; the others run to their end.') },
  '/v1/sweeps/{id}/cancel': { post: sweepOrder('Asks for the end of every job of a sweep.') },
  '/v1/sweeps/{id}/results': {
    get: ofJob(
      "A row for each job and metric at the window's end, curves over the numeric axes, and effects over replicates; as text with `format`.",
      ref('SweepResults'),
      sweepResultsQuerySchema,
    ),
  },
  '/v1/compare': {
    get: {
      summary:
        'Jobs side by side: last scores, effects, published figures with their warnings, effects over replicates.',
      answer: ref('Comparison'),
      query: compareQuerySchema,
      problems: [400, 404],
    },
  },
  '/v1/compare/pair': {
    get: {
      summary: 'Any two arms, of one job or of two, item by item: effects a − b; 409 where no items are the same.',
      answer: ref('PairComparison'),
      query: pairQuerySchema,
      problems: [400, 404, 409],
    },
  },
  '/v1/models': {
    get: {
      summary: 'The models of the suites and registered ones; those that a job can name first.',
      answer: objectOf({ models: listOf(ref('Model')) }),
    },
    post: registering('model', 'a checkpoint folder of the server', 'NewModel', 'Model'),
  },
  '/v1/models/{name}': {
    get: {
      summary: 'One model: every checkpoint that was published or is here, and its learning rate.',
      answer: ref('ModelTraining'),
      problems: [404],
    },
  },
  ...errandOperations,
  '/v1/datasets': {
    get: catalog('datasets'),
    post: registering('dataset', 'token files of the server', 'NewDataset', 'CatalogEntry'),
  },
  '/v1/benchmarks': { get: catalog('benchmarks') },
  '/v1/policies': { get: catalog('policies') },
  '/v1/session': {
    post: {
      summary: 'Opens a session of the page for the holder of a token; the cookie is for browsers only.',
      body: ref('NewSession'),
      answer: ref('Session'),
      status: 201,
      problems: [400, 401, 422, 429],
      scope: 'public',
    },
    get: { summary: 'Whose session it is, and what changes must carry.', answer: ref('Session'), scope: 'public' },
    delete: { summary: 'Ends the session.', answer: ref('Session'), scope: 'public' },
  },
  '/v1/workers': {
    get: {
      summary: 'The workers that are at work, with their jobs.',
      answer: objectOf({ workers: listOf(ref('Worker')) }),
    },
  },
  '/v1/workers/{id}/drain': { post: workerOrder('Lets a worker end the jobs in its hands, take no other, and end.') },
  '/v1/workers/{id}/hold': { post: workerOrder('Lets a worker take no job until it is released.') },
  '/v1/workers/{id}/release': { post: workerOrder('Takes hold or drain back.') },
  '/v1/audit': {
    get: {
      summary: 'Who asked for which change, newest first.',
      answer: ref('Audit'),
      query: auditQuerySchema,
      problems: [400],
      scope: 'admin',
    },
  },
  '/v1/schemas/job': {
    get: { summary: 'JSON Schema of what POST /v1/jobs takes.', answer: anyObject, scope: 'public' },
  },
  '/v1/openapi.json': { get: { summary: 'This document.', answer: anyObject, scope: 'public' } },
  '/openapi.json': { get: { summary: 'The same.', answer: anyObject, scope: 'public' } },
  '/docs': { get: { summary: 'This document to be read.', answer: text, mediaType: 'text/html', scope: 'public' } },
};
