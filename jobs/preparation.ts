// From a claimed job to what its trainers need: every name resolved to files, every `auto` to a value. Done once; later
// attempts get the stored plan back.
import { z } from 'zod';
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { fileSha256, verifyCheckpoint } from '../src/checkpoint/checkpoint.ts';
import type { DatasetDescription } from '../src/data/replay.ts';
import { findBenchmark } from '../src/eval/benchmarks.ts';
import { HELD_BACK } from '../src/eval/held-back.ts';
import { costOf, type ScoringCost, type ScoringTask } from '../src/eval/scoring-task.ts';
import { DataError, InputError, messageOf } from '../src/errors.ts';
import { datasetFacts, heldBackOf, modelFacts, withStart } from '../src/facts.ts';
import {
  scoringOf,
  settingsText,
  type Arm,
  type JobSpec,
  type Scoring,
  type ScoringSettings,
} from '../src/job-spec.ts';
import { log } from '../src/log.ts';
import type { StartOfFork } from '../src/store/jobs.ts';
import type { ScoringKey } from '../src/shared-keys.ts';
import { datasetCacheFolder, describeDataset, findDataset } from '../src/suite/datasets.ts';
import { dataHeaders, type HubLogin } from '../src/suite/hub/remote-data.ts';
import { findModel, type SuiteModel } from '../src/suite/models.ts';
import { selectBackend, type BackendName } from '../src/tensor/backend.ts';
import { cudaMemoryBytes } from '../src/tensor/native.ts';
import { hasPrecision } from '../src/tensor/precision.ts';
import { roomOf } from '../src/train/micro-batch.ts';
import { resolvePlan, type RunPlan } from '../src/train/plan.ts';
import type { TaskAccess } from './batches.ts';
import { cardMemoryBytes, machineMemoryBytes } from './machine.ts';
import type { BurnInTask, TrainerTask } from './messages.ts';

/** What is stored as the job's plan: the run's plan, and what computes it. */
export interface JobPlan extends RunPlan {
  readonly backend: { readonly name: BackendName; readonly reason: string };
  /** What one evaluation of each of `benchmarks` takes; plans of earlier releases lack it. */
  readonly scoringCosts?: readonly ScoringCost[];
}

export interface Preparation {
  readonly plan: JobPlan;
  readonly model: SuiteModel;
  readonly dataset: DatasetDescription;
  readonly access: TaskAccess;
  readonly heldBack: TrainerTask['heldBack'];
  readonly scorings: readonly ScoringTask[];
  /** Of a fork: the checkpoint that it starts from, which stands in the model's place at that step. */
  readonly start: StartOfFork | null;
}

export interface Circumstances {
  readonly hub?: HubLogin | undefined;
  /** On which arms train at once; default: one. */
  readonly numCores?: number;
  /** Of a fork: where it starts. */
  readonly start?: StartOfFork | null | undefined;
}

/** Resolves the whole job; `stored` is the plan of an earlier attempt, which is kept. Throws InputError, NotFoundError, DataError. */
export async function prepare(
  spec: JobSpec,
  stored: unknown,
  home: string,
  { hub, numCores = 1, start = null }: Circumstances = {},
): Promise<Preparation> {
  const model = withStart(findModel(home, spec.model), start);
  if (start !== null) await checkStart(start);
  const plan = stored === null ? await makePlan(spec, home, numCores, start) : storedPlan(stored);
  const dataset = await describeDataset(home, spec.dataset);
  const heldBack = heldBackOf(findDataset(home, spec.dataset), model);
  const scorings = plan.benchmarks.map((scoring) => openScoring(scoring, home));
  const access = { cacheFolder: datasetCacheFolder(home, spec.dataset), ...dataHeaders(dataset.prefix, hub) };
  return { plan, model, dataset, access, heldBack, scorings, start };
}

/** The checkpoint that a fork was made of is still that one. Its other files are held to its manifest when they are loaded. */
async function checkStart({ job, arm, step, path, manifestSha256 }: StartOfFork): Promise<void> {
  const manifest = join(path, 'manifest.json');
  const found = existsSync(manifest) ? await fileSha256(manifest) : 'none';
  if (found === manifestSha256) return;
  throw new DataError(
    `${manifest}: expected the manifest with SHA-256 ${manifestSha256} of ${arm} of job ${job} at step ${step}, found ${found}: fork it anew`,
  );
}

async function makePlan(spec: JobSpec, home: string, numCores: number, start: StartOfFork | null): Promise<JobPlan> {
  const [model, dataset] = [modelFacts(home, spec.model, start), datasetFacts(home, spec.dataset)];
  const backend = await selectBackend(spec.backend);
  needPrecision(spec, backend.name);
  const numAtOnce = Math.min(numTrainersAtOnce(backend.name, numCores), spec.arms.length);
  const machine = { memoryBytes: machineMemoryBytes(), numAtOnce, cardBytes: cardBytesOf(backend.name) };
  const room = roomOf(backend.name, machine);
  const plan = resolvePlan(spec, model, dataset, room);
  return { ...plan, backend, scoringCosts: plan.benchmarks.map((scoring) => costOf(openScoring(scoring, home))) };
}

function openScoring({ benchmark, ...how }: Scoring, home: string): ScoringTask {
  return { benchmark: findBenchmark(benchmark, home), ...how };
}

/** Throws InputError where the back end does not multiply as the job wants. */
function needPrecision({ training: { precision } }: JobSpec, backend: BackendName): void {
  if (precision === 'auto' || hasPrecision(precision)) return;
  throw new InputError(
    `the ${backend} back end multiplies in fp32 only: take "fp32", or "backend": "native" or "cuda"`,
    {
      pointer: '/training/precision',
    },
  );
}

function cardBytesOf(backend: BackendName): number | undefined {
  if (backend === 'cuda') return cudaMemoryBytes();
  return backend === 'tensorflow' ? cardMemoryBytes() : undefined;
}

/** How many arms train side by side: one where the back end takes the whole card or all cores by itself. */
export function numTrainersAtOnce(backend: BackendName, numCores: number): number {
  return backend === 'wasm' || backend === 'cpu' ? numCores : 1;
}

function storedPlan(stored: unknown): JobPlan {
  // Written by makePlan of an earlier attempt; only its presence is checked again.
  z.object({ from: z.int(), to: z.int(), backend: z.object({ name: z.string() }) }).parse(stored);
  const plan = stored as JobPlan & { readonly benchmarks: readonly (string | Scoring)[] }; // earlier releases stored names
  return { ...plan, benchmarks: plan.benchmarks.map((one) => (typeof one === 'string' ? scoringOf(one) : one)) };
}

/** With no other scorings than these. */
export function scoringOnly(preparation: Preparation, scorings: readonly ScoringKey[]): Preparation {
  const isWanted = (benchmark: string, protocol: string, settings: ScoringSettings) =>
    scorings.some(
      (one) =>
        one.benchmark === benchmark &&
        one.protocol === protocol &&
        settingsText(one.settings) === settingsText(settings),
    );
  return {
    ...preparation,
    scorings: preparation.scorings.filter((one) => isWanted(one.benchmark.name, one.protocol, one.settings)),
    heldBack: scorings.some(({ benchmark }) => benchmark === HELD_BACK) ? preparation.heldBack : null,
  };
}

/** What the batches of an arm are made of. */
export function rowsOfArm({ plan, model, dataset, access }: Preparation, spec: JobSpec, arm: Arm) {
  const { tokenizerPath } = model;
  return { arm, plan, dataset, access, tokenizerPath, intervention: spec.intervention };
}

export interface StartCheckpoint {
  readonly path: string;
  readonly isOwn: boolean;
  /** As which step it is only scored. */
  readonly scoreAt?: number;
}

/** The task of one arm of one attempt, starting from `checkpoint`: the run's own newest one, the burn-in's, one from outside, or none of these. */
export function makeTask(
  preparation: Preparation,
  spec: JobSpec,
  arm: Arm,
  checkpointFolder: string,
  checkpoint: StartCheckpoint | undefined,
): TrainerTask {
  const { plan, model, heldBack, scorings } = preparation;
  return {
    ...sharedTask(preparation, checkpointFolder),
    ...{ arm, heldBack },
    startFolder: checkpoint?.path ?? suiteCheckpoint(model, arm === 'published' ? plan.to : plan.from),
    tokenizerPath: model.tokenizerPath,
    scoreAt: checkpoint?.scoreAt ?? (arm === 'published' ? plan.to : null),
    isOwnCheckpoint: checkpoint?.isOwn ?? false,
    intervention: spec.intervention,
    scorings: [...scorings],
  };
}

/** The task of the burn-in of one attempt. */
export function makeBurnInTask(preparation: Preparation, checkpointFolder: string): BurnInTask {
  const startFolder = suiteCheckpoint(preparation.model, preparation.plan.from);
  return { ...sharedTask(preparation, checkpointFolder), arm: 'burn-in', startFolder };
}

function sharedTask({ plan, model, dataset, access }: Preparation, checkpointFolder: string) {
  return { configPath: model.configPath, backend: plan.backend.name, ...{ plan, dataset, access, checkpointFolder } };
}

/** The folder of the suite's checkpoint at a step that the plan found there. */
export function suiteCheckpoint(model: SuiteModel, step: number): string {
  const folder = model.checkpoints.get(step);
  if (folder === undefined) throw new Error(`bug: ${model.name} has no checkpoint at step ${step}`);
  return folder;
}

/** The whole checkpoint that a burn-in of any attempt left; undefined when there is none. */
export async function findBurnIn(home: string, jobId: string, { from }: RunPlan): Promise<string | undefined> {
  const attempts = await readdir(join(home, 'jobs', jobId)).catch(() => []); // nothing was saved yet
  for (const attempt of attempts) {
    const folder = join(home, 'jobs', jobId, attempt, 'burn-in', `step-${from}`);
    if (!existsSync(join(folder, 'manifest.json'))) continue;
    try {
      await verifyCheckpoint(folder);
      return folder;
    } catch (error) {
      log.warn({ job: jobId, message: messageOf(error) }, 'burn-in damaged; it is done again');
    }
  }
  return undefined;
}

/** Where the attempt's checkpoints of one arm, or its burn-in's, lie: the attempt is part of the path, so that a stale one overwrites nothing. */
export function checkpointFolder(home: string, jobId: string, attempt: number, arm: Arm | 'burn-in'): string {
  return join(home, 'jobs', jobId, `attempt-${attempt}`, arm);
}

/** Removes what trainers of the arm were writing when they were killed; none of this attempt may run. */
export async function removeHalfWritten(home: string, jobId: string, arm: Arm | 'burn-in'): Promise<void> {
  const list = (folder: string) => readdir(folder).catch(() => []); // nothing was saved yet
  const job = join(home, 'jobs', jobId);
  for (const attempt of await list(job)) {
    const folder = join(job, attempt, arm);
    const half = (await list(folder)).filter((name) => name.includes('.writing-')); // saveCheckpoint's name for it
    for (const name of half) await rm(join(folder, name), { recursive: true, force: true });
  }
}
