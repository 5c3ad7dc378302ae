// The HTTP API as the commands call it: its address, answers that are checked before use, and refusals (RFC 9457 problem
// details) told with the JSON pointer of each fault.
import { InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { InputError, messageOf } from '../errors.ts';
import { allScoresSchema, curvesSchema } from '../handover/job-report.ts';
import { apiToken, listenAddress } from '../settings.ts';
import {
  checkpointsSchema,
  comparisonSchema,
  effectsSchema,
  estimateSchema,
  jobListSchema,
  jobLogSchema,
  jobSchema,
  previewSchema,
  scoreChecksSchema,
  sweepSummarySchema,
  workerSchema,
  type Job,
  type JobList,
} from './api-answers.ts';
import { printable } from './table.ts';

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
