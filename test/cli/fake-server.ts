// A stand-in for the API: a table of answers by method and path, and a list of what was asked.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll } from 'vitest';

export interface Asked {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: unknown;
  readonly lastEventId: string | undefined;
}

type Answer = (response: ServerResponse, asked: Asked) => void;

export interface FakeServer {
  readonly url: string;
  readonly asked: Asked[];
  /** Sets the answer to e.g. "GET /v1/jobs"; the query does not count. */
  on(route: string, answer: Answer): void;
}

/** A server of the test file, gone when the file is done. */
export async function fakeServer(): Promise<FakeServer> {
  const answers = new Map<string, Answer>();
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const { method = '', url: path = '' } = request;
      const entry = { method, path, body, lastEventId: request.headers['last-event-id'] as string | undefined };
      asked.push(entry);
      const answer = answers.get(`${method} ${path.split('?')[0] ?? ''}`);
      if (answer === undefined) problem(404, { title: 'Not found', detail: `there is no ${path}` })(response, entry);
      else answer(response, entry);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // it listens on a port
  return { url: `http://127.0.0.1:${port}`, asked, on: (route, answer) => void answers.set(route, answer) };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? undefined : JSON.parse(text);
}

/** An answer in JSON. */
export function json(status: number, body: unknown): Answer {
  return (response) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** An RFC 9457 problem. */
export function problem(status: number, body: object): Answer {
  return (response) =>
    response
      .writeHead(status, { 'content-type': 'application/problem+json' })
      .end(JSON.stringify({ type: 'about:blank', status, ...body }));
}

/** One server-sent event. */
export function frame(id: number, type: string, data: unknown): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A job as the API tells it. */
export function aJob(changes: object = {}): object {
  const spec = { model: 'nano-1m', dataset: 'nano-stories', arms: ['published', 'control', 'intervention'] };
  return {
    ...{ id: '0191-a', name: 'a job', state: 'queued', reason: null, message: null, attempt: 0, priority: 0, spec },
    ...{ plan: null, progress: null, sweepId: null, sweepPoint: null, heartbeatAgeMs: null },
    ...{ createdAt: '2025-01-01T00:00:00.000Z', startedAt: null, finishedAt: null, arms: [] },
    ...changes,
  };
}
