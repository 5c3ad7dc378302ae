// From what a researcher wrote to what will be done: every `auto` resolved once, arithmetic only. The result is stored with
// the job and kept by every later attempt.
import { InputError } from '../errors.ts';
import { scoringOf, type JobSpec, type Scoring } from '../job-spec.ts';
import type { Recompute } from '../model/gpt-neox.ts';
import type { Precision } from '../tensor/precision.ts';
import { resolveMicroBatch, type Room } from './micro-batch.ts';
import type { Schedule } from './schedule.ts';

/** What the plan needs to know of a model. */
export interface ModelFacts {
  readonly name: string;
  readonly numLayers: number;
  readonly hiddenSize: number;
  readonly numHeads: number;
  readonly intermediateSize: number;
  readonly vocabSize: number;
  readonly numParameters: number;
  readonly schedule: Schedule;
  /** The suite's last step. */
  readonly endStep: number;
  /** Distance between the suite's late checkpoints. */
  readonly checkpointSpacing: number;
  /** Steps at which the suite published a checkpoint. */
  readonly publishedSteps: readonly number[];
  /** Steps whose published files are here, ascending. */
  readonly availableSteps: readonly number[];
  readonly hasMoments: (step: number) => boolean;
  /** The command that fetches a published checkpoint; undefined where there is none. */
  readonly pullCommand?: (step: number) => string | undefined;
  readonly benchmarks: readonly string[];
}

export interface DatasetFacts {
  readonly name: string;
  readonly batchSize: number;
  readonly seqLength: number;
  readonly numSamples: number;
}

export interface RunPlan {
  readonly from: number;
  readonly to: number;
  readonly batchSize: number;
  readonly rowsPerStep: number;
  readonly seqLength: number;
  readonly microBatchSize: number;
  /** Plans stored before there was a choice lack it: nothing. */
  readonly recompute?: Recompute;
  readonly resume: 'exact-state' | 'burn-in' | 'weights-only';
  /** Steps before `from` whose batches a burn-in reads; 0 for the other modes. */
  readonly burnInSteps: number;
  readonly precision: Precision;
  readonly gelu: 'tanh' | 'erf';
  readonly rope: 'fp16-angles' | 'fp32-angles';
  readonly adamStep: 'clean' | 'zero-restart';
  readonly lossScale: 'none' | 'emulated';
  readonly badSteps: 'stop' | 'skip';
  readonly schedule: Schedule;
  readonly evaluateAt: readonly number[];
  readonly saveAt: readonly number[];
  readonly keepCheckpoints: number;
  /** What is scored, and how, at each of `evaluateAt`. */
  readonly benchmarks: readonly Scoring[];
  readonly hasPublishedEnd: boolean;
}

/** Resolves a job's window. Throws InputError with the faulty field's JSON pointer. */
export function resolveWindow(spec: JobSpec, model: ModelFacts): { from: number; to: number } {
  const from = spec.checkpoint === undefined ? startOfFinalFraction(spec, model) : Number(spec.checkpoint.slice(4));
  if (!model.availableSteps.includes(from)) {
    const near = nearest(model.availableSteps, from);
    const command = model.pullCommand?.(from);
    const ways = [
      ...(command === undefined ? [] : [`fetch it with \`${command}\``]),
      ...(near === undefined ? [] : [`the nearest is step${near}`]),
    ];
    throw new InputError(`${model.name} has no checkpoint at step ${from} here; ${ways.join('; ') || 'register one'}`, {
      pointer: '/checkpoint',
    });
  }
  const { steps, to: lastStep } = spec.window;
  const to = steps === undefined ? (lastStep ?? model.endStep) : from + steps;
  const pointer = steps === undefined ? '/window/to' : '/window/steps';
  if (to <= from)
    throw new InputError(`the window ends at step ${to}, before or at its start, step ${from}`, { pointer });
  if (to > model.endStep) {
    throw new InputError(`the window ends at step ${to}; ${model.name} was trained to step ${model.endStep}`, {
      pointer,
    });
  }
  return { from, to };
}

/** The whole plan of a job's runs, for trainers with so much room. Throws InputError with the faulty field's JSON pointer. */
export function resolvePlan(spec: JobSpec, model: ModelFacts, dataset: DatasetFacts, room: Room): RunPlan {
  const { from, to } = resolveWindow(spec, model);
  if (to * dataset.batchSize > dataset.numSamples) {
    throw new InputError(
      `step ${to} needs ${to * dataset.batchSize} samples; dataset ${dataset.name} has ${dataset.numSamples}`,
      { pointer: '/dataset' },
    );
  }
  const { training, evaluation } = spec;
  const rowsPerStep = training.rowsPerStep === 'all' ? dataset.batchSize : training.rowsPerStep;
  if (rowsPerStep > dataset.batchSize) {
    throw new InputError(`rowsPerStep is ${rowsPerStep}; a batch of ${dataset.name} has ${dataset.batchSize} rows`, {
      pointer: '/training/rowsPerStep',
    });
  }
  const every = evaluation.every === 'auto' ? autoInterval(to - from, model.checkpointSpacing) : evaluation.every;
  const precision = training.precision === 'auto' ? 'fp32' : training.precision;
  const saveEvery = training.checkpointEvery === 'auto' ? every : training.checkpointEvery;
  return {
    from,
    to,
    batchSize: dataset.batchSize,
    rowsPerStep,
    seqLength: dataset.seqLength,
    ...microBatchOf(spec, model, { seqLength: dataset.seqLength, rowsPerStep, precision }, room),
    ...resolveResume(spec, model, from),
    precision,
    gelu: training.gelu,
    rope: training.rope,
    adamStep: training.adamStep,
    lossScale: training.lossScale,
    badSteps: training.badSteps,
    schedule: model.schedule,
    evaluateAt: [...(evaluation.atStart ? [from] : []), ...multiplesIn(every, from, to)],
    saveAt: multiplesIn(saveEvery, from, to),
    keepCheckpoints: training.keepCheckpoints,
    benchmarks: (evaluation.benchmarks === 'auto' ? model.benchmarks : evaluation.benchmarks).map(scoringOf),
    hasPublishedEnd: model.availableSteps.includes(to),
  };
}

/** What another engine trains takes none of this machine's memory: its micro-batch is chosen with the export. */
function microBatchOf(
  { training }: JobSpec,
  model: ModelFacts,
  rows: Parameters<typeof resolveMicroBatch>[2],
  room: Room,
): Pick<RunPlan, 'microBatchSize' | 'recompute'> {
  if (training.engine !== 'gpt-neox') return resolveMicroBatch(training, model, rows, room);
  const microBatchSize = training.microBatchSize === 'auto' ? 1 : Math.min(training.microBatchSize, rows.rowsPerStep);
  return { microBatchSize, recompute: training.recompute === 'layers' ? 'layers' : 'none' };
}

function startOfFinalFraction(spec: JobSpec, model: ModelFacts): number {
  const wanted = (1 - (spec.window.finalFraction ?? 0)) * model.endStep;
  const before = model.publishedSteps.filter((step) => step < model.endStep);
  const step = nearest(before, wanted);
  if (step === undefined) {
    throw new InputError(`${model.name} has no checkpoint before its end`, { pointer: '/window/finalFraction' });
  }
  return step;
}

function nearest(steps: readonly number[], wanted: number): number | undefined {
  return [...steps].sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted) || a - b)[0];
}

/** A tenth of the window, rounded to the suite's checkpoint spacing where the window is long enough for that. */
function autoInterval(length: number, spacing: number): number {
  const tenth = length / 10;
  return tenth < spacing ? Math.max(1, Math.round(tenth)) : Math.round(tenth / spacing) * spacing;
}

function multiplesIn(every: number, from: number, to: number): number[] {
  const steps: number[] = [];
  for (let step = (Math.floor(from / every) + 1) * every; step < to; step += every) steps.push(step);
  return [...steps, to];
}

/** Steps of a burn-in: where longer ones gain little on the nano suite (docs/resume-fidelity.md). */
const BURN_IN_STEPS = 64;

function resolveResume(spec: JobSpec, model: ModelFacts, from: number): Pick<RunPlan, 'resume' | 'burnInSteps'> {
  const { resume: wanted, burnInSteps } = spec.training;
  const resume = wanted === 'auto' ? bestResume(spec, model, from) : wanted;
  if (resume === 'exact-state' && !model.hasMoments(from)) {
    throw new InputError(
      `${model.name} has no optimizer state at step ${from}: take "burn-in", "weights-only" or "auto"`,
      { pointer: '/training/resume' },
    );
  }
  if (resume !== 'burn-in') {
    if (burnInSteps === 'auto') return { resume, burnInSteps: 0 };
    throw new InputError(`burnInSteps is given, and the resume is ${resume}: leave it out, or take "burn-in"`, {
      pointer: '/training/burnInSteps',
    });
  }
  if (from === 0) {
    throw new InputError('before step 0 there is nothing to burn in on: take "weights-only" or "auto"', {
      pointer: '/training/resume',
    });
  }
  if (burnInSteps === 'auto') return { resume, burnInSteps: Math.min(BURN_IN_STEPS, from) };
  if (burnInSteps > from) {
    throw new InputError(`a burn-in of ${burnInSteps} steps needs as many before step ${from}`, {
      pointer: '/training/burnInSteps',
    });
  }
  return { resume, burnInSteps };
}

/** At step 0 the true moments are zero; a model that is trained outside may be too large for a burn-in here. */
function bestResume({ training }: JobSpec, model: ModelFacts, from: number): RunPlan['resume'] {
  if (model.hasMoments(from)) return 'exact-state';
  return from === 0 || training.engine === 'gpt-neox' ? 'weights-only' : 'burn-in';
}
