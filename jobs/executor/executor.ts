// How a job's trainers are run. What a worker needs of it is small: run one trainer, hear what it says, know when it has ended. The lease, the
// records and the choice of where to go on stay with the worker, whatever runs the trainer.
import type { Arm } from '../../src/job-spec.ts';
import type { BackendName } from '../../src/tensor/backend.ts';
import type { BurnInTask, TrainerMessage, TrainerTask } from '../messages.ts';

export type Task = TrainerTask | BurnInTask;

/** Whose trainer it is, and where it computes. */
export interface TrainerPlace {
  readonly jobId: string;
  readonly attempt: number;
  readonly arm: Arm | 'burn-in';
  /** Graphics cards of the worker's machine, as CUDA_VISIBLE_DEVICES names them; empty: those of the worker. */
  readonly cards: readonly string[];
}

export interface TrainerEnd {
  /** What ended it. */
  readonly words: string;
  /** Whether it may be the trainer's own fault, which counts; being preempted or losing the machine is not. */
  readonly isFault: boolean;
}

export interface RunningTrainer {
  /** Resolves when it is gone and everything that it said was handed on. Rejects when it could not be started. */
  readonly ended: Promise<TrainerEnd>;
  /** Asks it to save and end; kills it when it has not after `graceMs`. */
  stop(graceMs: number): void;
  /** Ends it at once. */
  kill(): void;
  /** The lease is lost: another worker has the job, and takes this trainer over where the executor can hand it on; else it is killed. */
  abandon(): void;
}

export interface Executor {
  /** Whether its trainers compute on the worker's own machine, which is the one that the manifest names. */
  readonly isHere: boolean;
  /** How many trainers of one job may run side by side. */
  numTrainersAtOnce(backend: BackendName): number;
  /**
   * Runs one trainer, and hands on every message that it sends, in order. Where an earlier attempt left one of the same arm that still
   * works, or whose messages nobody has heard, it is taken over; else `makeTask` says what to do.
   */
  run(
    place: TrainerPlace,
    makeTask: () => Promise<Task>,
    onMessage: (message: TrainerMessage) => void,
  ): Promise<RunningTrainer>;
}
