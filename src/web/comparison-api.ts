// Jobs side by side and arms item by item: the calls and answers of /compare, /compare/pair and the search for jobs.
import type { Arm } from '../job-spec.ts';
import type { EffectRow, Job, JobList, PublishedRow, ScoreLabel, ScoreRow } from './api.ts';
import { apiAddress, call } from './api-call.ts';
import type { JsonObject } from './json-pointer.ts';
import type { Place } from './scores.ts';

export type ArmScore = Pick<ScoreRow, 'value' | 'standardError' | 'interval' | 'numItems'>;

/** One metric of one job at the last step that any of its arms was scored. */
export interface ComparedJob {
  readonly id: string;
  readonly step: number;
  readonly scores: Partial<Record<Arm, ArmScore>>;
  /** Intervention − control. */
  readonly effect: EffectRow | null;
  readonly published: readonly PublishedRow[];
}

export interface ComparedMetric extends Place {
  readonly metric: string;
  readonly jobs: readonly ComparedJob[];
}

export type JobLabel = ScoreLabel & { readonly id: string };

export interface ReplicatedEffect extends Place {
  readonly metric: string;
  readonly step: number;
  readonly value: number;
  readonly interval: readonly [number, number] | null;
  readonly numReplicates: number;
  readonly replicates: readonly { readonly seed: number | null; readonly value: number }[];
}

/** Jobs that differ in seeds alone. */
export interface ReplicateGroup {
  readonly family: string;
  readonly point: JsonObject | null;
  readonly jobs: readonly { readonly id: string; readonly state: string; readonly modelSeed: number | null }[];
  readonly refused: readonly { readonly id: string; readonly detail: string }[];
  readonly over: 'model seeds' | 'draws of the rewriting' | 'nothing';
  readonly numSeeds: number;
  readonly scope: string;
  readonly effects: readonly ReplicatedEffect[];
}

export interface Comparison {
  readonly jobs: readonly Job[];
  readonly metrics: readonly ComparedMetric[];
  readonly labels: readonly JobLabel[];
  readonly replicates: readonly ReplicateGroup[];
}

/** Of two arms a − b, each at the last step that it was scored. */
export type PairRow = Omit<EffectRow, 'step'> & { readonly stepA: number; readonly stepB: number };

export interface PairComparison {
  readonly effects: readonly PairRow[];
  /** What both scored, but not on the same items. */
  readonly refused: readonly (Place & { readonly detail: string })[];
  readonly labels: readonly JobLabel[];
}

export const comparisonApi = {
  compare: (ids: readonly string[]) => call<Comparison>(apiAddress('compare', { jobs: ids.join(',') })),
  /** Each side is written JOB:arm. */
  pair: (a: string, b: string) => call<PairComparison>(apiAddress('compare/pair', { a, b })),
  /** The newest jobs with these words in their names. */
  findJobs: async (name: string): Promise<readonly Job[]> =>
    (await call<JobList>(apiAddress('jobs', { name: name === '' ? undefined : name, limit: 30 }))).jobs,
};
