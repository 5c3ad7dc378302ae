// The training curves of a job over HTTP: every recorded step, or as many points as a chart has room for.
import { Router } from 'express';
import { z } from 'zod';
import { InputError } from '../errors.ts';
import { readThinned, stepsPerPoint, type StepRange, type ThinnedCurve } from '../store/curves.ts';
import type { Database } from '../store/database.ts';
import { getJob, type JobWithRuns } from '../store/jobs.ts';
import { readMetricTexts } from '../store/results.ts';
import { sendKept } from './kept-answers.ts';
import { readQuery, stepParameter } from './request.ts';
import { readFaults } from './training-labels.ts';

/** What GET /jobs/:id/metrics takes. */
export const metricsQuerySchema = z.strictObject({
  from: stepParameter.optional().meta({ description: 'The first step; default: the first of the window.' }),
  to: stepParameter.optional().meta({ description: 'The step after the last; default: after the newest.' }),
  points: z.coerce.number().int().min(2).max(5000).optional().meta({
    description: 'Points an arm at most: beyond as many steps each is the mean of some, and `extremes` has their ends.',
  }),
});
type MetricsQuery = z.output<typeof metricsQuerySchema>;

/** GET /jobs/:id/metrics. */
export function curveRoutes(database: Database): Router {
  const router = Router();
  router.get('/jobs/:id/metrics', async (request, response) => {
    const query = readQuery(request, metricsQuerySchema);
    const job = await getJob(database, request.params.id);
    const name = `metrics ${JSON.stringify(query)}`;
    await sendKept({ request, response }, job, name, () => curvesText(database, job, query));
  });
  return router;
}

/** All steps are handed on as the text that the database made of them. */
async function curvesText(database: Database, job: JobWithRuns, query: MetricsQuery): Promise<string> {
  const lossSpikes = await spikesOf(database, job);
  if (Object.values(query).some((bound) => bound !== undefined))
    return JSON.stringify({ ...(await readCurves(database, job, query)), lossSpikes });
  const columns = [...(await readMetricTexts(database, job.id))].map(([arm, text]) => `"${arm}":${text}`);
  return `{"arms":{${columns.join(',')}},"lossSpikes":${JSON.stringify(lossSpikes)}}`;
}

async function readCurves(database: Database, job: JobWithRuns, { from, to, points }: MetricsQuery) {
  const range = rangeOf(job, from, to);
  const width = points === undefined ? 1 : stepsPerPoint(range, points);
  const curves = [...(await readThinned(database, job.id, range, width))];
  const byArm = <T>(pick: (curve: ThinnedCurve) => T) =>
    Object.fromEntries(curves.map(([arm, curve]) => [arm, pick(curve)]));
  return {
    arms: byArm(({ columns }) => columns),
    stepsPerPoint: width,
    numSteps: byArm(({ numSteps }) => numSteps),
    extremes: byArm(({ extremes }) => extremes),
  };
}

function rangeOf({ runs }: JobWithRuns, from: number | undefined, to: number | undefined): StepRange {
  const range = {
    from: from ?? Math.min(...runs.map(({ fromStep }) => fromStep), to ?? Infinity, ...(runs.length === 0 ? [0] : [])),
    to: to ?? Math.max(...runs.map(({ step }) => step), from === undefined ? 0 : from + 1),
  };
  if (from !== undefined && to !== undefined && from >= to)
    throw new InputError(`faulty query: to: ${to} is not after the first step ${from}: give a later one`);
  return range;
}

async function spikesOf(database: Database, job: JobWithRuns) {
  const faults = [...(await readFaults(database, job))];
  return Object.fromEntries(
    faults.filter(([, { spikes }]) => spikes.length > 0).map(([arm, { spikes }]) => [arm, spikes]),
  );
}
