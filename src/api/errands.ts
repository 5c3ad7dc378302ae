// Pulls and verifications over HTTP. What can be told at once – an unknown name, a revision that is known to be bad, a gated repository, a full disk – is refused at
// once; the work itself is a child process's (src/errands/).
import { setTimeout as sleep } from 'node:timers/promises';
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { ConflictError, InputError, NotFoundError, TransientError } from '../errors.ts';
import { checkpointSchema } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import {
  ERRAND_KINDS,
  ERRAND_STATES,
  getErrand,
  insertErrand,
  listErrands,
  requestErrandCancel,
  type NewErrand,
} from '../store/errands.ts';
import type { Errand } from '../store/generated/client.ts';
import { findDataset } from '../suite/datasets.ts';
import type { HubAccess } from '../suite/hub/request.ts';
import { findModel, hasWeights } from '../suite/models.ts';
import { checkPull } from '../suite/pull.ts';
import { findPythia, type PythiaModel } from '../suite/pythia/models.ts';
import { makeOncePerKey } from './idempotency.ts';
import { FaultyDocument } from './problem.ts';
import { limitParameter, readBody, readQuery, textParameter } from './request.ts';

export const newPullSchema = z
  .strictObject({
    checkpoint: checkpointSchema.meta({ description: 'The step to be fetched, written stepN.' }),
    forceBadRevision: z
      .boolean()
      .default(false)
      .meta({ description: 'Takes a revision that is known to hold other weights.' }),
  })
  .meta({ id: 'NewPull' });

export const newModelVerificationSchema = z
  .strictObject({
    checkpoint: checkpointSchema.optional().meta({ description: 'One that is here; default: all that are.' }),
  })
  .meta({ id: 'NewModelVerification' });

export const newDatasetVerificationSchema = z
  .strictObject({
    all: z.boolean().default(false).meta({ description: 'Reads every sample, not 1,024 from the first to the last.' }),
    vocabSize: z
      .int()
      .min(1)
      .optional()
      .meta({ description: 'Token ids must lie below: 50277 for the tokenizer of Pythia.' }),
  })
  .meta({ id: 'NewDatasetVerification' });

/** What GET /errands takes. */
export const errandQuerySchema = z.strictObject({
  kind: z.enum(ERRAND_KINDS).optional(),
  name: textParameter.optional().meta({ description: 'Of the model or the dataset.' }),
  state: z.enum(ERRAND_STATES).optional(),
  limit: limitParameter(200, 50),
});

/** What a server that does errands knows. */
export interface ErrandDesk {
  readonly home: string;
  readonly hub: HubAccess;
  /** Tells whoever does them that there is something new. */
  wake(): void;
}

/** POST /models/:name/pull and verify, /datasets/:name/verify, GET /errands, /errands/:id, POST /errands/:id/cancel; without a desk none can be begun. */
export function errandRoutes(database: Database, desk: ErrandDesk | undefined): Router {
  const router = Router();
  const starting = (path: string, prepare: (desk: ErrandDesk, request: Request) => NewErrand | Promise<NewErrand>) => {
    router.post(path, async (request, response) => {
      if (desk === undefined) throw new ConflictError('this server pulls and verifies nothing');
      await sendBegun(database, request, response, () => prepare(desk, request));
      desk.wake();
    });
  };
  starting('/models/:name/pull', preparePull);
  starting('/models/:name/verify', prepareModelVerification);
  starting('/datasets/:name/verify', prepareDatasetVerification);
  router.get('/errands', async (request, response) => {
    const errands = await listErrands(database, readQuery(request, errandQuerySchema));
    response.json({ errands: errands.map(errandView) });
  });
  router.get('/errands/:id', async (request, response) => {
    response.json(errandView(await getErrand(database, request.params.id)));
  });
  router.post('/errands/:id/cancel', async (request, response) => {
    const errand = await requestErrandCancel(database, request.params.id);
    desk?.wake();
    response.status(202).json(errandView(errand));
  });
  return router;
}

async function sendBegun(
  database: Database,
  request: Request,
  response: Response,
  prepare: () => NewErrand | Promise<NewErrand>,
): Promise<void> {
  const id = await makeOncePerKey(database, request, response, async () => {
    const errand = await prepare();
    return (transaction) => insertErrand(transaction, errand);
  });
  response
    .status(202)
    .location(`/v1/errands/${id}`)
    .json(errandView(await getErrand(database, id)));
}

async function preparePull(desk: ErrandDesk, request: Request): Promise<NewErrand> {
  const name = nameIn(request);
  const model = findPythia(name);
  if (model === undefined)
    throw new NotFoundError(`the Pythia suite has no model "${name}"; GET /v1/models lists them`);
  const { checkpoint, forceBadRevision } = readBody(request, newPullSchema);
  const step = stepOf(checkpoint);
  if (isHere(desk.home, model, step)) throw new ConflictError(`${name} ${checkpoint} is here already`);
  await refuseHopeless(desk.hub, model, step, forceBadRevision);
  return { kind: 'pull-model', name, step, options: { forceBadRevision } };
}

/** A hub that is slow or away refuses nothing: the pull itself has more patience. */
const PATIENCE_MS = 8_000;

async function refuseHopeless(hub: HubAccess, model: PythiaModel, step: number, isForced: boolean): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const client = { access: hub, retries: 0, signal, sleep: () => sleep(0), onWait: () => undefined };
  try {
    await checkPull(client, model, step, { isForced });
  } catch (error) {
    if (signal.aborted || error instanceof TransientError) return;
    if (!(error instanceof InputError || error instanceof NotFoundError)) throw error;
    const pointer = error instanceof InputError ? error.pointer : undefined;
    throw new FaultyDocument([{ pointer: pointer ?? '', detail: error.message }]);
  }
}

function prepareModelVerification({ home }: ErrandDesk, request: Request): NewErrand {
  const model = findModel(home, nameIn(request));
  const { checkpoint } = readBody(request, newModelVerificationSchema);
  const step = checkpoint === undefined ? null : stepOf(checkpoint);
  if (step !== null && !model.checkpoints.has(step)) {
    const detail = `${model.name} has no checkpoint at step ${step} here: pull it first`;
    throw new FaultyDocument([{ pointer: '/checkpoint', detail }]);
  }
  return { kind: 'verify-model', name: model.name, step, options: {} };
}

function prepareDatasetVerification({ home }: ErrandDesk, request: Request): NewErrand {
  const { name } = findDataset(home, nameIn(request));
  return { kind: 'verify-dataset', name, step: null, options: readBody(request, newDatasetVerificationSchema) };
}

function nameIn(request: Request): string {
  return String(request.params['name']); // of the path
}

function stepOf(checkpoint: string): number {
  return Number(checkpoint.slice('step'.length));
}

/** One whose weights somebody removed, as a verification may advise, is to be fetched again. */
function isHere(home: string, { name }: PythiaModel, step: number): boolean {
  try {
    return hasWeights(findModel(home, name), step);
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

function errandView(errand: Errand) {
  const { id, kind, name, step, state, reason, message, progress, result, createdAt, startedAt, finishedAt } = errand;
  const checkpoint = step === null ? null : `step${step}`;
  const times = { createdAt, startedAt, finishedAt };
  return { id, kind, name, checkpoint, state, reason, message, progress, result, ...times };
}
