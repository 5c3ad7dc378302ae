// Stored scores beside those that the database computes from the stored items.
import type { Score } from '../eval/statistics.ts';
import { settingsText } from '../job-spec.ts';
import { aggregateItems, type Aggregate } from '../store/aggregates.ts';
import type { Database } from '../store/database.ts';
import { listEvaluations } from '../store/results.ts';

/**
 * How far the two may lie apart, of their size and at least of one: both add thousands of float64, in another order. A wrong definition or a
 * lost item is many times that.
 */
export const SCORE_TOLERANCE = 1e-9;

type Figures = Pick<Score, 'value' | 'standardError' | 'numItems'>;

type Where = Pick<Aggregate, 'arm' | 'step' | 'benchmark' | 'protocol' | 'settings' | 'metric'>;

export interface ScoreCheck extends Where {
  /** What is stored and shown; null where only the items have it. */
  readonly stored: Figures | null;
  /** What the items say; null where no item counts. */
  readonly fromItems: Figures | null;
  readonly isEqual: boolean;
}

export interface ScoreChecks {
  readonly tolerance: number;
  readonly numChecked: number;
  readonly isEqual: boolean;
  readonly checks: readonly ScoreCheck[];
}

/** Checks every stored score of a job, of one step where one is given. */
export async function checkScores(database: Database, jobId: string, step?: number): Promise<ScoreChecks> {
  const rows = new Map<string, Omit<ScoreCheck, 'isEqual'>>();
  for (const { scores, ...place } of await listEvaluations(database, jobId)) {
    if (step !== undefined && place.step !== step) continue;
    for (const [metric, score] of Object.entries(scores as unknown as Record<string, Score>)) {
      rows.set(keyOf({ ...place, metric }), {
        ...whereOf({ ...place, metric }),
        stored: figuresOf(score),
        fromItems: null,
      });
    }
  }
  for (const aggregate of await aggregateItems(database, jobId, step)) {
    const key = keyOf(aggregate);
    const stored = rows.get(key)?.stored ?? null;
    rows.set(key, { ...whereOf(aggregate), stored, fromItems: figuresOf(aggregate) });
  }
  const checks = [...rows.values()].map((row) => ({ ...row, isEqual: isEqual(row.stored, row.fromItems) }));
  const isAllEqual = checks.every((check) => check.isEqual);
  return { tolerance: SCORE_TOLERANCE, numChecked: checks.length, isEqual: isAllEqual, checks };
}

function keyOf({ arm, step, benchmark, protocol, settings, metric }: Where): string {
  return [arm, step, benchmark, protocol, settingsText(settings), metric].join(' ');
}

function whereOf({ arm, step, benchmark, protocol, settings, metric }: Where): Where {
  return { arm, step, benchmark, protocol, settings, metric };
}

function figuresOf({ value, standardError, numItems }: Figures): Figures {
  return { value, standardError, numItems };
}

function isEqual(a: Figures | null, b: Figures | null): boolean {
  if (a === null || b === null || a.numItems !== b.numItems || !isClose(a.value, b.value)) return false;
  if (a.standardError === null || b.standardError === null) return a.standardError === b.standardError;
  return isClose(a.standardError, b.standardError);
}

function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= SCORE_TOLERANCE * Math.max(1, Math.abs(a));
}
