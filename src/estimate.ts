// What a job will take, before it is submitted: steps, memory, disk, and how small an effect its benchmarks can show. Arithmetic on the plan that a worker would
// make on this machine; reads files, touches no tensors. How fast this machine trains is measured, so the API adds the time from what was recorded.
import { existsSync, statfsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import type { BackendName, BenchmarkPower, Estimate } from './api/catalog.ts';
import { findBenchmark } from './eval/benchmarks.ts';
import { costOf, type ScoringTask } from './eval/scoring-task.ts';
import { detectableRate, leastSignificantRate } from './eval/statistics.ts';
import { datasetFacts, heldBackOf, modelFacts } from './facts.ts';
import { settingsText, type JobSpec } from './job-spec.ts';
import { findDataset } from './suite/datasets.ts';
import { bytesOfTrainer, roomOf } from './train/micro-batch.ts';
import { diskOf, keptAtOnce } from './train/disk.ts';
import { resolvePlan } from './train/plan.ts';

const SHARES = [0.05, 0.2, 0.5];
const RATES = {
  winobias: 'proRate',
  'winobias-conll': 'accuracy',
  'crows-pairs': 'pctStereotype',
  'crows-pairs-revised': 'pctStereotype',
  lambada: 'wordAccuracy',
  perplexity: null,
} as const;

/** The estimate on a back end of this machine. Throws InputError with a pointer, NotFoundError or DataError for what cannot be. */
export function estimateJob(home: string, spec: JobSpec, backend: BackendName): Omit<Estimate, 'family'> {
  const [model, dataset] = [modelFacts(home, spec.model), datasetFacts(home, spec.dataset)];
  const trained = spec.arms.filter((arm) => arm !== 'published');
  const isAlone = backend !== 'wasm' && backend !== 'cpu';
  const numAtOnce = Math.max(1, Math.min(isAlone ? 1 : availableParallelism(), trained.length));
  const machineBytes = totalmem();
  const room = roomOf(backend, { memoryBytes: machineBytes, numAtOnce });
  const plan = resolvePlan(spec, model, dataset, room);
  const { from, to, microBatchSize, recompute = 'none', rowsPerStep, seqLength, precision, burnInSteps } = plan;
  const heldBack = heldBackOf(findDataset(home, spec.dataset), model);
  const rows = { seqLength, rowsPerStep, precision };
  const { liveBytes, residentBytes } = bytesOfTrainer({ microBatchSize, recompute }, model, rows, room.kernels);
  const { checkpointBytes, numCheckpoints } = diskOf(plan, trained.length, model.numParameters);
  const ofTraining = { numTokens: (to - from) * rowsPerStep * seqLength, numCheckpoints: keptAtOnce(plan) };
  const ofBurnIn = {
    numTokens: trained.length === 0 ? 0 : burnInSteps * rowsPerStep * seqLength,
    numCheckpoints: numCheckpoints - trained.length * ofTraining.numCheckpoints,
  };
  return {
    window: { from, to, numSteps: to - from },
    ...{ backend, microBatchSize, recompute, resume: plan.resume, numParameters: model.numParameters },
    work: {
      plan: { ...plan, backend: { name: backend } },
      heldBack,
      numTrainings: trained.length,
      ofTraining,
      ofBurnIn,
    },
    numTokens: trained.length * ofTraining.numTokens + ofBurnIn.numTokens,
    memory: {
      ...{ liveBytesPerTrainer: liveBytes, residentBytesPerTrainer: residentBytes, numTrainersAtOnce: numAtOnce },
      ...{ residentBytes: numAtOnce * residentBytes, machineBytes },
    },
    disk: { checkpointBytes, numCheckpoints, bytes: numCheckpoints * checkpointBytes, freeBytes: freeBytes(home) },
    evaluations: {
      numPerArm: plan.evaluateAt.length,
      benchmarks: plan.benchmarks.map(({ benchmark, ...how }) =>
        powerOf({ benchmark: findBenchmark(benchmark, home), ...how }),
      ),
    },
  };
}

const known = new Map<string, number>();

function powerOf(task: ScoringTask): BenchmarkPower {
  const { protocol, settings } = task;
  const { name, kind, sha256 } = task.benchmark;
  const key = [sha256, protocol, settingsText(settings)].join(' ');
  const numItems = known.get(key) ?? costOf(task).numItems;
  known.set(key, numItems); // files of one hash have one number of items
  const metric = RATES[kind];
  const isRate = metric !== null;
  return {
    ...{ benchmark: name, protocol, settings, metric, numItems },
    leastSignificant: isRate ? leastSignificantRate(numItems) : null,
    detectable: isRate
      ? SHARES.map((shareDiffering) => ({ shareDiffering, difference: detectableRate(numItems, shareDiffering) }))
      : [],
  };
}

function freeBytes(home: string): number {
  const { bavail, bsize } = statfsSync(existsSync(home) ? home : '.');
  return bavail * bsize;
}
