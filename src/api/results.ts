// What a job has recorded, over HTTP: scores with effects, items, checkpoints, the manifest. Curves and edits have files of their own.
import { Router } from 'express';
import { z } from 'zod';
import { NotFoundError } from '../errors.ts';
import type { Database } from '../store/database.ts';
import { findJob, getJob } from '../store/jobs.ts';
import { acceptOutside } from '../store/outside.ts';
import { listJobCheckpoints, PROOF_NAMES, readItemsText, readManifest, readProofs } from '../store/results.ts';
import type { StepProof } from '../store/results.ts';
import type { Catalog } from './catalog.ts';
import { jobView } from './jobs.ts';
import { sendKept } from './kept-answers.ts';
import { armParameter, readBody, readQuery, settingsParameter, stepParameter, textParameter } from './request.ts';
import { checkScores } from './score-check.ts';
import { readScores } from './scores.ts';

/** What GET /jobs/:id/score-check takes. */
export const scoreCheckQuerySchema = z.strictObject({ step: stepParameter.optional() });

/** What GET /jobs/:id/items takes. */
export const itemQuerySchema = z.strictObject({
  arm: armParameter,
  step: stepParameter,
  benchmark: textParameter,
  protocol: textParameter,
  settings: settingsParameter.optional(),
});

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 has 64 hex digits');
const longText = z.string().min(1).max(4096);

/** A checkpoint folder of the server that another engine has trained. */
export const outsideCheckpointSchema = z
  .strictObject({
    arm: armParameter,
    step: z.int().min(1).meta({ description: 'Updates finished.' }),
    path: longText.startsWith('/').meta({ description: 'A checkpoint folder, where the workers find it.' }),
    manifestSha256: hash,
    sizeBytes: z.int().min(0),
    origin: z
      .strictObject({
        engine: z.literal('gpt-neox'),
        folder: longText,
        files: z.record(longText, hash).meta({ description: 'What it was made of, by name.' }),
        exportManifestSha256: hash
          .nullable()
          .meta({ description: 'Of the export that the engine was given; null where it is not known.' }),
      })
      .meta({ description: 'Who trained it, and from what.' }),
  })
  .meta({ id: 'OutsideCheckpoint' });

/** GET /jobs/:id/scores, score-check, items, checkpoints, manifest; POST /jobs/:id/checkpoints. */
export function resultRoutes(database: Database, catalog: Catalog): Router {
  const router = Router();
  router.get('/jobs/:id/scores', async (request, response) => {
    const job = await getJob(database, request.params.id);
    const text = async () => JSON.stringify(await readScores(database, job));
    await sendKept({ request, response }, job, 'scores as text', text);
  });
  router.get('/jobs/:id/score-check', async (request, response) => {
    const { id } = await findJob(database, request.params.id);
    const { step } = readQuery(request, scoreCheckQuerySchema);
    response.json(await checkScores(database, id, step));
  });
  router.get('/jobs/:id/items', async (request, response) => {
    const { id } = await findJob(database, request.params.id);
    const key = readQuery(request, itemQuerySchema);
    const items = await readItemsText(database, id, key);
    if (items === undefined) {
      const { arm, step, benchmark, protocol } = key;
      throw new NotFoundError(`job ${id} has no evaluation of ${benchmark} (${protocol}) for ${arm} at step ${step}`);
    }
    response.type('json').send(`{"items":${items}}`);
  });
  router.get('/jobs/:id/checkpoints', async (request, response) => {
    const { id } = await findJob(database, request.params.id);
    const checkpoints = await listJobCheckpoints(database, id);
    // The sizes of files: far below 2^53.
    response.json({ checkpoints: checkpoints.map((row) => ({ ...row, sizeBytes: Number(row.sizeBytes) })) });
  });
  router.post('/jobs/:id/checkpoints', async (request, response) => {
    const { id } = request.params;
    const checkpoint = readBody(request, outsideCheckpointSchema);
    const job = await findJob(database, id);
    catalog.checkOutside(job.id, checkpoint.path);
    await acceptOutside(database, job.id, checkpoint);
    response.status(202).json(jobView(await getJob(database, id)));
  });
  router.get('/jobs/:id/manifest', async (request, response) => {
    const { id, name, state } = await findJob(database, request.params.id);
    const manifest = await readManifest(database, id);
    if (manifest === null) throw new NotFoundError(`job ${id} has no manifest yet: a worker writes it when it begins`);
    const arms = (await readProofs(database, id)).map(({ arm, steps, ...run }) => [
      arm,
      { ...run, steps: proofs(steps) },
    ]);
    // Stored as an object by the worker.
    response.json({ ...(manifest as object), job: { id, name, state }, arms: Object.fromEntries(arms) as unknown });
  });
  return router;
}

/** The columns go from the database to the client as they are: ten thousand steps are half a million numbers. */
function proofs(steps: readonly StepProof[]): Record<string, (string | number | null)[]> {
  return Object.fromEntries(PROOF_NAMES.map((name) => [name, steps.map((step) => step[name])]));
}
