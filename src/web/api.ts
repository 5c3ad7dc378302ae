// The typed client of the HTTP API for jobs and what they name: the addresses, and the shape of every answer.
import type { Arm, JobSpec, JobState } from '../job-spec.ts';
import { apiAddress, call } from './api-call.ts';
import type { JsonObject } from './json-pointer.ts';
import type { JsonSchema } from './json-schema.ts';

export type Phase = 'loading' | 'training' | 'evaluating' | 'done';

export interface ArmProgress {
  readonly step: number;
  readonly from: number;
  readonly to: number;
  readonly lossNats: number | null;
  readonly tokensPerSecond: number | null;
  readonly phase: Phase;
}

export interface Progress {
  readonly arms: Partial<Record<Arm, ArmProgress>>;
  /** The burn-in that the arms wait for; left out by servers that know of none. */
  readonly burnIn?: {
    readonly numDone: number;
    readonly numSteps: number;
    readonly lossNats: number | null;
    /** The job that does it, where that is another one. */
    readonly waitsFor?: string;
  } | null;
  readonly secondsLeft: number | null;
}

export interface JobArm {
  readonly arm: Arm;
  readonly state: string;
  readonly fromStep: number;
  readonly toStep: number;
  readonly step: number;
  /** The job that trained it for this one, too; left out by servers that share nothing. */
  readonly takenFrom?: { readonly job: string; readonly name: string; readonly run: string } | null;
  /** Of a published checkpoint: what another job has scored for it; left out by servers that share no single scores. */
  readonly takenScores?: readonly { readonly benchmark: string; readonly job: string; readonly name: string }[];
}

export interface Job {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  readonly reason: string | null;
  readonly message: string | null;
  readonly attempt: number;
  readonly priority: number;
  readonly spec: JobSpec;
  readonly plan: JsonObject | null;
  readonly progress: Progress | null;
  readonly sweepId: string | null;
  readonly sweepPoint: JsonObject | null;
  /** Of a fork: where it starts from. */
  readonly start?: { readonly job: string; readonly arm: Arm; readonly step: number } | null;
  /** Whose token it was sent with; left out by servers that do not keep it. */
  readonly submittedBy?: { readonly name: string } | null;
  readonly archivedAt?: string | null;
  readonly tags?: readonly string[];
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly heartbeatAgeMs: number | null;
  /** Why no worker can take it while it is queued; left out by servers that know of no slots. */
  readonly heldBy?: string | null;
  readonly arms: readonly JobArm[];
}

export interface JobList {
  readonly jobs: readonly Job[];
  readonly nextCursor: string | null;
}

/** What a protocol depends on beside its name; left out by servers that know of none. */
export type Settings = Readonly<Record<string, string | number | readonly string[]>>;

export interface ScoreRow {
  readonly arm: Arm;
  readonly step: number;
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings?: Settings;
  readonly metric: string;
  readonly value: number;
  readonly standardError: number | null;
  readonly interval: readonly [number, number] | null;
  readonly numItems: number;
}

export interface EffectRow {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings?: Settings;
  readonly metric: string;
  readonly step: number;
  /** Null when there are no items to compare. */
  readonly value: number | null;
  readonly standardError: number | null;
  readonly interval: readonly [number, number] | null;
  readonly pValue: number | null;
  /** Of what the p speaks. */
  readonly pScope: string;
  /** By Holm's method, for the tests that `family` names. */
  readonly pAdjusted: number | null;
  readonly family: string;
  readonly test: string;
  /** The smallest true difference that a test at 5 % finds four times in five. */
  readonly detectable: number | null;
  readonly numItems: number;
  readonly numClusters: number;
  /** Why a figure is missing or exact. */
  readonly note: string | null;
}

export interface ScoreLabel {
  readonly arm: Arm;
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings?: Settings;
  readonly label: string;
  readonly detail: string;
}

/** A published figure beside ours: benchmark and protocol are ours, `publishedBenchmark` is what it is of. */
export interface PublishedRow {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings?: Settings;
  readonly publishedBenchmark: string;
  readonly model: string;
  readonly step: number;
  readonly condition: string;
  readonly metric: string;
  readonly value: number;
  readonly standardError: number | null;
  readonly numItems: number;
  readonly source: string;
  readonly warnings: readonly { readonly label: string; readonly detail: string }[];
}

export interface Scores {
  readonly scores: readonly ScoreRow[];
  readonly effects: readonly EffectRow[];
  readonly noiseFloor: readonly EffectRow[];
  readonly fidelity: readonly EffectRow[];
  readonly labels: readonly ScoreLabel[];
  readonly published: readonly PublishedRow[];
}

export interface EditRow {
  readonly step: number;
  readonly position: number;
  readonly rule: string;
  readonly row: number;
  readonly sample: number;
  readonly before: string;
  readonly after: string;
  readonly contextBefore: string;
  readonly contextAfter: string;
}

export interface Edits {
  readonly edits: readonly EditRow[];
  readonly totals: {
    readonly numEdits: number;
    readonly numRowsChanged: number;
    readonly numRows: number;
    readonly byRule: Readonly<Record<string, number>>;
  };
  readonly nextCursor: string | null;
}

/** What is streamed of a step; figures that older servers leave out are not there. */
export interface StepEvent {
  readonly arm: Arm;
  readonly step: number;
  readonly lossNats: number | null;
  readonly numEdits: number;
  readonly learningRate?: number;
  readonly gradientNorm?: number | null;
  readonly tokensPerSecond?: number;
}

export interface ModelEntry {
  readonly name: string;
  /** False for a model of a suite of which nothing has been fetched. */
  readonly isHere?: boolean;
  readonly endStep?: number;
  readonly checkpoints?: readonly { readonly checkpoint: string; readonly hasOptimizerState?: boolean }[];
  /** What it was trained on, where that is known and registered. */
  readonly dataset?: string | null;
}

export interface NamedEntry {
  readonly name: string;
  /** False for a benchmark whose files have not been fetched. */
  readonly isThere?: boolean;
  /** Of a benchmark, how it can be scored; left out by servers that know one way. */
  readonly protocols?: readonly string[];
}

function jobPath(id: string, part = ''): string {
  return `jobs/${encodeURIComponent(id)}${part}`;
}

/** What GET /jobs is asked for, by its parameters. */
export interface JobFilter {
  readonly state?: string | undefined;
  readonly sweep?: string | undefined;
  readonly tag?: string | undefined;
  readonly submittedBy?: string | undefined;
  readonly model?: string | undefined;
  /** Part of the name. */
  readonly name?: string | undefined;
  readonly archived?: string | undefined;
  readonly sort?: string | undefined;
}

/** What PATCH /jobs/:id takes. */
export interface JobChanges {
  readonly name?: string;
  readonly priority?: number;
  readonly tags?: readonly string[];
  readonly archived?: boolean;
}

export const api = {
  jobs: (filter: JobFilter, page: { readonly limit: number; readonly cursor?: string | undefined }) =>
    call<JobList>(apiAddress('jobs', { ...filter, ...page })),
  job: (id: string) => call<Job>(apiAddress(jobPath(id))),
  /** The new job's id. */
  submit: async (spec: JsonObject): Promise<string> => {
    const { job } = await call<{ job: Job }>(apiAddress('jobs'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(spec),
    });
    return job.id;
  },
  change: (id: string, changes: JobChanges) =>
    call<Job>(apiAddress(jobPath(id)), {
      ...{ method: 'PATCH', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify(changes),
    }),
  scores: (id: string) => call<Scores>(apiAddress(jobPath(id, '/scores'))),
  jobSchema: () => call<JsonSchema>(apiAddress('schemas/job')),
  /** The models that a job can name: of others the server only tells. */
  models: async () => {
    const { models } = await call<{ models: readonly ModelEntry[] }>(apiAddress('models'));
    return models.filter(({ isHere }) => isHere !== false);
  },
  datasets: async () => (await call<{ datasets: readonly NamedEntry[] }>(apiAddress('datasets'))).datasets,
  benchmarks: async () => (await call<{ benchmarks: readonly NamedEntry[] }>(apiAddress('benchmarks'))).benchmarks,
};

/** Where a job's manifest, and the stream of its events, are to be had. */
export function manifestAddress(id: string): string {
  return apiAddress(jobPath(id, '/manifest'));
}
export function eventsAddress(id: string): string {
  return apiAddress(jobPath(id, '/events'), { after: 'newest' });
}
