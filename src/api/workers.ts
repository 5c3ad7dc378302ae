// The workers over HTTP: who is at work on what, and orders of operators to one of them.
import { Router } from 'express';
import type { Database } from '../store/database.ts';
import { listWorkers, orderWorker } from '../store/workers.ts';

const ORDERS = { hold: 'hold', drain: 'drain', release: null } as const;

/** GET /workers, POST /workers/:id/hold, drain and release. */
export function workerRoutes(database: Database): Router {
  const router = Router();
  router.get('/workers', async (_request, response) => {
    response.json({ workers: await listWorkers(database) });
  });
  for (const [name, order] of Object.entries(ORDERS)) {
    router.post(`/workers/:id/${name}`, async (request, response) => {
      response.status(202).json(await orderWorker(database, request.params['id']!, order)); // of the path
    });
  }
  return router;
}
