// Sweeps: the calls and answers of /sweeps, its verbs and its results.
import type { EffectRow, Job } from './api.ts';
import { apiAddress, call } from './api-call.ts';
import type { ArmScore, ReplicateGroup } from './comparison-api.ts';
import type { Json, JsonObject } from './json-pointer.ts';
import type { Place } from './scores.ts';

export interface StopRule {
  readonly benchmark: string;
  readonly metric: string;
  readonly intervalNarrowerThan?: number;
  readonly clearlyZero?: number;
}

/** A point of the grid that met a stop rule. */
export interface SettledPoint {
  readonly point: JsonObject;
  readonly rule: StopRule;
  readonly found: {
    readonly value: number;
    readonly interval: readonly [number, number];
    readonly over: string;
    readonly numReplicates: number;
  };
  readonly numCancelled: number;
  readonly settledAt: string;
}

export interface Sweep {
  readonly id: string;
  readonly name: string;
  /** What was asked for last. */
  readonly state: 'active' | 'paused' | 'stopped' | 'cancelled';
  /** Why it is paused when nobody asked for it. */
  readonly message: string | null;
  /** The paths of the grid in the order given. */
  readonly axes: readonly string[];
  readonly maxParallel: number | null;
  readonly budget: { readonly steps: number | null; readonly hours: number | null } | null;
  readonly used: { readonly steps: number; readonly hours: number };
  /** What keeps its queued jobs from being begun now. */
  readonly heldBy: string | null;
  readonly stop: readonly StopRule[] | null;
  readonly settled: readonly SettledPoint[];
  readonly submittedBy?: { readonly name: string } | null;
  readonly createdAt: string;
  readonly numJobs: number;
  readonly jobsByState: Readonly<Record<string, number>>;
}

export interface SweepWithJobs {
  readonly sweep: Sweep;
  /** In the order of the points. */
  readonly jobs: readonly Job[];
}

type EffectFigure = Pick<
  EffectRow,
  'value' | 'interval' | 'pValue' | 'pAdjusted' | 'family' | 'test' | 'numItems' | 'note'
>;

/** One metric of one job at its window's end. */
export interface ResultRow extends Place {
  readonly job: string;
  readonly name: string;
  readonly point: JsonObject;
  readonly model: string;
  readonly modelSeed: number | null;
  readonly metric: string;
  readonly step: number;
  readonly published: ArmScore | null;
  readonly control: ArmScore | null;
  readonly intervention: ArmScore | null;
  /** Null for perplexity, which is compared through its logarithm. */
  readonly effect: EffectFigure | null;
  readonly publishedFigures: readonly {
    readonly publishedBenchmark: string;
    readonly condition: string;
    readonly value: number;
    readonly numItems: number;
    readonly warnings: readonly { readonly label: string; readonly detail: string }[];
  }[];
}

export interface DosePoint {
  readonly x: number;
  readonly value: number;
  readonly interval: readonly [number, number] | null;
  /** What the interval is over: model seeds, draws of the rewriting, or the items of one job. */
  readonly over: string;
  readonly numJobs: number;
  readonly seeds: readonly (number | null)[];
}

/** Jobs that differ in one numeric axis and in seeds alone. */
export interface DoseCurve extends Place {
  readonly axis: string;
  readonly others: JsonObject;
  readonly family: string;
  readonly metric: string;
  readonly intervention: readonly DosePoint[];
  readonly effect: readonly DosePoint[];
}

export interface SweepResults {
  readonly labels: readonly { readonly label: string; readonly detail: string }[];
  readonly axes: readonly { readonly path: string; readonly values: readonly Json[] }[];
  readonly rows: readonly ResultRow[];
  readonly doseResponse: readonly DoseCurve[];
  readonly replicates: readonly ReplicateGroup[];
}

/** What a document would submit. */
export interface SweepPlan {
  readonly points: readonly { readonly name: string; readonly point: JsonObject }[];
  /** Trained arms of all jobs, each by itself, and when they share their controls; the latter left out by servers that do not tell. */
  readonly numTrainings: number;
  readonly numTrainingsIfShared?: number;
}

export type SweepVerb = 'pause' | 'resume' | 'stop' | 'cancel';

function sweepPath(id: string, part = ''): string {
  return `sweeps/${encodeURIComponent(id)}${part}`;
}

function send<T>(path: string, document: JsonObject): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  return call<T>(apiAddress(path), { method: 'POST', headers, body: JSON.stringify(document) });
}

export const sweepsApi = {
  list: async () => (await call<{ sweeps: readonly Sweep[] }>(apiAddress('sweeps', { limit: 200 }))).sweeps,
  sweep: (id: string) => call<SweepWithJobs>(apiAddress(sweepPath(id))),
  results: (id: string) => call<SweepResults>(apiAddress(sweepPath(id, '/results'))),
  /** The points, without submitting them. */
  plan: (document: JsonObject) => send<SweepPlan>('sweeps/plan', document),
  submit: (document: JsonObject) => send<SweepWithJobs>('sweeps', document),
  order: (id: string, verb: SweepVerb) => call<Sweep>(apiAddress(sweepPath(id, `/${verb}`)), { method: 'POST' }),
};

/** Where the server's own table of the results is to be had. */
export function resultsAddress(id: string, format: string): string {
  return apiAddress(sweepPath(id, '/results'), { format });
}
