// Who is let in to the API: a token in the Authorization header, or a browser's session cookie with a token against forged requests (CSRF). What an operation asks
// for stands in operations.ts. A server without tokens lets everybody in who reaches it, so it listens on the loopback address only (src/server.ts), and answers
// under no other name: a page elsewhere whose name is made to point here (DNS rebinding) gets nothing.
import { createHash } from 'node:crypto';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { ipKeyGenerator, rateLimit, type Options } from 'express-rate-limit';
import { messageOf } from '../errors.ts';
import { log } from '../log.ts';
import { completeAudit, listAudit, recordAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import {
  closeSession,
  holderOfSession,
  holderOfToken,
  openSession,
  type Holder,
  type Refusal,
} from '../store/tokens.ts';
import { ANYONE, callerOf, SCOPES, setCaller, type Caller, type Scope } from './caller.ts';
import { scopeOf } from './operation.ts';
import { operations } from './operations.ts';
import { sendProblem } from './problem.ts';
import { auditQuerySchema, newSessionSchema } from './access-schemas.ts';
import { readBody, readQuery } from './request.ts';

/** `open`: everybody who reaches the server may do everything. */
export type AccessKind = 'open' | 'tokens';

/** Requests a minute; of callers without a token those that are refused. */
export interface Limits {
  readonly perToken: number;
  readonly refused: number;
}

export const STANDARD_LIMITS: Limits = { perToken: 6_000, refused: 60 };
const COOKIE = 'tiresias_session';
const READING = ['GET', 'HEAD', 'OPTIONS'];
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/** Whether an address to listen on is of this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host.includes(':') && !host.startsWith('[') ? `[${host}]` : host);
}

/**
 * What stands before every route below /v1: lets a request go on when its caller may, refuses it with 401, 403 or 429 otherwise, and audits changes. And the
 * routes of sessions and of the audit.
 */
export function accessOf(
  database: Database,
  kind: AccessKind,
  limits: Limits,
): { readonly control: readonly RequestHandler[]; readonly routes: Router } {
  const limitRefused = rateLimit(limiting(limits.refused)); // by address
  const refuse: Refuse = (request, response, reason) =>
    void limitRefused(request, response, () => refuseUnknown(response, reason));
  const perCaller = rateLimit({ ...limiting(limits.perToken), keyGenerator: keyOf });
  return {
    control: [identifying(database, kind, refuse), perCaller, audit(database)],
    routes: accessRoutes(database, kind, refuse),
  };
}

type Refuse = (request: Request, response: Response, reason: Reason) => void;

/** Strangers are told apart by their addresses. */
function keyOf(request: Request): string {
  const { id } = callerOf(request);
  return id === ANYONE.id ? ipKeyGenerator(request.ip ?? '') : id;
}

function identifying(database: Database, kind: AccessKind, refuse: Refuse): RequestHandler {
  return async (request, response, next) => {
    if (kind === 'open' && !LOOPBACK.test(request.get('host') ?? '')) {
      const detail = 'this server asks for no tokens, so it answers under the names of this machine only: localhost';
      return sendProblem(response, { status: 421, title: 'Misdirected request', detail });
    }
    const wanted = neededScope(request);
    const found = kind === 'open' ? ANYONE : await identifyCaller(database, request);
    if (typeof found === 'object') setCaller(request, found);
    if (wanted === 'public') return next();
    if (typeof found === 'string') return refuse(request, response, found);
    if (SCOPES.indexOf(found.scope) >= SCOPES.indexOf(wanted)) return next();
    const detail = `${request.method} ${request.baseUrl}${request.path} needs the scope ${wanted}; this token has ${found.scope}`;
    sendProblem(response, { status: 403, title: 'Forbidden', detail });
  };
}

/** POST, GET and DELETE /session, GET /audit. */
function accessRoutes(database: Database, kind: AccessKind, refuse: Refuse): Router {
  const router = Router();
  router.post('/session', async (request, response) => {
    const { token } = readBody(request, newSessionSchema);
    const holder = await holderOfToken(database, token);
    if (typeof holder === 'string') return refuse(request, response, holder);
    const { value, hours } = await openSession(database, holder.id);
    const options = { httpOnly: true, sameSite: 'strict', secure: request.secure, path: '/' } as const;
    response.cookie(COOKIE, value, { ...options, maxAge: hours * 3_600_000 });
    response.status(201).json(sessionView(kind, holder, value));
  });
  router.get('/session', async (request, response) => {
    const value = cookieOf(request);
    const holder = value === undefined || kind === 'open' ? 'unknown' : await holderOfSession(database, value);
    response.json(sessionView(kind, typeof holder === 'string' ? undefined : holder, value));
  });
  router.delete('/session', async (request, response) => {
    const value = cookieOf(request);
    if (value !== undefined) await closeSession(database, value);
    response.clearCookie(COOKIE, { path: '/' }).json(sessionView(kind, undefined, undefined));
  });
  router.get('/audit', async (request, response) => {
    const { limit, cursor } = readQuery(request, auditQuerySchema);
    const events = await listAudit(database, limit, cursor);
    const nextCursor = events.length === limit ? String(events.at(-1)!.id) : null; // limit is at least 1
    response.json({ events, nextCursor });
  });
  return router;
}

function sessionView(kind: AccessKind, holder: Holder | undefined, value: string | undefined) {
  const caller = holder && { name: holder.name, scope: holder.scope };
  return { access: kind, caller: caller ?? null, csrfToken: caller && value !== undefined ? csrfTokenOf(value) : null };
}

type Reason = Refusal | 'none' | 'forged';

async function identifyCaller(database: Database, request: Request): Promise<Caller | Reason> {
  const header = request.get('authorization');
  if (header !== undefined) {
    const [, token] = /^Bearer ([\w.~+/-]{1,200}=*)$/i.exec(header) ?? [];
    return token === undefined ? 'unknown' : holderOfToken(database, token);
  }
  const value = cookieOf(request);
  if (value === undefined) return 'none';
  const holder = await holderOfSession(database, value);
  if (typeof holder === 'string' || READING.includes(request.method)) return holder;
  return request.get('x-csrf-token') === csrfTokenOf(value) ? holder : 'forged';
}

/** What the page must send with every change: whoever can make a browser send its cookie does not know it. */
function csrfTokenOf(value: string): string {
  return createHash('sha256').update(`csrf:${value}`).digest('base64url');
}

function cookieOf(request: Request): string | undefined {
  const pairs = (request.get('cookie') ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
}

const WORDS: Readonly<Record<Reason, string>> = {
  none: 'this server asks for a token: send Authorization: Bearer TOKEN; `tiresias tokens create` makes one',
  unknown: 'the token is not known',
  expired: 'the token, or the session, has expired',
  revoked: 'the token was revoked',
  forged: 'a change by the page needs the x-csrf-token that GET /v1/session tells',
};

function refuseUnknown(response: Response, reason: Reason): void {
  if (reason === 'forged') return sendProblem(response, { status: 403, title: 'Forbidden', detail: WORDS.forged });
  response.setHeader('www-authenticate', reason === 'none' ? 'Bearer' : 'Bearer error="invalid_token"');
  sendProblem(response, { status: 401, title: 'Unauthorized', detail: WORDS[reason] });
}

const SCOPED = Object.entries(operations).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    method: method.toUpperCase(),
    pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}/?$`, 'i'), // as express matches
    scope: scopeOf(method, operation),
  })),
);

/** Of a path that no operation has: read, so that strangers learn nothing of it. */
function neededScope({ method, baseUrl, path }: Request): Scope | 'public' {
  const asked = method === 'HEAD' ? 'GET' : method;
  return SCOPED.find((one) => one.method === asked && one.pattern.test(baseUrl + path))?.scope ?? 'read';
}

function limiting(limit: number): Partial<Options> {
  return {
    ...{ windowMs: 60_000, limit, standardHeaders: 'draft-8', legacyHeaders: false, identifier: 'requests' },
    handler: (_request, response) => {
      const detail = `more than ${limit} requests in a minute: come back when Retry-After has passed`;
      sendProblem(response, { status: 429, title: 'Too many requests', detail });
    },
  };
}

function audit(database: Database): RequestHandler {
  return async (request, response, next) => {
    // Strangers, who may only open sessions, fill no table.
    if (READING.includes(request.method) || neededScope(request) === 'public') return next();
    const { id, name } = callerOf(request);
    const action = `${request.method} ${request.baseUrl}${request.path}`.slice(0, 300);
    const event = await recordAudit(database, { tokenId: id === ANYONE.id ? null : id, caller: name, action });
    response.on('finish', () => {
      completeAudit(database, event, response.statusCode).catch((error: unknown) => {
        log.warn({ event: Number(event), message: messageOf(error) }, 'an audit event could not be completed');
      });
    });
    next();
  };
}
