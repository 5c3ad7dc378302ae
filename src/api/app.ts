// The HTTP API and the page as one express application, without a port: src/server.ts listens, tests do not.
import express from 'express';
import type { Express, RequestHandler } from 'express';
import helmet from 'helmet';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskUsage } from '../disk-usage.ts';
import { NotFoundError } from '../errors.ts';
import { asTransient } from '../store/connection-errors.ts';
import type { Database } from '../store/database.ts';
import { pendingMigrations } from '../store/migrate.ts';
import { accessOf, STANDARD_LIMITS, type AccessKind, type Limits } from './access.ts';
import { catalogRoutes } from './catalog.ts';
import type { Catalog } from './catalog.ts';
import { compareRoutes } from './compare.ts';
import { curveRoutes } from './curves.ts';
import { comparePairRoutes } from './compare-pair.ts';
import { documentRoutes } from './documents.ts';
import { editRoutes } from './edits.ts';
import { errandRoutes, type ErrandDesk } from './errands.ts';
import { eventRoutes } from './events.ts';
import { forkRoutes } from './forks.ts';
import { itemRoutes } from './items.ts';
import { jobRoutes } from './jobs.ts';
import { logRoutes } from './logs.ts';
import { planningRoutes } from './planning.ts';
import { prometheusMetrics } from './prometheus.ts';
import { problemHandler, sendProblem, unknownRoute } from './problem.ts';
import { logRequests } from './request-log.ts';
import { resultRoutes } from './results.ts';
import { sweepRoutes } from './sweeps.ts';
import { timelineRoutes } from './timeline.ts';
import { workerRoutes } from './workers.ts';

export interface AppParts {
  readonly database: Database;
  readonly catalog: Catalog;
  /** The built page. */
  readonly webFolder: string;
  /** Default: open, which only a server on the loopback address is. */
  readonly access?: AccessKind;
  readonly limits?: Limits;
  /** What the metrics tell of the disk; default: nothing. */
  readonly disk?: () => Promise<DiskUsage>;
  /** Who pulls and verifies; default: nobody. */
  readonly errands?: ErrandDesk;
  /** Aborts when the server begins to stop; default: never. */
  readonly draining?: AbortSignal;
}

const BODY_LIMIT = '1mb';

/** Makes the application. */
export function createApp(parts: AppParts): Express {
  const { database, catalog, webFolder, access: kind = 'open', limits = STANDARD_LIMITS } = parts;
  const { draining = new AbortController().signal } = parts;
  const app = express();
  const access = accessOf(database, kind, limits);
  app.disable('x-powered-by');
  app.set('json replacer', (_key: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
  app.use(securityHeaders(), logRequests, lettingGo(draining), refuseCrossSite);
  app.get('/healthz', (_request, response) => void response.json({ status: 'ok' }));
  app.get('/readyz', readiness(database, draining));
  app.get('/metrics', ...access.control, prometheusMetrics(database, parts.disk));
  app.use(documentRoutes());
  app.use(
    '/v1',
    (_request, response, next) => {
      response.setHeader('cache-control', 'no-cache');
      next();
    },
    ...access.control,
    express.json({ limit: BODY_LIMIT, strict: false }), // a body that is no object is a fault of the document, not of its JSON
    access.routes,
    catalogRoutes(catalog),
    jobRoutes(database, catalog),
    forkRoutes(database, catalog),
    planningRoutes(database, catalog),
    resultRoutes(database, catalog),
    curveRoutes(database),
    itemRoutes(database, catalog),
    editRoutes(database),
    eventRoutes(database, draining),
    logRoutes(database),
    timelineRoutes(database),
    sweepRoutes(database, catalog),
    compareRoutes(database),
    comparePairRoutes(database),
    workerRoutes(database),
    errandRoutes(database, parts.errands),
  );
  app.use(page(webFolder));
  app.use(unknownRoute, problemHandler);
  return app;
}

// The server speaks plain HTTP, usually on a laptop or behind a proxy: nothing that would make a browser insist on HTTPS.
function securityHeaders(): RequestHandler {
  return helmet({
    strictTransportSecurity: false,
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
  });
}

// Another site's page must not submit or cancel jobs through the browser of somebody who can reach this server.
const refuseCrossSite: RequestHandler = (request, response, next) => {
  const isReading = ['GET', 'HEAD', 'OPTIONS'].includes(request.method);
  if (isReading || !['cross-site', 'same-site'].includes(request.get('sec-fetch-site') ?? '')) next();
  else
    sendProblem(response, {
      status: 403,
      title: 'Forbidden',
      detail: 'a page of another site may not change anything',
    });
};

/** A server that stops keeps no connection for another request. */
function lettingGo(draining: AbortSignal): RequestHandler {
  return (_request, response, next) => {
    if (draining.aborted) response.setHeader('connection', 'close');
    next();
  };
}

function readiness(database: Database, draining: AbortSignal): RequestHandler {
  return async (_request, response) => {
    if (draining.aborted) {
      const detail = 'draining: this server is stopping';
      return sendProblem(response, { status: 503, title: 'Not ready', detail });
    }
    const pending = await pendingMigrations(database.pool).catch((error: unknown) => {
      throw asTransient(error);
    });
    if (pending.length === 0) response.json({ status: 'ready' });
    else {
      const detail = `the database lacks the migrations ${pending.join(', ')}: start the server anew to apply them`;
      sendProblem(response, { status: 503, title: 'Not ready', detail });
    }
  };
}

function page(webFolder: string): RequestHandler {
  if (existsSync(join(webFolder, 'index.html'))) return express.static(webFolder);
  return (request, _response, next) => {
    next(request.path === '/' ? new NotFoundError('the page is not built: npm run build') : undefined);
  };
}
