// Sweeps over HTTP: a base spec and a grid of values by dotted path become jobs, all or none; more points later; orders for the whole; results.
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { InputError } from '../errors.ts';
import { jobSpecSchema, type JobSpec } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { listExperiments } from '../store/experiments.ts';
import { listJobs, type JobWithRuns } from '../store/jobs.ts';
import { cancelSweep, limitSweep, pauseSweep, resumeSweep, stopSweep } from '../store/sweep-orders.ts';
import { addPoints, getSweep, insertSweep, listSweeps, type SweepLimits, type SweepSummary } from '../store/sweeps.ts';
import { senderOf } from './caller.ts';
import type { Catalog } from './catalog.ts';
import { makeOncePerKey } from './idempotency.ts';
import { jobView, senderView } from './jobs.ts';
import { FaultyDocument, pointerOf } from './problem.ts';
import { replicateGroups, trainingKey } from '../replicates.ts';
import { mayShare } from '../shared-keys.ts';
import { limitParameter, readBody, readQuery } from './request.ts';
import { resultTable, TABLE_FORMATS, TABLE_TYPES } from './result-tables.ts';
import {
  axesOf,
  enlargedAxes,
  MAX_POINTS,
  pointsSchema,
  sweepChangesSchema,
  sweepSchema,
  withAxes,
  type PointsDocument,
  type SweepDocument,
} from './sweep-document.ts';
import { expand } from './sweep-points.ts';
import { sweepResults } from './sweep-results.ts';

/** What GET /sweeps takes. */
export const sweepQuerySchema = z.strictObject({ limit: limitParameter(200, 50) });

/** What GET /sweeps/:id/results takes. */
export const sweepResultsQuerySchema = z.strictObject({
  parts: z.enum(['no', 'yes']).default('no').meta({ description: 'Whether rows of parts of scores are there, too.' }),
  format: z
    .enum(['json', ...TABLE_FORMATS])
    .default('json')
    .meta({ description: 'The others have the rows alone, as text.' }),
  digits: z.coerce
    .number()
    .int()
    .min(1)
    .max(17)
    .optional()
    .meta({ description: 'Of the numbers in text; all that they have when left out.' }),
});

const ORDERS = { pause: pauseSweep, resume: resumeSweep, stop: stopSweep, cancel: cancelSweep } as const;

/** POST and GET /sweeps, POST /sweeps/plan, GET and PATCH /sweeps/:id, its points, results and orders. */
export function sweepRoutes(database: Database, catalog: Catalog): Router {
  const router = Router();
  router.post('/sweeps', async (request, response) => {
    const id = await makeOncePerKey(database, request, response, async () => {
      const document = readBody(request, sweepSchema);
      const points = await expand({ document, axes: axesOf(document), trainingsThere: new Set() }, catalog);
      const { grid, maxParallel = null, budget = null } = document;
      const sweep = {
        name: nameOf(document),
        spec: document,
        axes: Object.keys(grid),
        stop: document.stop ?? null,
        points,
        sender: senderOf(request),
      };
      return (transaction) => insertSweep(transaction, { ...sweep, maxParallel, ...budgetRow(budget) });
    });
    await answerMade(database, response, id);
  });
  router.post('/sweeps/plan', async (request, response) => {
    const document = readBody(request, sweepSchema);
    const points = await expand({ document, axes: axesOf(document), trainingsThere: new Set() }, catalog);
    const specs = points.map(({ spec }) => spec);
    response.json({
      ...{ name: nameOf(document), points: points.map(({ name, point }) => ({ name, point })) },
      ...countTrainings(specs),
    });
  });
  router.get('/sweeps', async (request, response) => {
    const { limit } = readQuery(request, sweepQuerySchema);
    response.json({ sweeps: (await listSweeps(database, limit)).map(sweepView) });
  });
  router.get('/sweeps/:id', async (request, response) => {
    const answer = await withJobs(database, await getSweep(database, request.params.id));
    const experiments = await listExperiments(
      database,
      answer.jobs.map(({ id }) => id),
    );
    response.json({ ...answer, replicates: replicateGroups(experiments) });
  });
  router.patch('/sweeps/:id', async (request, response) => {
    const { name, maxParallel, budget } = readBody(request, sweepChangesSchema);
    const changes = {
      ...(name !== undefined && { name }),
      ...(maxParallel !== undefined && { maxParallel }),
      ...(budget !== undefined && budgetChanges(budget)),
    };
    await limitSweep(database, request.params.id, changes);
    response.json(sweepView(await getSweep(database, request.params.id)));
  });
  router.post('/sweeps/:id/points', (request, response) => addToSweep(database, catalog, request, response));
  router.get('/sweeps/:id/results', async (request, response) => {
    const { parts, format, digits } = readQuery(request, sweepResultsQuerySchema);
    if (format === 'json' && digits !== undefined)
      throw new InputError('faulty query: digits: JSON has all; take a format of text');
    const sweep = await getSweep(database, request.params.id);
    const results = await sweepResults(database, sweep, await jobsOf(database, sweep.id), parts === 'yes');
    if (format === 'json') response.json({ sweep: sweepView(sweep), ...results });
    else response.type(TABLE_TYPES[format]).send(resultTable(results, format, digits));
  });
  for (const [name, order] of Object.entries(ORDERS)) {
    router.post(`/sweeps/:id/${name}`, async (request, response) => {
      const id = request.params['id']!; // of the path
      await order(database, id);
      response.status(202).json(sweepView(await getSweep(database, id)));
    });
  }
  return router;
}

/** A sweep as the API shows it. */
function sweepView(sweep: SweepSummary) {
  const { id, name, state, message, spec, axes, maxParallel, budgetSteps, budgetHours, stop, createdAt } = sweep;
  const { steps, hours, heldBy, numJobs, jobsByState } = sweep;
  const budget = budgetSteps === null && budgetHours === null ? null : { steps: budgetSteps, hours: budgetHours };
  const settled = sweep.settledPoints.map(({ point, rule, found, numCancelled, settledAt }) => {
    return { point: JSON.parse(point) as unknown, rule, found, numCancelled, settledAt }; // a look wrote it
  });
  const limits = { maxParallel, budget, used: { steps, hours }, heldBy, stop, settled };
  const what = { id, name, state, message, spec, axes, ...limits, submittedBy: senderView(sweep) };
  return { ...what, createdAt, numJobs, jobsByState };
}

function nameOf({ name, grid, replicates }: SweepDocument): string {
  return name ?? [...Object.keys(grid), ...(replicates ? ['replicates'] : [])].join(' × ').slice(0, 200);
}

function budgetRow(budget: SweepDocument['budget'] | null): Omit<SweepLimits, 'maxParallel'> {
  return { budgetSteps: budget?.steps ?? null, budgetHours: budget?.hours ?? null };
}

type BudgetChanges = z.output<typeof sweepChangesSchema>['budget'];

function budgetChanges(budget: NonNullable<BudgetChanges> | null): Partial<SweepLimits> {
  if (budget === null) return budgetRow(null);
  const { steps, hours } = budget;
  return { ...(steps !== undefined && { budgetSteps: steps }), ...(hours !== undefined && { budgetHours: hours }) };
}

/** The trainings of jobs each by itself, and those that are left when they take controls over from each other. */
function countTrainings(specs: readonly JobSpec[]) {
  const numTrainings = specs.reduce((sum, { arms }) => sum + arms.filter((arm) => arm !== 'published').length, 0);
  const controlled = specs.filter(({ arms }) => arms.includes('control'));
  const sharing = controlled.filter((spec) => mayShare(spec, spec.backend === 'auto' ? 'wasm' : spec.backend)); // which it will be counts only where it is tensorflow
  const numShared = sharing.length - new Set(sharing.map(controlKey)).size;
  const numDistinctControls = new Set(controlled.map(controlKey)).size;
  return { numTrainings, numDistinctControls, numTrainingsIfShared: numTrainings - numShared };
}

/** Equal for jobs whose controls must be the same: whatever they rewrite. */
function controlKey(spec: JobSpec): string {
  return trainingKey({ ...spec, intervention: jobSpecSchema.shape.intervention.parse({}), arms: ['control'] });
}

async function addToSweep(database: Database, catalog: Catalog, request: Request, response: Response): Promise<void> {
  const id = await makeOncePerKey(database, request, response, async () => {
    const added = readBody(request, pointsSchema);
    const sweep = await getSweep(database, String(request.params['id']));
    const stored = sweep.spec as SweepDocument; // sweepSchema checked it
    refuseNewPaths(stored, added);
    const axes = enlargedAxes(stored, sweep.axes, added);
    const jobs = await jobsOf(database, sweep.id);
    const trainingsThere = new Set(jobs.map(({ spec }) => trainingKey(spec as unknown as JobSpec))); // checked before it was stored
    const points = await expand({ document: stored, axes, trainingsThere }, catalog);
    if (points.length === 0) {
      throw new FaultyDocument([
        { pointer: '', detail: 'the sweep has all these points: give another value, or another model seed' },
      ]);
    }
    const isCurrent = (spec: unknown) => JSON.stringify(spec) === JSON.stringify(sweep.spec);
    return async (transaction) => {
      await addPoints(transaction, sweep.id, {
        ...{ spec: withAxes(stored, axes), points, isCurrent },
        sender: senderOf(request),
      });
      return sweep.id;
    };
  });
  await answerMade(database, response, id);
}

function refuseNewPaths({ base, grid, replicates }: SweepDocument, added: PointsDocument): void {
  if (added.replicates !== undefined && replicates === undefined && typeof base['model'] !== 'string') {
    const detail = 'the grid of the sweep sets the model: add values of grid.model instead';
    throw new FaultyDocument([{ pointer: '/replicates', detail }]);
  }
  const known = Object.keys(grid);
  const faults = Object.keys(added.grid)
    .filter((path) => !known.includes(path))
    .map((path) => ({
      pointer: pointerOf(['grid', path]),
      detail: `the sweep has no such path, so its jobs have no value of it: give values of ${known.join(', ') || 'replicates'}, or submit a sweep of its own`,
    }));
  if (faults.length > 0) throw new FaultyDocument(faults);
}

async function answerMade(database: Database, response: Response, id: string): Promise<void> {
  response
    .status(201)
    .location(`/v1/sweeps/${id}`)
    .json(await withJobs(database, await getSweep(database, id)));
}

async function withJobs(database: Database, sweep: SweepSummary) {
  return { sweep: sweepView(sweep), jobs: (await jobsOf(database, sweep.id)).map(jobView) };
}

/** In the order of the points. */
async function jobsOf(database: Database, sweepId: string): Promise<JobWithRuns[]> {
  const { jobs } = await listJobs(database, { sweepId, archived: 'all', limit: MAX_POINTS });
  return jobs.toReversed();
}
