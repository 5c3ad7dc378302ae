// From a claimed job to what its trainers need: every name resolved to files, every `auto` to a value. Done once; later
// attempts get the stored plan back.
import { z } from 'zod';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { datasetFacts, modelFacts } from '../src/catalog.ts';
import type { DatasetDescription } from '../src/data/replay.ts';
import { findBenchmark, type Benchmark } from '../src/eval/benchmarks.ts';
import type { Arm, JobSpec } from '../src/job-spec.ts';
import { datasetCacheFolder, describeDataset, findDataset } from '../src/suite/datasets.ts';
import { findModel, type SuiteModel } from '../src/suite/models.ts';
import { selectBackend, type BackendName } from '../src/tensor/backend.ts';
import { resolvePlan, type RunPlan } from '../src/train/plan.ts';
import type { TaskAccess } from './batches.ts';
import type { TrainerTask } from './messages.ts';

/** Held-back samples scored at most: enough for a perplexity with a narrow interval, cheap beside a step. */
const MOST_HELD_BACK = 64;

/** What is stored as the job's plan: the run's plan, and what computes it. */
export interface JobPlan extends RunPlan {
  readonly backend: { readonly name: BackendName; readonly reason: string };
}

export interface Preparation {
  readonly plan: JobPlan;
  readonly model: SuiteModel;
  readonly dataset: DatasetDescription;
  readonly access: TaskAccess;
  readonly heldBack: TrainerTask['heldBack'];
  readonly benchmarks: readonly Benchmark[];
}

/** Resolves the whole job; `stored` is the plan of an earlier attempt, which is kept. Throws InputError, NotFoundError, DataError. */
export async function prepare(spec: JobSpec, stored: unknown, home: string): Promise<Preparation> {
  const model = findModel(home, spec.model);
  const plan = stored === null ? await makePlan(spec, home) : storedPlan(stored);
  const dataset = await describeDataset(home, spec.dataset);
  const { trainSteps, batchSize, numSamples } = findDataset(home, spec.dataset);
  const from = (trainSteps ?? model.endStep) * batchSize;
  const to = Math.min(numSamples, from + MOST_HELD_BACK);
  const benchmarks = plan.benchmarks.map((name) => findBenchmark(name, home));
  const access = { cacheFolder: datasetCacheFolder(home, spec.dataset) };
  return { plan, model, dataset, access, heldBack: from < to ? { from, to } : null, benchmarks };
}

async function makePlan(spec: JobSpec, home: string): Promise<JobPlan> {
  const plan = resolvePlan(spec, modelFacts(home, spec.model), datasetFacts(home, spec.dataset));
  return { ...plan, backend: await selectBackend(spec.backend) };
}

function storedPlan(stored: unknown): JobPlan {
  // Written by makePlan of an earlier attempt; only its presence is checked again.
  z.object({ from: z.int(), to: z.int(), backend: z.object({ name: z.string() }) }).parse(stored);
  return stored as JobPlan;
}

/** The task of one arm of one attempt, starting from `checkpoint` when the run has one of its own. */
export function makeTask(
  { plan, model, dataset, access, heldBack, benchmarks }: Preparation,
  spec: JobSpec,
  arm: Arm,
  checkpointFolder: string,
  checkpoint: string | undefined,
): TrainerTask {
  const startStep = arm === 'published' ? plan.to : plan.from;
  const startFolder = checkpoint ?? model.checkpoints.get(startStep);
  if (startFolder === undefined) throw new Error(`bug: ${model.name} has no checkpoint at step ${startStep}`);
  return {
    ...{ arm, dataset, access, heldBack, plan, startFolder, checkpointFolder },
    configPath: model.configPath,
    tokenizerPath: model.tokenizerPath,
    isOwnCheckpoint: checkpoint !== undefined,
    intervention: spec.intervention,
    backend: plan.backend.name,
    benchmarks: [...benchmarks],
  };
}

/** Where the attempt's checkpoints of one arm lie: the attempt is part of the path, so that a stale one overwrites nothing. */
export function checkpointFolder(home: string, jobId: string, attempt: number, arm: Arm): string {
  return join(home, 'jobs', jobId, `attempt-${attempt}`, arm);
}

/** Removes what trainers of the arm were writing when they were killed; none of this attempt may run. */
export async function removeHalfWritten(home: string, jobId: string, arm: Arm): Promise<void> {
  const list = (folder: string) => readdir(folder).catch(() => []); // nothing was saved yet
  const job = join(home, 'jobs', jobId);
  for (const attempt of await list(job)) {
    const folder = join(job, attempt, arm);
    const half = (await list(folder)).filter((name) => name.includes('.writing-')); // saveCheckpoint's name for it
    for (const name of half) await rm(join(folder, name), { recursive: true, force: true });
  }
}
