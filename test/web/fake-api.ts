// A small stand-in for the HTTP API: the contract's addresses and shapes over data that a test sets and changes, and the built page
// at `/`. Checks submitted specs with the real schema, and speaks server-sent events with Last-Event-ID.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { z } from 'zod';
import { jobSpecSchema } from '../../src/job-spec.ts';
import type { EditRow, Job, Scores } from '../../src/web/api.ts';
import type { ComparedItems, ThinnedMetrics, Timeline } from '../../src/web/records.ts';
import { makeJob } from './fake-jobs.ts';
import { fakeEstimate, fakePreview, fakeTraining } from './fake-planning.ts';

interface FakeEvent {
  readonly id: number;
  readonly jobId: string;
  readonly type: string;
  readonly data: unknown;
}

/** What the stand-in answers with; a test may change it at any time. */
export interface FakeState {
  jobs: Job[];
  readonly metrics: Map<string, ThinnedMetrics>;
  readonly scores: Map<string, Scores>;
  readonly edits: Map<string, EditRow[]>;
  readonly submitted: unknown[];
  /** The Last-Event-ID header of each connection to an event stream, oldest first. */
  readonly resumedFrom: (string | undefined)[];
  isDown: boolean;
  /** Bodies of what was asked of previews, oldest first, and how long each takes. */
  readonly previewed: unknown[];
  previewMs: number;
  freeDiskBytes: number;
  /** What other jobs have done of any job that is estimated. */
  sharedParts: Parameters<typeof fakeEstimate>[1];
}

export interface FakeApi {
  readonly address: string;
  readonly state: FakeState;
  readonly replaceJob: (id: string, change: Partial<Job>) => void;
  readonly send: (jobId: string, type: string, data: unknown) => void;
  /** Breaks every open event stream, as a proxy or a restart does. */
  readonly dropStreams: () => void;
  readonly close: () => Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const PAGE_SIZE = 30; // less than the page asks for: the server may have another limit
// What helmet sends by default, without its https upgrade: the page must live with it.
const SECURITY =
  "default-src 'self'; img-src 'self' data:; script-src 'self'; style-src 'self' 'unsafe-inline'; object-src 'none'";

/** Starts the stand-in on a free port; `pageFolder` holds the built page. */
export async function startFakeApi(pageFolder: string, jobs: Job[]): Promise<FakeApi> {
  const state: FakeState = {
    ...{ jobs, metrics: new Map(), scores: new Map(), edits: new Map(), submitted: [], resumedFrom: [] },
    ...{ isDown: false, previewed: [], previewMs: 0, freeDiskBytes: 60e9, sharedParts: [] },
  };
  const events: FakeEvent[] = [];
  const streams = new Map<ServerResponse, string>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fake');
    if (url.pathname === '/healthz') return sendJson(response, 200, { status: 'ok' });
    if (!url.pathname.startsWith('/v1/')) return sendFile(response, pageFolder, url.pathname);
    if (state.isDown) return sendJson(response, 503, { title: 'The database does not answer' });
    const stream = /^\/v1\/jobs\/([^/]+)\/events$/.exec(url.pathname);
    if (stream?.[1] !== undefined) return openStream(request, response, stream[1]);
    void answer(state, request, url).then(({ status, body }) => sendJson(response, status, body));
  });

  function openStream(request: IncomingMessage, response: ServerResponse, jobId: string): void {
    const last = request.headers['last-event-id'];
    state.resumedFrom.push(typeof last === 'string' ? last : undefined);
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write('retry: 100\n\n');
    const missed = events.filter((event) => event.jobId === jobId && event.id > Number(last ?? 0));
    for (const event of missed) response.write(frameOf(event));
    streams.set(response, jobId);
    response.on('close', () => streams.delete(response));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    state,
    replaceJob: (id, change) => {
      state.jobs = state.jobs.map((job) => (job.id === id ? { ...job, ...change } : job));
    },
    send: (jobId, type, data) => {
      const event = { id: events.length + 1, jobId, type, data };
      events.push(event);
      for (const [response, of] of streams) if (of === jobId) response.write(frameOf(event));
    },
    dropStreams: () => {
      for (const response of streams.keys()) response.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function frameOf({ id, type, data }: FakeEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The state that an order leads to. */
const ORDERS: Readonly<Record<string, Job['state']>> = {
  cancel: 'cancelling',
  retry: 'queued',
  pause: 'paused',
  resume: 'queued',
};

const timeline: Timeline = { events: [], attempts: [], nextCursor: null };
const compared: ComparedItems = {
  ...{ step: 1430, steps: [1430], arm: 'intervention', baseline: 'control', unit: 'nats', textsMissing: null },
  ...{ biasTypes: {}, occupations: {}, numItems: 0, numMatching: 0, offset: 0, items: [] },
};
/** What has nothing in it here, because its tests are on the real API. */
const records: Readonly<Record<string, unknown>> = {
  timeline,
  'compared-items': compared,
  'edit-counts': { stepsPerPoint: 1, step: [], byRule: {} },
  checkpoints: { checkpoints: [] },
  logs: { lines: [], lastId: '0' },
};

async function answer(state: FakeState, request: IncomingMessage, url: URL): Promise<Answer> {
  const [, , resource, id, part] = url.pathname.split('/');
  const ok = (body: unknown): Answer => ({ status: 200, body });
  const empty: Scores = { scores: [], effects: [], noiseFloor: [], fidelity: [], labels: [], published: [] };
  if (resource === 'jobs' && id === undefined) {
    return request.method === 'POST' ? submit(state, await readBody(request)) : ok(listJobs(state, url.searchParams));
  }
  if (resource === 'jobs' && id !== undefined) {
    const job = state.jobs.find((candidate) => candidate.id === id);
    if (job === undefined) return { status: 404, body: { title: 'Not found', detail: `there is no job ${id}` } };
    if (part === undefined && request.method === 'PATCH') return change(state, job, await readBody(request));
    if (part === undefined) return ok(job);
    if (part === 'metrics') return ok(state.metrics.get(id) ?? { arms: {} });
    if (part === 'scores') return ok(state.scores.get(id) ?? empty);
    if (part === 'edits') return ok(listEdits(state.edits.get(id) ?? [], url.searchParams));
    if (part === 'manifest') return ok({ job: id });
    const record = records[part];
    if (record !== undefined) return ok(record);
    const next = ORDERS[part];
    if (next !== undefined) {
      state.jobs = state.jobs.map((other) => (other.id === id ? { ...other, state: next } : other));
      return { status: 202, body: state.jobs.find((other) => other.id === id) };
    }
  }
  if (resource === 'models' && id !== undefined) return ok(fakeTraining(decodeURIComponent(id)));
  if (resource === 'preview' || resource === 'estimate') return plan(state, resource, await readBody(request));
  const checkpoints = [1130, 1330, 1430].map((step) => ({
    checkpoint: `step${step}`,
    hasOptimizerState: step === 1330,
  }));
  const catalogue: Readonly<Record<string, unknown>> = {
    '/v1/schemas/job': z.toJSONSchema(jobSpecSchema, { io: 'input' }),
    '/v1/errands': { errands: [] },
    '/v1/session': { access: 'open', caller: null, csrfToken: null },
    '/v1/models': {
      models: [
        { name: 'nano-1m', endStep: 1430, checkpoints },
        { name: 'pythia-70m', endStep: 143000, checkpoints: [{ checkpoint: 'step133000' }] },
        { name: 'pythia-12b', isHere: false, endStep: 143000, dataset: null, checkpoints: [] },
      ],
    },
    '/v1/datasets': { datasets: [{ name: 'nano-stories' }, { name: 'pile-deduped-preshuffled' }] },
    '/v1/benchmarks': {
      benchmarks: [
        { name: 'winobias', isThere: false },
        { name: 'nano-winobias', protocols: ['likelihood', 'pronoun-choice'] },
        { name: 'nano-crows-pairs' },
      ],
    },
  };
  const body = catalogue[url.pathname];
  return body === undefined ? { status: 404, body: { title: 'Not found' } } : ok(body);
}

function change(state: FakeState, job: Job, body: unknown): Answer {
  const { archived, ...more } = body as { archived?: boolean; tags?: string[] };
  if (archived === true && job.state === 'running') {
    return { status: 409, body: { title: 'Conflict', detail: `job ${job.name} is running` } };
  }
  const archivedAt = archived === undefined ? job.archivedAt : archived ? new Date().toISOString() : null;
  const changed: Job = { ...job, ...more, ...(archivedAt !== undefined && { archivedAt }) };
  state.jobs = state.jobs.map((other) => (other.id === job.id ? changed : other));
  return { status: 200, body: changed };
}

/** Faults of the job are told below `/job`, as the API does. */
async function plan(state: FakeState, what: 'preview' | 'estimate', body: unknown): Promise<Answer> {
  const { job, step } = body as { job: unknown; step?: number };
  const parsed = jobSpecSchema.safeParse(job);
  if (!parsed.success) {
    const errors = parsed.error.issues.map(({ path, message }) => ({
      pointer: ['', 'job', ...path.map(String)].join('/'),
      detail: message,
    }));
    return { status: 422, body: { title: 'The document has faults', detail: 'see errors', errors } };
  }
  if (what === 'estimate') return { status: 200, body: fakeEstimate(state.freeDiskBytes, state.sharedParts) };
  state.previewed.push(body);
  await new Promise((resolve) => setTimeout(resolve, state.previewMs));
  return { status: 200, body: fakePreview(step ?? 1330) };
}

function submit(state: FakeState, body: unknown): Answer {
  const parsed = jobSpecSchema.safeParse(body);
  if (!parsed.success) {
    const errors = parsed.error.issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({
            pointer: [...issue.path, key].map((at) => `/${String(at)}`).join(''),
            detail: 'is no field of a job',
          }))
        : [{ pointer: issue.path.map((at) => `/${String(at)}`).join(''), detail: issue.message }],
    );
    return { status: 422, body: { title: 'The spec has faults', detail: 'see errors', errors } };
  }
  state.submitted.push(body);
  const job = makeJob(-1 - state.submitted.length, 'queued', body as Partial<z.input<typeof jobSpecSchema>>);
  state.jobs = [job, ...state.jobs];
  return { status: 201, body: { job } };
}

function listJobs({ jobs }: FakeState, query: URLSearchParams) {
  const keys = ['state', 'tag', 'name', 'model', 'submittedBy'];
  const [state, tag, name, model, sender] = keys.map((key) => query.get(key));
  const isArchived = (job: Job) => typeof job.archivedAt === 'string';
  const archived = query.get('archived') ?? 'no';
  const all = jobs.filter(
    (job) =>
      (state === null || job.state === state) &&
      (tag === null || (job.tags ?? []).includes(tag!)) && // of the five keys
      (sender === null || job.submittedBy?.name === sender) &&
      (name === null || job.name.includes(name!)) &&
      (model === null || job.spec.model === model) &&
      (archived === 'all' || isArchived(job) === (archived === 'only')),
  );
  if (query.get('sort') === 'name') all.sort((a, b) => (a.name < b.name ? -1 : 1));
  const start = all.findIndex(({ id }) => id === query.get('cursor')) + 1;
  const end = start + Math.min(PAGE_SIZE, Number(query.get('limit') ?? PAGE_SIZE));
  return { jobs: all.slice(start, end), nextCursor: end < all.length ? (all[end - 1]?.id ?? null) : null };
}

function listEdits(edits: readonly EditRow[], query: URLSearchParams) {
  const byRule: Record<string, number> = {};
  for (const { rule } of edits) byRule[rule] = (byRule[rule] ?? 0) + 100;
  const rule = query.get('rule');
  const matching = edits.filter((edit) => rule === null || edit.rule === rule);
  const start = Number(query.get('cursor') ?? 0);
  const end = start + Number(query.get('limit') ?? 50);
  return {
    edits: matching.slice(start, end),
    totals: { numEdits: 100 * edits.length, numRowsChanged: edits.length === 0 ? 0 : 1_287, numRows: 1_600, byRule },
    nextCursor: end < matching.length ? String(end) : null,
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
  response.end(JSON.stringify(body));
}

function sendFile(response: ServerResponse, folder: string, path: string): void {
  const file = join(folder, normalize(path === '/' ? '/index.html' : path));
  try {
    const bytes = readFileSync(file);
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': SECURITY,
    });
    response.end(bytes);
  } catch {
    response.writeHead(404).end();
  }
}
