// What can be named in a job: models, datasets, benchmarks, policies; and registering a folder of the server's as a model or its token
// files as a dataset. The server hands the real lists in; tests a small one.
import { Router } from 'express';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { LAYOUTS } from '../data/replay.ts';
import { DataError, InputError, messageOf, NotFoundError, TransientError } from '../errors.ts';
import { checkpointSchema, type JobSpec, type Scoring, type ScoringSettings } from '../job-spec.ts';
import type { RunPlan } from '../train/plan.ts';
import type { LikelyKeys } from '../likely-keys.ts';
import type { PlannedWork } from '../shared-keys.ts';
import type { StartOfFork } from '../store/jobs.ts';
import type { EarlierJob } from '../store/shared-standing.ts';
import type { PreviewTask } from './preview-batch.ts';
import { FaultyDocument, type Fault } from './problem.ts';
import { readBody } from './request.ts';

export interface CatalogEntry {
  readonly name: string;
  readonly [detail: string]: unknown;
}

const name = z.string().min(1).max(200).meta({ description: 'What jobs call it.' });
const path = z.string().refine(isAbsolute, "give an absolute path of the server's");
const count = z.int().min(1);
/** Whether a dataset lies behind an address, not on the server. */
export const isRemote = (prefix: string) => /^(https?|hf):\/\//.test(prefix);
const isPlace = (prefix: string) => isAbsolute(prefix) || isRemote(prefix);

export const newModelSchema = z
  .strictObject({
    name,
    checkpoint: checkpointSchema.meta({ description: 'The step after which the weights were stored.' }),
    folder: path.meta({
      description:
        "config.json and weights in Hugging Face's layout, perhaps optimizer.safetensors and tokenizer.json.",
    }),
    tokenizer: path.optional().meta({ description: 'tokenizer.json; default: the one in the folder.' }),
    peakLearningRate: z.number().gt(0).lt(1).optional().meta({ description: 'Default: by the size in the name.' }),
    family: name.optional().meta({ description: 'What it shares with models that differ by their seed alone.' }),
    seed: z.int().min(0).optional().meta({ description: 'The seed of its training.' }),
    dataset: name.optional().meta({ description: 'What it was trained on.' }),
  })
  .meta({ id: 'NewModel' });
export type NewModel = z.output<typeof newModelSchema>;

export const newDatasetSchema = z
  .strictObject({
    name,
    prefix: z
      .string()
      .refine(isPlace, "give an absolute path of the server's, an http(s) URL or an hf:// address")
      .meta({ description: 'Where the .bin, or its shards, and the .idx lie, without their endings.' }),
    shards: count.optional().meta({ description: 'Of a URL in shards: the number at the end of their names.' }),
    layout: z.enum(LAYOUTS).meta({ description: 'Rows in training order, or documents to be packed and shuffled.' }),
    seqLength: count.meta({ description: 'Tokens of a model input.' }),
    batchSize: count.meta({ description: 'Samples of one step of the original training.' }),
    trainSteps: count.optional().meta({ description: 'Steps of the whole original training (documents).' }),
    seed: z.int().min(0).optional().meta({ description: "Seed of the original training's data order (documents)." }),
  })
  .meta({ id: 'NewDataset' });
export type NewDataset = z.output<typeof newDatasetSchema>;

export type BackendName = Exclude<JobSpec['backend'], 'auto'>;

export interface Estimate {
  /** Models of it differ by their seed alone. */
  readonly family: string;
  readonly window: { readonly from: number; readonly to: number; readonly numSteps: number };
  readonly backend: BackendName;
  readonly microBatchSize: number;
  readonly recompute: 'none' | 'layers';
  readonly resume: RunPlan['resume'];
  readonly numParameters: number;
  /** What a worker would resolve the job to, but for what only it can know. */
  readonly work: PlannedWork & {
    /** Trained arms. */
    readonly numTrainings: number;
    /** What one of them takes, and what the burn-in does; nothing where there is none. */
    readonly ofTraining: Share;
    readonly ofBurnIn: Share;
  };
  /** Of all trained arms and of the burn-in; rows of one step times the sequence length, times the steps. */
  readonly numTokens: number;
  readonly memory: {
    readonly liveBytesPerTrainer: number;
    readonly residentBytesPerTrainer: number;
    readonly numTrainersAtOnce: number;
    readonly residentBytes: number;
    readonly machineBytes: number;
  };
  readonly disk: {
    readonly checkpointBytes: number;
    /** Kept at once at most, by all arms. */
    readonly numCheckpoints: number;
    readonly bytes: number;
    readonly freeBytes: number;
  };
  readonly evaluations: { readonly numPerArm: number; readonly benchmarks: readonly BenchmarkPower[] };
}

/** Of what a whole job takes. */
export interface Share {
  readonly numTokens: number;
  readonly numCheckpoints: number;
}

/** What a benchmark's rate can show, by its number of items. */
export interface BenchmarkPower {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
  readonly metric: 'proRate' | 'pctStereotype' | 'wordAccuracy' | 'accuracy' | null;
  readonly numItems: number;
  /** The smallest difference that can ever be significant at 5 %; null where there is no rate. */
  readonly leastSignificant: number | null;
  /** The smallest true difference found in 80 % of samples, when the arms differ in this share of the items. */
  readonly detectable: readonly { readonly shareDiffering: number; readonly difference: number | null }[];
}

/** Which batch of a job is wanted: `step` undefined is the window's first. */
export interface PreviewWish {
  readonly step: number | undefined;
  readonly arm: 'intervention' | 'placebo';
  /** Rows told in full. */
  readonly maxRows: number;
}

/** What was published of a model's training, and its learning rate. */
export interface ModelTraining {
  readonly name: string;
  readonly endStep: number;
  /** Published or here, by step. */
  readonly checkpoints: readonly {
    readonly step: number;
    readonly learningRate: number;
    readonly isPublished: boolean;
    readonly isHere: boolean;
    readonly hasOptimizerState: boolean;
    /** What its published revision is known to hold instead. */
    readonly fault: string | null;
    readonly pullCommand: string | null;
  }[];
  /** Columns of one length over the whole training. */
  readonly learningRates: { readonly step: readonly number[]; readonly learningRate: readonly number[] };
}

type Listed = readonly CatalogEntry[] | Promise<readonly CatalogEntry[]>;

export interface Catalog {
  models(): Listed;
  /** Throws NotFoundError or DataError. */
  modelTraining(name: string): ModelTraining;
  datasets(): Listed;
  benchmarks(): Listed;
  policies(): Listed;
  /** Registers a checkpoint folder under a model's name. Throws InputError, NotFoundError or DataError for what cannot be used. */
  addModel(model: NewModel): CatalogEntry;
  /** Registers token files under a name, after opening them. Throws as addModel does, TransientError for a server that does not answer. */
  addDataset(dataset: NewDataset): CatalogEntry | Promise<CatalogEntry>;
  /** Throws InputError for a path that is not where a job's outside checkpoints are. */
  checkOutside(jobId: string, path: string): void;
  /** What the job would take on a back end of this machine, without the time. Throws InputError, NotFoundError or DataError for what cannot be. */
  estimate(spec: JobSpec, backend: BackendName): Estimate;
  /** The keys of what the job would share, on workers like those of these jobs. */
  likelyKeys(spec: JobSpec, planned: PlannedWork, earlier: readonly EarlierJob[]): readonly LikelyKeys[];
  /** Whether a folder holds a checkpoint. */
  hasCheckpoint(folder: string): boolean;
  /** What a batch of the job is made of. Throws as estimate does. */
  preview(spec: JobSpec, wish: PreviewWish): PreviewTask;
  /** Every fault that only the files can tell: unregistered names, a window outside the model's steps; of a fork with its start. */
  checkSpec(spec: JobSpec, start?: StartOfFork): readonly Fault[] | Promise<readonly Fault[]>;
  /** Of each item that was scored its texts. Throws NotFoundError or DataError when the benchmark's files are not here, or are others than `sha256` names. */
  itemTexts(scoring: Scoring, sha256: string): readonly (readonly string[])[];
}

/** GET /models, /models/:name, /datasets, /benchmarks, /policies; POST /models, /datasets. */
export function catalogRoutes(catalog: Catalog): Router {
  const router = Router();
  for (const kind of ['models', 'datasets', 'benchmarks', 'policies'] as const) {
    router.get(`/${kind}`, async (_request, response) => {
      response.json({ [kind]: await catalog[kind]() });
    });
  }
  router.get('/models/:name', (request, response) => {
    response.json(catalog.modelTraining(request.params.name));
  });
  router.post('/models', async (request, response) => {
    const model = readBody(request, newModelSchema);
    response.status(201).json({ model: await faultAt('/folder', () => catalog.addModel(model)) });
  });
  router.post('/datasets', async (request, response) => {
    const dataset = readBody(request, newDatasetSchema);
    response.status(201).json({ dataset: await faultAt('/prefix', () => catalog.addDataset(dataset)) });
  });
  return router;
}

/** Files that cannot be used are a fault of the document that names them. */
async function faultAt<T>(pointer: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (![InputError, NotFoundError, DataError, TransientError].some((kind) => error instanceof kind)) throw error;
    const own = error instanceof InputError ? error.pointer : undefined;
    throw new FaultyDocument([{ pointer: own ?? pointer, detail: messageOf(error) }]);
  }
}
