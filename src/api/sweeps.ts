// Sweeps over HTTP: a base spec and a grid of values by dotted path become jobs, all or none. The expansion is deterministic:
// paths in the order given, the last one varying fastest, replicates fastest of all. What would be the same training twice is refused.
import { Router } from 'express';
import { z } from 'zod';
import { jobSpecSchema, type JobSpec } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { listJobs, type JobWithRuns } from '../store/jobs.ts';
import { listExperiments } from '../store/experiments.ts';
import { getSweep, insertSweep, listSweeps } from '../store/sweeps.ts';
import type { SweepPoint, SweepSummary } from '../store/sweeps.ts';
import type { Catalog } from './catalog.ts';
import { makeOncePerKey } from './idempotency.ts';
import { jobView } from './jobs.ts';
import { faultsOf, FaultyDocument, pointerOf } from './problem.ts';
import type { Fault } from './problem.ts';
import { drawsAnything, replicateGroups, trainingKey } from './replicates.ts';
import { limitParameter, readBody, readQuery } from './request.ts';
import { sweepResults } from './sweep-results.ts';

export const MAX_POINTS = 500;
const MAX_FAULTS = 50;

const path = z.string().regex(/^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*$/, 'a path is written intervention.seed');
const values = z
  .array(z.unknown())
  .min(1)
  .max(MAX_POINTS)
  .refine((list) => new Set(list.map((value) => JSON.stringify(value))).size === list.length, 'each value only once');

/** A model of another seed, with the dataset of its own training where that is another, too. */
const replicate = z.strictObject({ model: z.string().min(1).max(200), dataset: z.string().min(1).max(200).optional() });

/** What POST /sweeps takes; `base` is checked at every point of the grid. */
const sweepSchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional(),
    base: z.record(z.string(), z.unknown()),
    grid: z.record(path, values).default({}),
    replicates: z.array(replicate).min(1).max(MAX_POINTS).optional(),
  })
  .refine(({ grid, replicates }) => Object.keys(grid).length > 0 || replicates !== undefined, {
    path: ['grid'],
    message: 'give at least one path, or replicates',
  });
type SweepDocument = z.output<typeof sweepSchema>;

/** What GET /sweeps takes. */
export const sweepQuerySchema = z.strictObject({ limit: limitParameter(200, 50) });

/** What GET /sweeps/:id/results takes. */
export const sweepResultsQuerySchema = z.strictObject({
  parts: z.enum(['no', 'yes']).default('no').meta({ description: 'Whether rows of parts of scores are there, too.' }),
});

/** POST and GET /sweeps, GET /sweeps/:id and its results. */
export function sweepRoutes(database: Database, catalog: Catalog): Router {
  const router = Router();
  router.post('/sweeps', async (request, response) => {
    const id = await makeOncePerKey(database, request, response, async () => {
      const document = readBody(request, sweepSchema);
      const points = await expand(document, catalog);
      const axes = [...Object.keys(document.grid), ...(document.replicates ? ['replicates'] : [])];
      const name = document.name ?? axes.join(' × ');
      return (transaction) =>
        insertSweep(transaction, { name, spec: document, axes: Object.keys(document.grid), points });
    });
    response
      .status(201)
      .location(`/v1/sweeps/${id}`)
      .json(await withJobs(database, await getSweep(database, id)));
  });
  router.get('/sweeps', async (request, response) => {
    const { limit } = readQuery(request, sweepQuerySchema);
    response.json({ sweeps: await listSweeps(database, limit) });
  });
  router.get('/sweeps/:id', async (request, response) => {
    const answer = await withJobs(database, await getSweep(database, request.params.id));
    const experiments = await listExperiments(
      database,
      answer.jobs.map(({ id }) => id),
    );
    response.json({ ...answer, replicates: replicateGroups(experiments) });
  });
  router.get('/sweeps/:id/results', async (request, response) => {
    const { parts } = readQuery(request, sweepResultsQuerySchema);
    const sweep = await getSweep(database, request.params.id);
    const jobs = await jobsOf(database, sweep.id);
    response.json({ sweep, ...(await sweepResults(database, sweep, jobs, parts === 'yes')) });
  });
  return router;
}

async function withJobs(database: Database, sweep: SweepSummary) {
  return { sweep, jobs: (await jobsOf(database, sweep.id)).map(jobView) };
}

/** In the order of the points. */
async function jobsOf(database: Database, sweepId: string): Promise<JobWithRuns[]> {
  const { jobs } = await listJobs(database, { sweepId, archived: 'all', limit: MAX_POINTS });
  return jobs.toReversed();
}

/** Every point of the grid as a checked spec. Throws FaultyDocument when a single one has a fault. */
async function expand(document: SweepDocument, catalog: Catalog): Promise<SweepPoint[]> {
  const axes: Axis[] = Object.entries(document.grid).map(([path, values]) => ({ path, values }));
  if (document.replicates !== undefined) axes.push({ path: null, values: document.replicates });
  const numPoints = axes.reduce((product, { values }) => product * values.length, 1);
  if (numPoints > MAX_POINTS) {
    const detail = `the grid has ${numPoints} points; ${MAX_POINTS} are allowed`;
    throw new FaultyDocument([{ pointer: '/grid', detail }]);
  }
  const points: SweepPoint[] = [];
  const faults = new Map<string, Fault>();
  const trainings = new Map<string, string>();
  for (let index = 0; index < numPoints && faults.size < MAX_FAULTS; index++) {
    const choice = choiceAt(axes, index);
    const base: Document = document.base;
    const point = Object.assign({}, ...choice.map(valuesOf)) as Document;
    const submitted = Object.entries(point).reduce((spec, [at, value]) => withValue(spec, at.split('.'), value), base);
    const parsed = jobSpecSchema.safeParse(submitted);
    const found = parsed.success
      ? [...(await catalog.checkSpec(parsed.data)), ...repetitionOf(parsed.data, pointName(document, point), trainings)]
      : faultsOf(parsed.error);
    for (const fault of found) {
      const pointer = pointerInSweep(fault.pointer, choice);
      faults.set(`${pointer} ${fault.detail}`, { pointer, detail: fault.detail });
    }
    if (!parsed.success) continue;
    points.push({ spec: parsed.data, point, name: pointName(document, point) });
  }
  if (faults.size > 0) throw new FaultyDocument([...faults.values()]);
  return points;
}

/** The fault of a point that trains what another one does; remembers what it trains. */
function repetitionOf(spec: JobSpec, name: string, trainings: Map<string, string>): Fault[] {
  const key = trainingKey(spec);
  const twin = trainings.get(key);
  if (twin === undefined) {
    trainings.set(key, name);
    return [];
  }
  const isIdleSeed = !drawsAnything(spec.intervention);
  const why = isIdleSeed
    ? `at probability ${spec.intervention.probability} nothing is drawn, so its seed changes nothing; `
    : '';
  const detail = `the same training as ${JSON.stringify(twin)}, which is no replicate: ${why}a replicate is another model seed`;
  return [{ pointer: isIdleSeed ? '/intervention/seed' : '', detail }];
}

/** Values of one path of the grid, or the replicates, each of which sets several. */
interface Axis {
  readonly path: string | null;
  readonly values: readonly unknown[];
}

function valuesOf({ path, value }: Choice): Document {
  return path === null ? (value as Document) : { [path]: value }; // a replicate is an object
}

interface Choice {
  readonly path: string | null;
  readonly position: number;
  readonly value: unknown;
}

// The index as a number whose digits are the positions in the axes.
function choiceAt(axes: readonly Axis[], index: number): Choice[] {
  let rest = index;
  const choice = axes.toReversed().map(({ path, values }) => {
    const position = rest % values.length;
    rest = Math.floor(rest / values.length);
    return { path, position, value: values[position] };
  });
  return choice.toReversed();
}

type Document = Readonly<Record<string, unknown>>;

function withValue(document: Document, keys: readonly string[], value: unknown): Document {
  const [key, ...deeper] = keys;
  if (key === undefined) return document;
  const inner = Object.hasOwn(document, key) ? document[key] : undefined;
  const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
  const next = deeper.length === 0 ? value : withValue(isObject ? (inner as Document) : {}, deeper, value);
  return { ...document, [key]: next };
}

// A fault lies in the grid when the grid set the field or something above it, else in the base.
function pointerInSweep(pointer: string, choice: readonly Choice[]): string {
  for (const { path, position, value } of choice) {
    const place = path === null ? ['replicates', position] : ['grid', path, position];
    for (const key of Object.keys(valuesOf({ path, position, value }))) {
      const own = pointerOf(key.split('.'));
      if (pointer !== own && !pointer.startsWith(`${own}/`)) continue;
      return pointerOf(path === null ? [...place, key] : place) + pointer.slice(own.length);
    }
  }
  return `/base${pointer}`;
}

function pointName(document: SweepDocument, point: Document): string {
  const { name } = document.base;
  const whole = document.name ?? (typeof name === 'string' ? name : undefined);
  const values = Object.entries(point).map(([path, value]) => `${path.split('.').at(-1)} ${JSON.stringify(value)}`);
  return [...(whole === undefined ? [] : [whole]), ...values].join(', ').slice(0, 200);
}
