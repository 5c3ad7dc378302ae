// Reading single items of evaluations, and which evaluations there are of one benchmark under one protocol.
import { settingsText, type Arm, type ScoringSettings } from '../job-spec.ts';
import type { Database } from './database.ts';
import { SHOWN_EVALUATIONS } from './shared-runs.ts';

export interface ScoredPlace {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
}

export interface ScoredStep {
  readonly arm: Arm;
  readonly step: number;
  /** Of the benchmark's files. */
  readonly sha256: string;
}

/** Where a job was scored by this benchmark, protocol and settings, in order of steps. */
export async function listScoredSteps(
  database: Database,
  jobId: string,
  { benchmark, protocol, settings }: ScoredPlace,
): Promise<ScoredStep[]> {
  const rows = await database.query<ScoredStep>(
    `SELECT run.arm, evaluation.step, evaluation.sha256 FROM run ${SHOWN_EVALUATIONS.sql}
     WHERE job_id = $1 AND benchmark = $2 AND protocol = $3 AND settings = $4 ORDER BY evaluation.step, run.id`,
    [jobId, benchmark, protocol, settingsText(settings)],
  );
  return rows;
}

/** One item, as every arm and step of the job has it, in order of steps; none where there is no such item. */
export async function readItemHistory(
  database: Database,
  jobId: string,
  { benchmark, protocol, settings }: ScoredPlace,
  index: number,
): Promise<(ScoredStep & { readonly item: unknown })[]> {
  // Items are stored in the order of their indices.
  const rows = await database.query<ScoredStep & { item: unknown }>(
    `SELECT * FROM (
       SELECT run.arm, evaluation.step, evaluation.sha256, items -> $5::int AS item, run.id FROM run ${SHOWN_EVALUATIONS.sql}
       WHERE job_id = $1 AND benchmark = $2 AND protocol = $3 AND settings = $4
     ) AS found WHERE item IS NOT NULL ORDER BY step, id`,
    [jobId, benchmark, protocol, settingsText(settings), index],
  );
  return rows.map(({ arm, step, sha256, item }) => ({ arm, step, sha256, item }));
}
