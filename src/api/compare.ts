// Jobs side by side: the last scores of each, arm by arm, with the effect, what was published of the same model at the same step, and what their
// effects say together where they are replicates.
import { Router } from 'express';
import { z } from 'zod';
import type { Arm, ScoringSettings } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { listExperiments } from '../store/experiments.ts';
import { getJob } from '../store/jobs.ts';
import { jobView } from './jobs.ts';
import { replicateGroups, type ReplicateGroup } from '../replicates.ts';
import { idParameter, readQuery } from './request.ts';
import {
  placeKey,
  readScores,
  type EffectRow,
  type PublishedRow,
  type ScoreLabel,
  type ScoreRow,
  type Scores,
} from './scores.ts';

/** Jobs compared at once: the items of each are read. */
const MAX_JOBS = 20;

/** What GET /compare takes: ids with commas between them. */
export const compareQuerySchema = z.strictObject({
  jobs: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(idParameter).min(1).max(MAX_JOBS))
    .refine((ids) => new Set(ids).size === ids.length, 'each job once'),
});

/** One metric of one job at the last step that any of its arms was scored. */
export interface ComparedJob {
  readonly id: string;
  readonly step: number;
  readonly scores: Partial<Record<Arm, Pick<ScoreRow, 'value' | 'standardError' | 'interval' | 'numItems'>>>;
  /** Intervention − control. */
  readonly effect: EffectRow | null;
  /** Each with the warnings it must be read with. */
  readonly published: readonly PublishedRow[];
}

export interface ComparedMetric {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
  readonly metric: string;
  readonly jobs: readonly ComparedJob[];
}

export interface Comparison {
  readonly jobs: readonly ReturnType<typeof jobView>[];
  readonly metrics: readonly ComparedMetric[];
  readonly labels: readonly (ScoreLabel & { readonly id: string })[];
  readonly replicates: readonly ReplicateGroup[];
}

/** GET /compare. */
export function compareRoutes(database: Database): Router {
  const router = Router();
  router.get('/compare', async (request, response) => {
    const { jobs } = readQuery(request, compareQuerySchema);
    response.json(await compareJobs(database, jobs));
  });
  return router;
}

async function compareJobs(database: Database, ids: readonly string[]): Promise<Comparison> {
  const jobs = await Promise.all(ids.map((id) => getJob(database, id)));
  const metrics = new Map<string, ComparedMetric>();
  const labels: Comparison['labels'][number][] = [];
  for (const job of jobs) {
    const scores = await readScores(database, job, 'last steps'); // one after another: each reads many items
    labels.push(...scores.labels.map((label) => ({ id: job.id, ...label })));
    for (const [key, { compared, ...row }] of lastOf(job.id, scores)) {
      metrics.set(key, { ...row, jobs: [...(metrics.get(key)?.jobs ?? []), compared] });
    }
  }
  const replicates = replicateGroups(await listExperiments(database, ids));
  return { jobs: jobs.map(jobView), metrics: [...metrics.values()], labels, replicates };
}

type LastRow = Omit<ComparedMetric, 'jobs'> & { readonly compared: ComparedJob };

function lastOf(id: string, { scores, effects, published }: Scores): Map<string, LastRow> {
  const keyOf = (row: Omit<ComparedMetric, 'jobs'>) => `${placeKey(row)} ${row.metric}`;
  const rows = new Map<string, LastRow>();
  for (const key of new Set(scores.map(keyOf))) {
    const own = scores.filter((row) => keyOf(row) === key);
    const step = Math.max(...own.map((row) => row.step));
    const atEnd = own.filter((row) => row.step === step);
    const { benchmark, protocol, settings, metric } = own[0]!; // a key of one of them
    const isHere = (row: EffectRow | PublishedRow) => row.step === step && keyOf(row) === key;
    const compared: ComparedJob = {
      ...{ id, step },
      scores: Object.fromEntries(
        atEnd.map(({ arm, value, standardError, interval, numItems }) => [
          arm,
          { value, standardError, interval, numItems },
        ]),
      ),
      effect: effects.find(isHere) ?? null,
      published: published.filter(isHere),
    };
    rows.set(key, { benchmark, protocol, settings, metric, compared });
  }
  return rows;
}
