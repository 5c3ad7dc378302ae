// Who sent a request, as access.ts has found out, and its id in the log: every later stop of a request asks here.
import type { Request } from 'express';
import type { Sender } from '../store/jobs.ts';

export const SCOPES = ['read', 'submit', 'admin'] as const;
/** Each may do what those before it may. */
export type Scope = (typeof SCOPES)[number];

export interface Caller {
  /** The token's id; of a server without tokens "anyone". */
  readonly id: string;
  /** For the audit and the log. */
  readonly name: string;
  readonly scope: Scope;
}

/** Of a server that asks for no tokens. */
export const ANYONE: Caller = { id: 'anyone', name: 'anyone', scope: 'admin' };

/** By which a request is found in the log; the answer tells it as x-request-id. */
const requestIds = new WeakMap<Request, string>();

export function setRequestId(request: Request, id: string): void {
  requestIds.set(request, id);
}

export function requestIdOf(request: Request): string | undefined {
  return requestIds.get(request);
}

const callers = new WeakMap<Request, Caller>();

export function setCaller(request: Request, caller: Caller): void {
  callers.set(request, caller);
}

/** Who sent the request. */
export function callerOf(request: Request): Caller {
  return callers.get(request) ?? ANYONE;
}

/** As whose a job or a sweep is kept; null of a server that asks for no tokens. */
export function senderOf(request: Request): Sender | null {
  const { id, name } = callerOf(request);
  return id === ANYONE.id ? null : { tokenId: id, name };
}
