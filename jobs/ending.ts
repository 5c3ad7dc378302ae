// How an attempt ends, and as which reason a fault that ended it counts.
import { DataError, InputError, NotFoundError, StorageError } from '../src/errors.ts';
import type { FailureReason } from '../src/job-spec.ts';

export interface AttemptEnd {
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'preempted' | 'paused' | 'lost';
  readonly reason?: FailureReason;
  readonly message?: string;
  /** Of a job that waits for outside checkpoints: those that it has; null when there is one to score. */
  readonly numCheckpoints?: number | null;
}

export type StopReason = 'cancelled' | 'preempted' | 'lost';

/** What a fault on the worker's side is to the job. */
export function reasonOf(error: unknown): FailureReason {
  if (error instanceof StorageError) return 'storage';
  if (error instanceof DataError) return 'bad-data';
  if (error instanceof InputError || error instanceof NotFoundError) return 'bad-spec';
  return 'program';
}
