// Any two arms, of one job or of two, item by item: the effects a − b on everything that both scored on the same items, each at its last step.
import { Router } from 'express';
import { z } from 'zod';
import { ConflictError, InputError, NotFoundError } from '../errors.ts';
import type { Effect } from '../eval/statistics.ts';
import { ARMS, settingsText, type Arm } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { getJob, type JobWithRuns } from '../store/jobs.ts';
import { listEvaluations } from '../store/results.ts';
import { readQuery } from './request.ts';
import {
  adjustInFamilies,
  effectsBetween,
  labelsOf,
  latestOfEach,
  placeKey,
  placeOf,
  type Adjusted,
  type JobEvaluation,
  type Place,
  type ScoreLabel,
} from './scores.ts';

/** An arm of a job, written JOB:arm. */
interface Side {
  readonly job: string;
  readonly arm: Arm;
}

const side = z
  .templateLiteral([z.uuid(), ':', z.enum(ARMS)], {
    error: `an arm of a job is written JOB:arm, arm being one of ${ARMS.join(', ')}`,
  })
  .transform((text): Side => {
    const [job, arm] = text.split(':') as [string, Arm]; // the template has both
    return { job, arm };
  });

/** What GET /compare/pair takes. */
export const pairQuerySchema = z.strictObject({ a: side, b: side });

export type PairRow = Place & {
  readonly metric: string;
  /** The last step at which each side was scored. */
  readonly stepA: number;
  readonly stepB: number;
} & Effect &
  Adjusted;

export interface PairComparison {
  readonly a: Side & { readonly name: string };
  readonly b: Side & { readonly name: string };
  /** a − b. */
  readonly effects: readonly PairRow[];
  /** What both scored, but not on the same items, and why it cannot be compared. */
  readonly refused: readonly (Place & { readonly detail: string })[];
  readonly labels: readonly (ScoreLabel & { readonly id: string })[];
}

/** GET /compare/pair. */
export function comparePairRoutes(database: Database): Router {
  const router = Router();
  router.get('/compare/pair', async (request, response) => {
    const { a, b } = readQuery(request, pairQuerySchema);
    response.json(await comparePair(database, a, b));
  });
  return router;
}

async function comparePair(database: Database, a: Side, b: Side): Promise<PairComparison> {
  if (a.job === b.job && a.arm === b.arm) throw new InputError('faulty query: a and b are the same arm: name two');
  const [one, other] = [await readSide(database, a), await readSide(database, b)];
  const rows: Omit<PairRow, keyof Adjusted>[] = [];
  const refused: PairComparison['refused'][number][] = [];
  for (const evaluation of one.evaluations) {
    const twin = other.evaluations.find((candidate) => placeKey(candidate) === placeKey(evaluation));
    if (twin === undefined) continue;
    const place = placeOf(evaluation);
    try {
      const effects = await effectsBetween(database, evaluation, twin);
      const steps = { stepA: evaluation.step, stepB: twin.step };
      for (const [metric, effect] of Object.entries(effects)) rows.push({ ...place, metric, ...steps, ...effect });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      refused.push({ ...place, detail: error.message });
    }
  }
  if (rows.length === 0)
    throw new ConflictError(`nothing was scored on the same items: ${whyNothing(one, other, refused)}`);
  return {
    a: { ...a, name: one.job.name },
    b: { ...b, name: other.job.name },
    effects: adjustInFamilies(rows, () => 'at the last steps of these two arms'),
    refused,
    labels: [...one.labels, ...other.labels],
  };
}

interface ScoredSide {
  readonly job: JobWithRuns;
  readonly evaluations: readonly JobEvaluation[];
  readonly labels: readonly (ScoreLabel & { readonly id: string })[];
}

async function readSide(database: Database, { job: id, arm }: Side): Promise<ScoredSide> {
  const job = await getJob(database, id);
  const all = await listEvaluations(database, id);
  const evaluations = latestOfEach(all.filter((evaluation) => evaluation.arm === arm));
  if (evaluations.length === 0) {
    const scored = [...new Set(all.map((evaluation) => evaluation.arm))];
    const words = scored.length === 0 ? 'nothing of it was' : `scored were ${scored.join(', ')}`;
    throw new NotFoundError(`the arm ${arm} of job ${id} has not been scored: ${words}`);
  }
  const labels = (await labelsOf(database, job, evaluations)).map((label) => ({ id, ...label }));
  return { job, evaluations: evaluations.map((evaluation) => ({ ...evaluation, jobId: id })), labels };
}

function whyNothing(a: ScoredSide, b: ScoredSide, refused: PairComparison['refused']): string {
  if (refused.length > 0) return refused.map(({ detail, ...place }) => `${placeWords(place)}: ${detail}`).join('; ');
  const wordsOf = ({ evaluations }: ScoredSide) => evaluations.map(placeWords).join(', ');
  return `a was scored on ${wordsOf(a)}; b on ${wordsOf(b)}`;
}

function placeWords({ benchmark, protocol, settings }: Place): string {
  const words = settingsText(settings);
  return `${benchmark} by ${protocol}${words === '{}' ? '' : ` ${words}`}`;
}
