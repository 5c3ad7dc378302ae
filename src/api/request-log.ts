// One log line for each request, written when it has been answered or its connection is gone: with an id, which the answer tells, too, and of which a proxy
// may have given its own.
import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import { log } from '../log.ts';
import { callerOf, setRequestId } from './caller.ts';

const PLAIN_ID = /^[\w.-]{1,64}$/;
/** Asked for by machines every few seconds. */
const CONSTANT = ['/healthz', '/readyz', '/metrics'];
const LONGEST_URL = 500;

/** Logs every request; those of monitors and of the page's files at debug. */
export const logRequests: RequestHandler = (request, response, next) => {
  const start = performance.now();
  const given = request.get('x-request-id') ?? '';
  const requestId = PLAIN_ID.test(given) ? given : randomUUID();
  setRequestId(request, requestId);
  response.setHeader('x-request-id', requestId);
  response.on('close', () => {
    const { method, originalUrl } = request; // `path` is relative to the router that answered
    const [path = ''] = originalUrl.split('?');
    const route = routeOf(request.route);
    const job = /^\/v1\/jobs\/([0-9a-f-]{36})(?:\/|$)/i.exec(path)?.[1];
    const entry = {
      ...{ requestId, method, route, url: originalUrl.slice(0, LONGEST_URL), status: response.statusCode },
      ...{ ms: Math.round(performance.now() - start), caller: callerOf(request).name, ...(job && { job }) },
      ...(!response.writableFinished && { isCutOff: true }),
    };
    if (CONSTANT.includes(path) || (route === null && response.statusCode < 400)) log.debug(entry, 'request');
    else log.info(entry, 'request');
  });
  next();
};

/** The pattern of the route that answered; null when none did, as for the page's files. */
function routeOf(route: unknown): string | null {
  const path = (route as { readonly path?: unknown } | undefined)?.path; // express' own
  return typeof path === 'string' ? path : null;
}
