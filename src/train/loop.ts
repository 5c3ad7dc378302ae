// The whole road of one batch, step after step: replay → rewrite → train → record → evaluate → checkpoint. The stops are handed
// in as functions; what a step sees depends on the run's plan and the step number only.
import { learningRate, type Schedule } from './schedule.ts';
import type { TrainingRows } from './rows.ts';
import { trainStep, type StepSettings } from './step.ts';
import type { TrainState } from './state.ts';

export interface LoopPlan extends StepSettings {
  /** Train until this many updates are finished. */
  readonly to: number;
  readonly schedule: Schedule;
  readonly evaluateAt: ReadonlySet<number>;
  readonly saveAt: ReadonlySet<number>;
}

export interface StepRecord<Proof> {
  /** The step whose batch was read: the update leads from it to the next. */
  readonly step: number;
  readonly numRows: number;
  readonly lossNats: number | null;
  /** 0 for an update that was skipped. */
  readonly learningRate: number;
  readonly gradientNorm: number | null;
  readonly tokensPerSecond: number;
  /** Why the update was left out; null where it was made. */
  readonly skipped: string | null;
  readonly proof: Proof;
}

export interface Rewritten<Proof> {
  readonly batch: TrainingRows;
  readonly proof: Proof;
}

export interface Road<Batch extends TrainingRows, Proof> {
  replay(step: number): Batch | Promise<Batch>;
  rewrite(batch: Batch): Rewritten<Proof> | Promise<Rewritten<Proof>>;
  record(record: StepRecord<Proof>): void;
  evaluate(state: TrainState): Promise<void>;
  save(state: TrainState): Promise<void>;
}

/**
 * Travels from the state's step to `plan.to` and returns the last state, which the caller disposes; the given one is disposed.
 * When the signal aborts, the state reached so far is saved and returned.
 */
export async function travel<Batch extends TrainingRows, Proof>(
  start: TrainState,
  plan: LoopPlan,
  road: Road<Batch, Proof>,
  signal?: AbortSignal,
): Promise<TrainState> {
  let state = start;
  const isStopping = () => signal?.aborted === true;
  while (state.step < plan.to && !isStopping()) {
    const startedMs = performance.now();
    const batch = await road.replay(state.step);
    const { batch: rows, proof } = await road.rewrite(batch);
    const rate = learningRate(plan.schedule, state.lrCount);
    const { step } = state;
    const result = await trainStep(state, rows, rate, plan);
    state = result.state;
    const { lossNats, gradientNorm, skipped } = result;
    const tokensPerSecond = (rows.numRows * (rows.rowLength - 1) * 1000) / (performance.now() - startedMs);
    const figures = { lossNats, learningRate: skipped === null ? rate : 0, gradientNorm, tokensPerSecond };
    road.record({ step, numRows: rows.numRows, ...figures, skipped, proof });
    if (plan.evaluateAt.has(state.step)) await road.evaluate(state);
    await breathe();
    if (plan.saveAt.has(state.step) || isStopping()) await road.save(state);
  }
  return state;
}

/** A step blocks the event loop; between steps it gets its turn, so that messages and signals arrive. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
