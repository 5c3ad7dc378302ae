// A real web server of byte ranges, for tests: it serves files from memory, writes down what it was asked for, and misbehaves as told.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RangeRequest {
  readonly path: string;
  readonly from: number;
  /** Inclusive, as in the header. */
  readonly to: number;
  readonly headers: IncomingMessage['headers'];
}

/** Answers in the server's stead and returns true, or returns false for the right answer. */
export type Fault = (request: RangeRequest, response: ServerResponse, file: Buffer) => boolean;

export interface RangeServer {
  readonly url: string;
  readonly files: Map<string, Buffer>;
  readonly requests: RangeRequest[];
  etag: string | undefined;
  fault: Fault;
  close(): Promise<void>;
}

export async function startRangeServer(): Promise<RangeServer> {
  const files = new Map<string, Buffer>();
  const requests: RangeRequest[] = [];
  const server: Server = createServer((request, response) => {
    const file = files.get(new URL(request.url ?? '/', 'http://localhost').pathname);
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    if (file === undefined || range === null) return void response.writeHead(file === undefined ? 404 : 400).end();
    const [from, to] = [Number(range[1]), Number(range[2])];
    const asked = { path: request.url ?? '/', from, to, headers: request.headers };
    requests.push(asked);
    if (self.fault(asked, response, file)) return;
    if (request.headers['if-range'] !== undefined && request.headers['if-range'] !== self.etag) {
      response.writeHead(200, headersOf(self.etag, file.length)).end(file);
      return;
    }
    serveRange(response, file, from, to, self.etag);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const self: RangeServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ files, requests, etag: '"one"', fault: () => false },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return self;
}

/** The right answer: 206 with those bytes, or 416 beyond the end. */
export function serveRange(
  response: ServerResponse,
  file: Buffer,
  from: number,
  to: number,
  etag: string | undefined,
): void {
  if (from >= file.length) return void response.writeHead(416).end();
  const last = Math.min(to, file.length - 1);
  response.writeHead(206, {
    ...headersOf(etag, last + 1 - from),
    'content-range': `bytes ${from}-${last}/${file.length}`,
  });
  response.end(file.subarray(from, last + 1));
}

function headersOf(etag: string | undefined, length: number) {
  return { 'content-length': length, ...(etag !== undefined && { etag }) };
}
