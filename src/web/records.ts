// The API's answers about what a job has recorded: thinned curves, compared items, drawn edits, the timeline, files. As api.ts has the others.
import type { Arm } from '../job-spec.ts';
import type { Edits, Job, Settings } from './api.ts';
import { apiAddress, call } from './api-call.ts';
import type { JsonObject } from './json-pointer.ts';

/** Figures of a step that charts show. */
export const FIGURES = ['lossNats', 'learningRate', 'gradientNorm', 'tokensPerSecond', 'numEdits'] as const;
export type Figure = (typeof FIGURES)[number];
export type Column = readonly (number | null)[];

export interface ThinnedMetrics {
  /** Columns of equal length; of points of several steps, means. */
  readonly arms: Partial<
    Record<Arm, Partial<Record<Figure | 'recordedAtMs', Column>> & { readonly step: readonly number[] }>
  >;
  readonly lossSpikes?: Partial<Record<Arm, readonly LossSpike[]>>;
  /** What follows is left out by servers that thin nothing. */
  readonly stepsPerPoint?: number;
  readonly numSteps?: Partial<Record<Arm, readonly number[]>>;
  readonly extremes?: Partial<Record<Arm, Partial<Record<Figure, { readonly min: Column; readonly max: Column }>>>>;
}

export interface LossSpike {
  readonly step: number;
  readonly lossNats: number;
  readonly expectedNats: number;
}

export type ItemUnit = 'nats' | 'nats per token' | 'right answers';

interface ItemWords {
  readonly index: number;
  readonly biasType: string;
  readonly occupation: string | null;
  readonly stereotype: string | null;
  /** The stereotyped first; null where the server has not the benchmark's files. */
  readonly texts: readonly string[] | null;
  readonly numTokens: readonly number[];
}

export interface ComparedItem extends ItemWords {
  readonly margins: { readonly baseline: number | null; readonly arm: number | null };
  readonly change: number | null;
}

export interface ComparedItems {
  readonly step: number;
  readonly steps: readonly number[];
  readonly arm: Arm;
  readonly baseline: Arm;
  readonly unit: ItemUnit | null;
  readonly textsMissing: string | null;
  readonly biasTypes: Readonly<Record<string, number>>;
  readonly occupations: Readonly<Record<string, number>>;
  readonly numItems: number;
  readonly numMatching: number;
  readonly offset: number;
  readonly items: readonly ComparedItem[];
}

export interface ItemHistory extends ItemWords {
  readonly unit: ItemUnit;
  readonly textsMissing: string | null;
  readonly margins: readonly {
    readonly arm: Arm;
    readonly step: number;
    readonly margin: number;
    readonly logLikelihood: readonly number[];
    readonly predictions: readonly string[] | null;
  }[];
}

export interface EditCounts {
  readonly stepsPerPoint: number;
  readonly step: readonly number[];
  readonly byRule: Readonly<Record<string, readonly number[]>>;
}

export interface TimelineEvent {
  readonly id: number;
  readonly type: string;
  readonly data: JsonObject;
  readonly at: string;
}

export interface AttemptRow {
  readonly number: number;
  readonly owner: string;
  readonly host: string;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly outcome: string | null;
  readonly message: string | null;
}

export interface Timeline {
  readonly events: readonly TimelineEvent[];
  readonly attempts: readonly AttemptRow[];
  readonly nextCursor: string | null;
}

export interface LogLine {
  readonly id: number;
  readonly at: string;
  readonly level: string;
  readonly attempt: number | null;
  readonly arm: string | null;
  readonly message: string;
  readonly details: JsonObject;
}

export interface CheckpointRow {
  readonly arm: Arm;
  readonly step: number;
  readonly attempt: number;
  readonly path: string;
  readonly manifestSha256: string;
  readonly sizeBytes: number;
  readonly isPinned: boolean;
  readonly recordedAt: string;
}

export interface ItemSet {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings?: Settings;
}

type Query = Readonly<Record<string, string | number | undefined>>;

function recordOf<T>(id: string, part: string, query: Query = {}): Promise<T> {
  return call<T>(apiAddress(`jobs/${encodeURIComponent(id)}/${part}`, query));
}

function inQuery({ benchmark, protocol, settings }: ItemSet): Query {
  const hasSettings = settings !== undefined && Object.keys(settings).length > 0;
  return { benchmark, protocol, ...(hasSettings && { settings: JSON.stringify(settings) }) };
}

async function change<T>(path: string, method: 'POST' | 'PATCH', body?: JsonObject): Promise<T> {
  const json = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return call<T>(apiAddress(path), { method, ...json });
}

export const records = {
  curves: (id: string, query: { from?: number; to?: number; points: number }) =>
    recordOf<ThinnedMetrics>(id, 'metrics', query),
  comparedItems: (id: string, set: ItemSet, query: Query) =>
    recordOf<ComparedItems>(id, 'compared-items', { ...inQuery(set), ...query }),
  itemHistory: (id: string, set: ItemSet, index: number) =>
    recordOf<ItemHistory>(id, 'item-history', { ...inQuery(set), index }),
  edits: (id: string, query: Query) => recordOf<Edits>(id, 'edits', query),
  editCounts: (id: string, arm: Arm, points: number) => recordOf<EditCounts>(id, 'edit-counts', { arm, points }),
  timeline: (id: string, cursor?: string) => recordOf<Timeline>(id, 'timeline', { limit: 50, cursor }),
  checkpoints: async (id: string) =>
    (await recordOf<{ checkpoints: readonly CheckpointRow[] }>(id, 'checkpoints')).checkpoints,
  /** Lines behind `after`, else the newest; a server that keeps no logs answers 404. */
  logs: (id: string, query: Query) =>
    recordOf<{ readonly lines: readonly LogLine[]; readonly lastId: string }>(id, 'logs', { limit: 500, ...query }),
  manifest: (id: string) => recordOf<JsonObject>(id, 'manifest'),
};

export type Order = 'pause' | 'resume' | 'retry' | 'cancel';

export const orders = {
  give: (id: string, order: Order) => change<Job>(`jobs/${encodeURIComponent(id)}/${order}`, 'POST'),
  archive: (id: string, archived: boolean) => change<Job>(`jobs/${encodeURIComponent(id)}`, 'PATCH', { archived }),
  /** The new job's id. */
  fork: async (id: string, fork: JsonObject) =>
    (await change<{ job: Job }>(`jobs/${encodeURIComponent(id)}/fork`, 'POST', fork)).job.id,
};
