// What a lab asks of a server while jobs run: 50 requests a second, of the page, of scripts, of its operators.
import { readdirSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { packagePath } from '../../src/package-root.ts';
import type { Mix, Report, Request } from './open-loop.ts';

export interface MixPlaces {
  readonly url: string;
  /** A job of full size that is over, and its last step. */
  readonly finished: string;
  readonly lastStep: number;
  /** Jobs to be compared. */
  readonly compared: readonly string[];
  /** The job that trains. */
  readonly running: string;
  /** What is submitted, and cancelled at once. */
  readonly spec: JobSpecInput;
  /** Hears every answer of /metrics. */
  readonly onFigures: (text: string) => void;
}

/** How long a viewer stays at a stream of events. */
const STREAM_MS = 1_000;
const PATIENCE_MS = 30_000;

/** The mix; `close` ends its connections. */
export function makeMix(places: MixPlaces): { mix: readonly Mix[]; close: () => void } {
  const { finished, lastStep, compared, running, spec, onFigures } = places;
  const agent = new Agent({ keepAlive: true });
  const ask = (path: string, options: Options = {}) => send(agent, places.url + path, options);
  const get = (route: string, path: string, options?: Options): Request => {
    return async (report, dueMs) => report(route, dueMs, (await ask(path, options)).status);
  };
  const post = (route: string, path: string, body: unknown) => get(route, path, { body });
  const job = `/v1/jobs/${finished}`;
  const items = `arm=intervention&step=${lastStep}&benchmark=nano-winobias&protocol=likelihood`;
  const submitAndCancel: Request = async (report, dueMs) => {
    const submitted = await ask('/v1/jobs', { body: { ...spec, name: 'load' } });
    report('POST jobs', dueMs, submitted.status);
    if (submitted.status !== 201) return;
    const { id } = (JSON.parse(submitted.text) as { job: { id: string } }).job;
    await timed(report, 'POST cancel', dueMs, () => ask(`/v1/jobs/${id}/cancel`, { body: {} }));
  };
  const figures: Request = async (report, dueMs) => {
    const { status, text } = await ask('/metrics');
    report('GET /metrics', dueMs, status);
    onFigures(text);
  };
  const asset = readdirSync(packagePath('dist', 'web', 'assets')).find((name) => name.endsWith('.js'));
  const mix = [
    { times: 6, send: get('GET jobs', '/v1/jobs') },
    { times: 5, send: get('GET job', `/v1/jobs/${running}`) },
    { times: 3, send: get('GET job', job) },
    { times: 3, send: get('GET scores', `${job}/scores`) },
    { times: 1, send: get('GET scores', `/v1/jobs/${running}/scores`) },
    { times: 1, send: get('GET metrics', `${job}/metrics`) },
    { times: 2, send: get('GET metrics', `/v1/jobs/${running}/metrics`) },
    { times: 2, send: get('GET items', `${job}/items?${items}`) },
    { times: 3, send: get('GET edits', `${job}/edits`) },
    { times: 1, send: get('GET checkpoints', `${job}/checkpoints`) },
    { times: 1, send: get('GET manifest', `/v1/jobs/${running}/manifest`) },
    { times: 3, send: get('GET events', `/v1/jobs/${running}/events`, { streamMs: STREAM_MS }) },
    { times: 1, send: post('POST preview', '/v1/preview', { job: spec }) },
    { times: 2, send: post('POST estimate', '/v1/estimate', { job: spec }) },
    { times: 2, send: get('GET compare', `/v1/compare?jobs=${compared.join(',')}`) },
    { times: 2, send: submitAndCancel },
    { times: 2, send: get('GET openapi', '/v1/openapi.json') },
    { times: 4, send: get('page', '/') },
    { times: 3, send: get('page', `/assets/${asset}`) },
    { times: 1, send: figures },
    { times: 2, send: get('GET /healthz', '/healthz') },
  ];
  return { mix, close: () => agent.destroy() };
}

interface Options {
  /** Posted as JSON; default: GET. */
  readonly body?: unknown;
  /** Answered with its first words, and left after so long. */
  readonly streamMs?: number;
}

interface Answer {
  /** 0 where there was none. */
  readonly status: number;
  readonly text: string;
}

/** A request that follows from another: timed from when it is sent. */
async function timed(report: Report, route: string, dueMs: number, work: () => Promise<Answer>): Promise<void> {
  const startedMs = performance.now();
  const { status } = await work();
  report(route, dueMs, status, performance.now() - startedMs);
}

function send(agent: Agent, url: string, { body, streamMs }: Options): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = text === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve) => {
    const failed = () => resolve({ status: 0, text: '' });
    const request = httpRequest(url, { agent, method: text === undefined ? 'GET' : 'POST', headers }, (response) => {
      const { statusCode: status = 0 } = response;
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => {
        if (streamMs === undefined) parts.push(part);
        else if (parts.push(part) === 1) setTimeout(() => response.destroy(), streamMs);
        if (streamMs !== undefined) resolve({ status, text: '' });
      });
      response.on('end', () => resolve({ status, text: Buffer.concat(parts).toString() }));
      response.on('error', failed);
    });
    request.setTimeout(PATIENCE_MS, () => request.destroy());
    request.on('error', failed);
    request.end(text);
  });
}
