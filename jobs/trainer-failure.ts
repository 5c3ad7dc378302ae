// What ended a trainer's work, as the reason and the words that the job will have.
import {
  DataError,
  InputError,
  messageOf,
  NotFoundError,
  NumericalError,
  StorageError,
  TransientError,
} from '../src/errors.ts';
import type { FailureReason } from '../src/job-spec.ts';
import { CheckpointError } from './intervention.ts';
import { adviceFor, isOutOfMemory } from './out-of-memory.ts';

/** A fault of the program keeps its stack; one for want of memory says what of the task to change. */
export function failureOf(
  error: unknown,
  task: Parameters<typeof adviceFor>[0],
): { reason: FailureReason; message: string } {
  return { reason: reasonOf(error), message: wordsOf(error, task) };
}

function wordsOf(error: unknown, task: Parameters<typeof adviceFor>[0]): string {
  if (isOutOfMemory(error)) return `${messageOf(error)}; ${adviceFor(task)}`;
  const isKnown = reasonOf(error) !== 'program';
  return isKnown || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message);
}

function reasonOf(error: unknown): FailureReason {
  if (isOutOfMemory(error)) return 'out-of-memory';
  if (error instanceof StorageError) return 'storage';
  if (error instanceof NumericalError) return 'numerical';
  if (error instanceof InputError || error instanceof NotFoundError) return 'bad-spec';
  if (error instanceof CheckpointError) return 'bad-checkpoint';
  // Transient is only what was tried often: a server of the data that stays out of reach.
  if (error instanceof DataError || error instanceof TransientError) return 'bad-data';
  return 'program';
}
