// A hub over real HTTP on the loopback, with the addresses and headers of Hugging Face's: revisions, trees, files that redirect to another port as the CDN
// does. What goes wrong is scripted: each entry of `faults` spoils the next answer that it fits.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HubClient } from '../../src/suite/hub/request.ts';

export interface FakeRepo {
  /** By revision, then path. */
  readonly revisions: Record<string, Record<string, Buffer>>;
  readonly isGated?: boolean;
}

export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  /** The connection ends after this many bytes of the body, and not before `until`. */
  | { readonly kind: 'cut'; readonly after: number; readonly until?: Promise<void> }
  /** The answer ends properly, but early. */
  | { readonly kind: 'short'; readonly by: number }
  | { readonly kind: 'flip'; readonly at: number };

interface ScriptedFault {
  readonly path: RegExp;
  readonly fault: Fault;
}

export interface Seen {
  readonly server: 'hub' | 'cdn';
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

export interface FakeHub {
  readonly endpoint: string;
  /** By ORG/NAME, or datasets/ORG/NAME. */
  readonly repos: Record<string, FakeRepo>;
  readonly faults: ScriptedFault[];
  readonly requests: Seen[];
  /** Files from this size on are large: SHA-256 as ETag, and a redirect to the other port. */
  largeFrom: number;
  hasRanges: boolean;
  /** Is called before each body is sent. */
  onBody: (path: string) => void | Promise<void>;
  /** Changes entries of the tree before they are sent. */
  spoilTree: (entries: Record<string, unknown>[]) => unknown;
  /** The token that gated repositories want. */
  token: string;
  close(): Promise<void>;
}

/** A client of the stand-in that never waits; a test changes what it needs. */
export function hubClient(
  { endpoint }: Pick<FakeHub, 'endpoint'>,
  access: Partial<HubClient['access']> & Pick<HubClient['access'], 'cacheFolder'>,
  change: Partial<HubClient> = {},
): HubClient {
  return {
    access: { endpoint, token: undefined, isOffline: false, ...access },
    ...{ retries: 3, signal: new AbortController().signal, sleep: () => Promise.resolve(), onWait: () => undefined },
    ...change,
  };
}

export const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
export const blobIdOf = (bytes: Buffer) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** The commit of a revision: it changes with any file. */
export function commitOf(files: Record<string, Buffer>): string {
  const hash = createHash('sha1');
  for (const [path, bytes] of Object.entries(files)) hash.update(`${path}\0${sha256Of(bytes)}\0`);
  return hash.digest('hex');
}

/** Starts hub and CDN on free ports; `repos` may be changed at any time. */
export async function startFakeHub(repos: Record<string, FakeRepo> = {}): Promise<FakeHub> {
  const hub = createServer((request, response) => void answerHub(state, cdnAddress, request, response));
  const cdn = createServer((request, response) => void answerCdn(state, request, response));
  const listen = (server: Server) =>
    new Promise<string>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
    });
  const cdnAddress = (await listen(cdn)).replace('127.0.0.1', 'localhost'); // another host by name, too
  const state: FakeHub = {
    ...{ endpoint: await listen(hub), repos, faults: [], requests: [], largeFrom: 10_000, hasRanges: true },
    ...{ token: 'secret', onBody: () => undefined, spoilTree: (entries: unknown) => entries },
    close: async () => {
      for (const server of [hub, cdn]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  return state;
}

async function answerHub(state: FakeHub, cdn: string, request: IncomingMessage, response: ServerResponse) {
  const url = new URL(request.url ?? '/', state.endpoint);
  record(state, 'hub', request);
  const api = /^\/api\/(?:models\/)?((?:datasets\/)?[^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(url.pathname);
  const file = /^\/((?:datasets\/)?[^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
  const fault = takeFault(state, url.pathname, ['status', ...(api ? ['cut', 'short'] : [])]);
  if (fault?.kind === 'status') return void response.writeHead(fault.status, fault.headers).end('try later');
  const [, name = '', ...rest] = api ?? file ?? [];
  const repo = state.repos[name];
  const refuse = (status: number, code: string) => void response.writeHead(status, { 'x-error-code': code }).end();
  if (repo === undefined) return refuse(request.headers.authorization === undefined ? 401 : 404, 'RepoNotFound');
  if (repo.isGated && request.headers.authorization !== `Bearer ${state.token}`) return refuse(403, 'GatedRepo');
  const revision = decodeURIComponent(rest[api ? 1 : 0] ?? '');
  const files = Object.entries(repo.revisions).find(
    ([own, content]) => own === revision || commitOf(content) === revision,
  )?.[1];
  if (files === undefined) return refuse(404, 'RevisionNotFound');
  if (api) {
    const body = rest[0] === 'tree' ? state.spoilTree(treeOf(state, files)) : { id: name, sha: commitOf(files) };
    return sendBody(response, Buffer.from(JSON.stringify(body)), { 'content-type': 'application/json' }, 200, fault);
  }
  response.setHeader('x-repo-commit', commitOf(files));
  const path = decodeURIComponent(rest[1] ?? '');
  const bytes = files[path];
  if (bytes === undefined) return refuse(404, 'EntryNotFound');
  if (bytes.length < state.largeFrom) return sendFile(state, request, response, path, bytes, `"${blobIdOf(bytes)}"`);
  const headers = { 'x-linked-etag': `"${sha256Of(bytes)}"`, 'x-linked-size': String(bytes.length) };
  const location = `${cdn}/${sha256Of(bytes)}/${path}?X-Signature=not-for-logs`;
  response.writeHead(302, { ...headers, location, etag: '"of-the-pointer"' }).end();
}

async function answerCdn(state: FakeHub, request: IncomingMessage, response: ServerResponse) {
  record(state, 'cdn', request);
  const [, hash, path = ''] = /^\/([0-9a-f]{64})\/([^?]+)/.exec(request.url ?? '') ?? [];
  const all = Object.values(state.repos).flatMap(({ revisions }) => Object.values(revisions).flatMap(Object.values));
  const bytes = (all as Buffer[]).find((content) => content.length >= state.largeFrom && sha256Of(content) === hash);
  if (bytes === undefined) return void response.writeHead(404).end();
  await sendFile(state, request, response, path, bytes, '"of-the-cdn"');
}

async function sendFile(
  state: FakeHub,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  bytes: Buffer,
  etag: string,
) {
  await state.onBody(path);
  const fault = takeFault(state, path, ['cut', 'short', 'flip']);
  const [, from, to] = (state.hasRanges ? /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') : null) ?? [];
  if (from === undefined || to === undefined) return sendBody(response, bytes, { etag }, 200, fault);
  const headers = { etag, 'content-range': `bytes ${from}-${to}/${bytes.length}` };
  sendBody(response, bytes.subarray(Number(from), Number(to) + 1), headers, 206, fault);
}

function sendBody(
  response: ServerResponse,
  bytes: Buffer,
  headers: Record<string, string>,
  status: number,
  fault: Fault | undefined,
): void {
  if (fault?.kind === 'short') return void response.writeHead(status, headers).end(bytes.subarray(0, -fault.by));
  response.writeHead(status, { ...headers, 'content-length': bytes.length });
  if (fault?.kind === 'cut') {
    const cut = () => void (fault.until ?? Promise.resolve()).then(() => response.socket?.destroy());
    response.write(bytes.subarray(0, fault.after), cut);
  } else if (fault?.kind === 'flip') {
    const changed = Buffer.from(bytes);
    changed[fault.at]! ^= 1;
    response.end(changed);
  } else response.end(bytes);
}

function takeFault(state: FakeHub, path: string, kinds: readonly string[]): Fault | undefined {
  const index = state.faults.findIndex((entry) => entry.path.test(path) && kinds.includes(entry.fault.kind));
  return index < 0 ? undefined : state.faults.splice(index, 1)[0]?.fault;
}

function record(state: FakeHub, server: Seen['server'], { url = '', headers }: IncomingMessage): void {
  state.requests.push({ server, url, authorization: headers.authorization, range: headers.range });
}

function treeOf({ largeFrom }: FakeHub, files: Record<string, Buffer>): Record<string, unknown>[] {
  return Object.entries(files).map(([path, bytes]) => ({
    ...{ type: 'file', path, size: bytes.length, oid: blobIdOf(bytes) },
    ...(bytes.length >= largeFrom && { lfs: { oid: sha256Of(bytes), size: bytes.length, pointerSize: 134 } }),
  }));
}
