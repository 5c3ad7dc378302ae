// Before a job is submitted: the rewritten batch of one of its steps, and what the whole will take and can show.
import { Router, type Response } from 'express';
import { z } from 'zod';
import { DataError, InputError, messageOf, NotFoundError } from '../errors.ts';
import { isPart } from '../eval/metrics.ts';
import { jobSpecSchema, type JobSpec } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { getJob, type JobWithRuns } from '../store/jobs.ts';
import { findScored, findSpeed } from '../store/speeds.ts';
import type { BackendName, Catalog, Estimate } from './catalog.ts';
import { compute } from './computations.ts';
import { FaultyDocument } from './problem.ts';
import { openReplicatePower } from './replicate-power.ts';
import { readBody } from './request.ts';
import { placeKey, readScores, type Place, type Scores } from './scores.ts';
import { sharingOf, type Sharing } from './sharing.ts';

/** What POST /preview takes. */
export const previewSchema = z
  .strictObject({
    job: jobSpecSchema,
    step: z.int().min(0).max(999_999_999).optional().meta({ description: "Default: the window's first." }),
    arm: z.enum(['intervention', 'placebo']).default('intervention'),
    rows: z.int().min(0).max(50).default(10).meta({ description: 'Changed rows that are told in full, at most.' }),
  })
  .meta({ id: 'NewPreview' });

/** What POST /estimate takes. */
export const estimateSchema = z
  .strictObject({
    job: jobSpecSchema,
    replicates: z.int().min(1).max(1_000).default(1).meta({ description: 'Model seeds on which it will be done.' }),
  })
  .meta({ id: 'NewEstimate' });

/** POST /preview and /estimate. */
export function planningRoutes(database: Database, catalog: Catalog): Router {
  const router = Router();
  router.post('/preview', async (request, response) => {
    const { job, step, arm, rows } = readBody(request, previewSchema);
    const wish = { step, arm, maxRows: rows };
    const given = untilClosed(response);
    response.json(
      await faultsInJob(async () => compute('preview', catalog.preview(job, wish), given), step === undefined),
    );
  });
  router.post('/estimate', async (request, response) => {
    const { job, replicates } = readBody(request, estimateSchema);
    const faults = await catalog.checkSpec(job);
    if (faults.length > 0)
      throw new FaultyDocument(faults.map(({ pointer, detail }) => ({ pointer: `/job${pointer}`, detail })));
    response.json(await estimate(database, catalog, job, replicates));
  });
  return router;
}

/** Aborted when the caller goes away before the answer. */
function untilClosed(response: Response): AbortSignal {
  const controller = new AbortController();
  response.on('close', () => controller.abort());
  return controller.signal;
}

/** What cannot be replayed is a fault of the document that names it. */
async function faultsInJob<T>(work: () => Promise<T>, isStepOfJob: boolean): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (![InputError, NotFoundError, DataError].some((kind) => error instanceof kind)) throw error;
    const own = error instanceof InputError ? error.pointer : undefined;
    const isOfStep = own === undefined && !isStepOfJob && error instanceof InputError;
    throw new FaultyDocument([{ pointer: isOfStep ? '/step' : `/job${own ?? ''}`, detail: messageOf(error) }]);
  }
}

async function estimate(database: Database, catalog: Catalog, job: JobSpec, numReplicates: number) {
  const backend = await backendOf(database, job);
  const facts = await faultsInJob(async () => catalog.estimate(job, backend.name), true);
  const { evaluations, backend: name, work, ...rest } = facts;
  const { parts, left, basis } = await sharingOf(database, catalog, job, facts);
  const { leftSeconds, ...time } = await timeOf(database, job, facts, left);
  const observed = await observedEffects(database, job, evaluations.benchmarks);
  const overReplicates = await openReplicatePower(database, job, facts.family, numReplicates);
  return {
    ...rest,
    backend: { name, basis: backend.basis },
    time,
    sharing: { numTrainings: work.numTrainings, parts, left: { ...left, trainingSeconds: leftSeconds }, basis },
    evaluations: {
      ...evaluations,
      benchmarks: evaluations.benchmarks.map((power, i) => ({
        ...power,
        observed: observed[i] ?? null,
        overReplicates: overReplicates(power),
      })),
    },
  };
}

/** What `auto` will be, a worker finds out: most likely what it was the last time. */
async function backendOf(
  database: Database,
  { backend, model }: JobSpec,
): Promise<{ name: BackendName; basis: 'asked for' | 'as the last job here' | 'assumed' }> {
  if (backend !== 'auto') return { name: backend, basis: 'asked for' };
  const last = await findSpeed(database, model, undefined);
  const name = (['cuda', 'tensorflow', 'native', 'wasm', 'cpu'] as const).find((one) => one === last?.backend);
  return name === undefined ? { name: 'wasm', basis: 'assumed' } : { name, basis: 'as the last job here' };
}

/** Seconds of training, of the whole and of what is left, from what was measured; null where nothing has trained here. Scoring comes on top. */
async function timeOf(database: Database, { model, training }: JobSpec, facts: Estimate, left: Sharing['left']) {
  const unknown = (basis: string) => ({ trainingSeconds: null, leftSeconds: null, basis });
  if (training.engine !== 'tiresias') return unknown('another engine trains it');
  const speed = await findSpeed(database, model, facts.backend);
  if (speed === undefined) return unknown(`nothing has trained on ${facts.backend} here yet`);
  const measured = `${Math.round(speed.tokensPerSecond)} tokens/s an arm, median of the last ${speed.numSteps} steps of job ${speed.jobId}`;
  if (speed.model !== model) return unknown(`no job of ${model} has trained here; ${speed.model} made ${measured}`);
  const secondsOf = ({ numTokens, numTrainings }: Pick<Sharing['left'], 'numTokens' | 'numTrainings'>) => {
    const numAtOnce = Math.min(facts.memory.numTrainersAtOnce, Math.max(1, numTrainings));
    return Math.ceil(numTokens / speed.tokensPerSecond / numAtOnce);
  };
  return {
    trainingSeconds: secondsOf({ numTokens: facts.numTokens, numTrainings: facts.work.numTrainings }),
    leftSeconds: secondsOf(left),
    basis: `${measured}; scoring comes on top`,
  };
}

/** For each place the smallest effects that the newest job like this one could have found, on the whole metrics of the benchmark at its last step; null where none was scored. */
async function observedEffects(database: Database, { model }: JobSpec, places: readonly Place[]) {
  const ids = await Promise.all(places.map((place) => findScored(database, model, place)));
  const found = new Map<string, ObservedJob>(); // mostly one job for all places
  for (const id of new Set(ids)) if (id !== undefined) found.set(id, await readObserved(database, id));
  return places.map((place, i) => {
    const observed = found.get(ids[i] ?? '');
    return observed === undefined ? null : smallestOf(observed, place);
  });
}

interface ObservedJob {
  readonly job: JobWithRuns;
  readonly effects: Scores['effects'];
}

async function readObserved(database: Database, id: string): Promise<ObservedJob> {
  const job = await getJob(database, id);
  const { effects } = await readScores(database, job);
  return { job, effects };
}

function smallestOf({ job, effects }: ObservedJob, place: Place) {
  const own = effects.filter((effect) => placeKey(effect) === placeKey(place) && !isPart(effect.metric));
  const last = Math.max(...own.map(({ step }) => step));
  const smallest = own
    .filter(({ step }) => step === last)
    .map(({ metric, protocol, detectable, numItems, numClusters }) => ({
      ...{ metric, protocol, detectable, numItems, numClusters },
    }));
  return { job: job.id, model: (job.spec as { model?: unknown }).model, step: last, effects: smallest };
}
