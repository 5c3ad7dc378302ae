// Reading jobs as experiments: what each one trained, and its scores at the window's end, without steps and items.
import type { Arm, ScoringSettings } from '../job-spec.ts';
import type { Database } from './database.ts';
import { SHOWN_EVALUATIONS } from './shared-runs.ts';

export interface EndScores {
  readonly arm: Arm;
  readonly step: number;
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
  readonly sha256: string;
  /** By metric, as the worker stored them. */
  readonly scores: unknown;
}

export interface Experiment {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  /** Checked before it was stored. */
  readonly spec: unknown;
  readonly sweepPoint: unknown;
  /** The manifest's entry; null before a worker wrote it. */
  readonly model: unknown;
  /** Of control and intervention at the window's end, in order of benchmark and protocol. */
  readonly evaluations: readonly EndScores[];
}

interface EvaluationRow extends Omit<EndScores, 'settings'> {
  readonly jobId: string;
  readonly settings: string;
}

/** The newest jobs that succeeded on models of a family, newest first. */
export async function listFamily(database: Database, family: string, limit: number): Promise<Experiment[]> {
  const jobs = await database.prisma.$queryRaw<{ id: string }[]>`
    SELECT id::text FROM job WHERE state = 'succeeded' AND manifest -> 'model' ->> 'family' = ${family}
    ORDER BY job.id DESC LIMIT ${limit}`;
  return listExperiments(
    database,
    jobs.map(({ id }) => id),
  );
}

/** The jobs of these ids, those there are, in the order given. */
export async function listExperiments(database: Database, ids: readonly string[]): Promise<Experiment[]> {
  const jobs = await database.query<Omit<Experiment, 'evaluations'>>(
    `SELECT id::text, name, state, spec, sweep_point AS "sweepPoint", manifest -> 'model' AS model FROM job WHERE id = ANY ($1::uuid[])`,
    [ids],
  );
  const rows = await database.query<EvaluationRow>(
    `SELECT run.job_id::text AS "jobId", arm, evaluation.step, benchmark, protocol, settings, sha256, scores FROM run ${SHOWN_EVALUATIONS.sql}
     WHERE job_id = ANY ($1::uuid[]) AND evaluation.step = to_step AND arm IN ('control', 'intervention')
     ORDER BY benchmark, protocol, settings`,
    [ids],
  );
  const evaluations = rows.map(({ settings, ...row }) => ({
    ...row,
    settings: JSON.parse(settings) as ScoringSettings,
  }));
  return ids.flatMap((id) => {
    const job = jobs.find((one) => one.id === id);
    return job === undefined ? [] : [{ ...job, evaluations: evaluations.filter(({ jobId }) => jobId === id) }];
  });
}
