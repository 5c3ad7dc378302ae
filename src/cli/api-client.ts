// The HTTP API as the commands call it: its address, answers that are checked before use, and refusals (RFC 9457 problem
// details) told with the JSON pointer of each fault.
import { InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { InputError, messageOf } from '../errors.ts';
import { allScoresSchema, curvesSchema, effectSchema, intervalSchema, settingsSchema } from '../handover/job-report.ts';
import { ARMS, JOB_STATES } from '../job-spec.ts';
import { apiToken, listenAddress } from '../settings.ts';
import { printable } from './table.ts';

/** What the commands read of a job; whatever else the server says is kept for `--json`. */
export const jobSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  state: z.enum(JOB_STATES),
  reason: z.string().nullable(),
  message: z.string().nullable(),
  /** Left out by older servers. */
  heldBy: z.string().nullish(),
  attempt: z.int(),
  /** Left out by older servers. */
  submittedBy: z.looseObject({ name: z.string() }).nullish(),
  /** Of a fork: the checkpoint that it starts from. */
  start: z
    .object({ job: z.string(), arm: z.enum(ARMS), step: z.int(), path: z.string(), manifestSha256: z.string() })
    .nullish(),
  spec: z.looseObject({ model: z.string(), dataset: z.string(), arms: z.array(z.string()) }),
  plan: z.unknown(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  arms: z.array(
    z.looseObject({ arm: z.string(), state: z.string(), fromStep: z.int(), toStep: z.int(), step: z.int() }),
  ),
});
export type Job = z.infer<typeof jobSchema>;

const jobListSchema = z.object({ jobs: z.array(jobSchema), nextCursor: z.string().nullable() });
export type JobList = z.infer<typeof jobListSchema>;

const sweepSchema = z.object({ sweep: z.looseObject({ id: z.string(), name: z.string() }), jobs: z.array(jobSchema) });

const effectsSchema = z.looseObject({ effects: z.array(effectSchema) });
const checkpointsSchema = z.object({
  checkpoints: z.array(z.looseObject({ arm: z.string(), step: z.int(), path: z.string(), manifestSha256: z.string() })),
});

const jobLogSchema = z.object({
  lines: z.array(
    z.looseObject({
      ...{ id: z.int(), at: z.string(), level: z.string(), message: z.string() },
      ...{ attempt: z.int().nullable(), arm: z.string().nullable(), details: z.record(z.string(), z.unknown()) },
    }),
  ),
  lastId: z.string(),
});
export type JobLog = z.infer<typeof jobLogSchema>;

const workerSchema = z.looseObject({
  ...{ id: z.string(), host: z.string(), pid: z.int(), order: z.string().nullable(), startedAt: z.string() },
  numSlots: z.int(),
  beatAgeMs: z.number(),
  jobs: z.array(z.looseObject({ id: z.string(), name: z.string() })),
});
export type Worker = z.infer<typeof workerSchema>;

const place = {
  benchmark: z.string(),
  protocol: z.string(),
  settings: settingsSchema,
  metric: z.string(),
};
const replicateGroupSchema = z.looseObject({
  ...{ family: z.string(), point: z.record(z.string(), z.unknown()).nullable(), scope: z.string() },
  refused: z.array(z.object({ id: z.string(), detail: z.string() })),
  effects: z.array(
    z.looseObject({
      ...{
        ...place,
        value: z.number(),
        standardError: z.number().nullable(),
        interval: intervalSchema,
        numReplicates: z.int(),
      },
      replicates: z.array(z.object({ seed: z.int().nullable(), value: z.number() })),
    }),
  ),
});
export type ReplicateGroup = z.infer<typeof replicateGroupSchema>;
const sweepSummarySchema = sweepSchema.extend({ replicates: z.array(replicateGroupSchema) });

const warning = z.object({ label: z.string(), detail: z.string() });
const comparedSchema = z.looseObject({
  id: z.string(),
  scores: z.partialRecord(z.string(), z.looseObject({ value: z.number(), interval: intervalSchema })),
  effect: effectSchema.nullable(),
  published: z.array(z.looseObject({ condition: z.string(), value: z.number(), warnings: z.array(warning) })),
});
const comparisonSchema = z.looseObject({
  jobs: z.array(jobSchema),
  metrics: z.array(z.looseObject({ ...place, jobs: z.array(comparedSchema) })),
  labels: z.array(warning.extend({ id: z.string(), arm: z.string() })),
  replicates: z.array(replicateGroupSchema),
});
export type Comparison = z.infer<typeof comparisonSchema>;

const figures = z.object({ value: z.number(), numItems: z.int() });
const scoreChecksSchema = z.looseObject({
  tolerance: z.number(),
  checks: z.array(
    z.looseObject({
      ...{ arm: z.enum(ARMS), step: z.int(), benchmark: z.string(), protocol: z.string(), metric: z.string() },
      ...{ stored: figures.nullable(), fromItems: figures.nullable(), isEqual: z.boolean() },
    }),
  ),
});
export type ScoreChecks = z.infer<typeof scoreChecksSchema>;

const previewSchema = z.looseObject({
  ...{ step: z.int(), numRows: z.int(), numRowsChanged: z.int(), numEdits: z.int() },
  ...{ sha256Before: z.string(), sha256After: z.string(), editsByRule: z.record(z.string(), z.int()) },
  rows: z.array(
    z.looseObject({
      ...{ row: z.int(), sample: z.int() },
      edits: z.array(
        z.looseObject({
          ...{ rule: z.string(), before: z.string(), after: z.string() },
          ...{ contextBefore: z.string(), contextAfter: z.string() },
        }),
      ),
    }),
  ),
});
export type Preview = z.infer<typeof previewSchema>;

const estimateSchema = z.looseObject({
  window: z.object({ from: z.int(), to: z.int(), numSteps: z.int() }),
  ...{ microBatchSize: z.int(), recompute: z.string(), resume: z.string(), numTokens: z.number() },
  backend: z.object({ name: z.string(), basis: z.string() }),
  memory: z.looseObject({ residentBytesPerTrainer: z.number(), numTrainersAtOnce: z.int(), machineBytes: z.number() }),
  disk: z.looseObject({ bytes: z.number(), numCheckpoints: z.int(), freeBytes: z.number() }),
  time: z.object({ trainingSeconds: z.number().nullable(), basis: z.string() }),
  /** Not of older servers. */
  sharing: z
    .looseObject({
      numTrainings: z.int(),
      parts: z.array(
        z.looseObject({
          ...{ part: z.string(), state: z.string() },
          scoring: z.looseObject({ benchmark: z.string(), protocol: z.string(), settings: settingsSchema }).nullable(),
          by: z.looseObject({ name: z.string() }).nullable(),
        }),
      ),
      left: z.looseObject({
        ...{ numTrainings: z.int(), numTokens: z.number() },
        ...{ trainingSeconds: z.number().nullable(), diskBytes: z.number() },
      }),
      basis: z.string(),
    })
    .optional(),
  evaluations: z.looseObject({
    benchmarks: z.array(
      z.looseObject({
        ...{ benchmark: z.string(), metric: z.string().nullable(), numItems: z.int() },
        leastSignificant: z.number().nullable(),
        detectable: z.array(z.object({ shareDiffering: z.number(), difference: z.number().nullable() })),
        observed: z
          .looseObject({
            effects: z.array(z.looseObject({ metric: z.string(), detectable: z.number().nullable() })),
          })
          .nullable(),
        /** Not of older servers. */
        overReplicates: z
          .looseObject({
            ...{ numReplicates: z.int(), basis: z.string() },
            effects: z.array(z.looseObject({ metric: z.string(), detectable: z.number().nullable() })),
          })
          .optional(),
      }),
    ),
  }),
});
export type Estimate = z.infer<typeof estimateSchema>;

const problemSchema = z.object({
  title: z.string().optional(),
  detail: z.string().optional(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});

/** The parameters of GET /v1/jobs. */
export type JobFilter = Readonly<
  Partial<
    Record<
      'state' | 'sweep' | 'tag' | 'submittedBy' | 'name' | 'model' | 'policy' | 'direction' | 'archived',
      string | undefined
    >
  >
>;

const REQUEST_TIMEOUT_MS = 60_000;
/** Jobs asked for at once. */
const PAGE_SIZE = 100;

/** A fault of what was sent: its JSON pointer, and what to do. */
export type SentFault = NonNullable<z.infer<typeof problemSchema>['errors']>[number];

/** An answer that is no success, or none at all (status 0). */
export class ApiError extends InputError {
  override readonly name = 'ApiError';
  readonly faults: readonly SentFault[];
  constructor(
    readonly status: number,
    message: string,
    { faults = [], ...details }: { cause?: unknown; faults?: readonly SentFault[] } = {},
  ) {
    super(message, details);
    this.faults = faults;
  }

  /** Whether the same request may succeed later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export type ApiClient = ReturnType<typeof connect>;

/** The option of every command that talks to the server. */
export function urlOption(): Option {
  return new Option(
    '--url <address>',
    'the server (default: http://127.0.0.1:8642, or TIRESIAS_HOST and TIRESIAS_PORT)',
  ).argParser(parseUrl);
}

/** The API at `url`, by default where the settings let the server listen. Every call throws ApiError when it is refused. */
export function connect(url: string | undefined) {
  const base = url ?? localAddress();
  const get = <T>(path: string, schema: z.ZodType<T>) => request(base, path, schema);
  const post = <T>(path: string, schema: z.ZodType<T>, body?: unknown, key?: string) =>
    request(base, path, schema, { method: 'POST', body, key });
  const jobPath = (id: string) => `v1/jobs/${encodeURIComponent(id)}`;
  return {
    base,
    submit: async (spec: unknown, key?: string) => (await post('v1/jobs', z.object({ job: jobSchema }), spec, key)).job,
    preview: (body: unknown) => post('v1/preview', previewSchema, body),
    estimate: (job: unknown, replicates: number) => post('v1/estimate', estimateSchema, { job, replicates }),
    job: (id: string) => get(jobPath(id), jobSchema),
    jobs: (filter: JobFilter, limit: number) => listJobs(base, filter, limit),
    manifest: (id: string) => get(`${jobPath(id)}/manifest`, z.looseObject({})),
    addCheckpoint: (id: string, checkpoint: unknown) => post(`${jobPath(id)}/checkpoints`, jobSchema, checkpoint),
    logs: (id: string, query: Readonly<Record<string, string>>) =>
      get(`${jobPath(id)}/logs?${new URLSearchParams(query)}`, jobLogSchema),
    cancel: (id: string) => post(`${jobPath(id)}/cancel`, jobSchema),
    pause: (id: string) => post(`${jobPath(id)}/pause`, jobSchema),
    resume: (id: string) => post(`${jobPath(id)}/resume`, jobSchema),
    fork: async (id: string, fork: unknown, key?: string) =>
      (await post(`${jobPath(id)}/fork`, z.object({ job: jobSchema }), fork, key)).job,
    change: (id: string, body: unknown) => request(base, jobPath(id), jobSchema, { method: 'PATCH', body }),
    retry: (id: string) => post(`${jobPath(id)}/retry`, jobSchema),
    effects: async (id: string) => (await get(`${jobPath(id)}/scores`, effectsSchema)).effects,
    scores: (id: string) => get(`${jobPath(id)}/scores`, allScoresSchema),
    curves: (id: string) => get(`${jobPath(id)}/metrics`, curvesSchema),
    checkpoints: async (id: string) => (await get(`${jobPath(id)}/checkpoints`, checkpointsSchema)).checkpoints,
    scoreChecks: (id: string) => get(`${jobPath(id)}/score-check`, scoreChecksSchema),
    compare: (ids: readonly string[]) =>
      get(`v1/compare?${new URLSearchParams({ jobs: ids.join(',') })}`, comparisonSchema),
    sweep: (id: string) => get(`v1/sweeps/${encodeURIComponent(id)}`, sweepSummarySchema),
    workers: () => get('v1/workers', z.object({ workers: z.array(workerSchema) })),
    orderWorker: (id: string, order: 'drain' | 'hold' | 'release') =>
      post(`v1/workers/${encodeURIComponent(id)}/${order}`, workerSchema),
    /** Opens the event stream of a job behind the event of that id. */
    openEvents: (id: string, lastEventId: string | undefined, signal: AbortSignal) => {
      const headers = {
        accept: 'text/event-stream',
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      };
      return send(base, `${jobPath(id)}/events`, { headers, signal });
    },
  };
}

// Newest first, page by page until `limit` jobs are there.
async function listJobs(base: string, filter: JobFilter, limit: number): Promise<JobList> {
  const jobs: Job[] = [];
  let cursor: string | null = null;
  do {
    const wanted = Math.min(PAGE_SIZE, limit - jobs.length);
    const query = { ...filter, limit: String(wanted), cursor: cursor ?? undefined };
    const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const page: JobList = await request(base, `v1/jobs?${new URLSearchParams(given)}`, jobListSchema);
    jobs.push(...page.jobs);
    cursor = page.jobs.length === 0 ? null : page.nextCursor;
  } while (cursor !== null && jobs.length < limit);
  return { jobs, nextCursor: cursor };
}

interface Sent {
  readonly method: 'POST' | 'PATCH';
  readonly body: unknown;
  /** Idempotency-Key. */
  readonly key?: string | undefined;
}

/** The checked answer of a path of the API. Throws ApiError. */
export async function request<T>(base: string, path: string, schema: z.ZodType<T>, sent?: Sent): Promise<T> {
  const response = await send(base, path, {
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    ...(sent !== undefined && { method: sent.method }),
    headers: {
      ...(sent?.body !== undefined && { 'content-type': 'application/json' }),
      ...(sent?.key !== undefined && { 'idempotency-key': sent.key }),
    },
    ...(sent?.body !== undefined && { body: JSON.stringify(sent.body) }),
  });
  const answer: unknown = await response.json().catch((cause: unknown) => {
    throw new ApiError(0, `${response.url}: expected JSON: ${messageOf(cause)}`, { cause });
  });
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue === undefined ? '' : ` at "${issue.path.join('.')}": ${issue.message}`;
  throw new ApiError(response.status, `${response.url}: the answer is not what this version expects${where}`);
}

/** The answer of a path of the API that is a success. Throws ApiError. */
export async function send(base: string, path: string, init: RequestInit): Promise<Response> {
  const token = apiToken();
  const headers = new Headers(init.headers);
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  let response;
  try {
    response = await fetch(new URL(path, base), { ...init, headers });
  } catch (cause) {
    const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : messageOf(cause);
    const advice = 'start it with `tiresias up`, or name its address with --url';
    throw new ApiError(0, `no server answers at ${base} (${why || 'no connection'}): ${advice}`, { cause });
  }
  if (response.ok) return response;
  throw await refusal(response);
}

async function refusal(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined);
  const problem = problemSchema.safeParse(body);
  if (!problem.success) {
    return new ApiError(
      response.status,
      `${response.url} answered ${response.status} ${printable(response.statusText)}`,
    );
  }
  const { title, detail, errors = [] } = problem.data;
  const advice = response.status === 401 ? '; commands show the token in TIRESIAS_TOKEN' : '';
  const words = [title, detail].filter((part, i, parts) => part !== undefined && parts.indexOf(part) === i).join(': ');
  const lines = errors.map((fault) => `\n  ${printable(fault.pointer || '(whole)')}: ${printable(fault.detail)}`);
  const message = `${printable(words || 'refused')} (HTTP ${response.status})${advice}${lines.join('')}`;
  return new ApiError(response.status, message, { faults: errors });
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new InvalidArgumentError('expected an address such as http://127.0.0.1:8642.');
  }
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}

// A server that listens on every address is reached on the loopback one.
function localAddress(): string {
  const { host, port } = listenAddress();
  const reached = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host);
  return `http://${reached}:${port}/`;
}
