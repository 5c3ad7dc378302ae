// What can be named in a job: models, datasets, benchmarks, policies. The server hands the real lists in; tests a small one.
import { Router } from 'express';
import type { JobSpec } from '../job-spec.ts';
import type { Fault } from './problem.ts';

export interface CatalogEntry {
  readonly name: string;
  readonly [detail: string]: unknown;
}

type Listed = readonly CatalogEntry[] | Promise<readonly CatalogEntry[]>;

export interface Catalog {
  models(): Listed;
  datasets(): Listed;
  benchmarks(): Listed;
  policies(): Listed;
  /** Every fault that only the files can tell: unregistered names, a window outside the model's steps. */
  checkSpec(spec: JobSpec): readonly Fault[] | Promise<readonly Fault[]>;
}

/** GET /models, /datasets, /benchmarks, /policies. */
export function catalogRoutes(catalog: Catalog): Router {
  const router = Router();
  for (const kind of ['models', 'datasets', 'benchmarks', 'policies'] as const) {
    router.get(`/${kind}`, async (_request, response) => {
      response.json({ [kind]: await catalog[kind]() });
    });
  }
  return router;
}
