// The trainer process: a child of a worker that trains one arm, or does the burn-in before them. It holds no lease and no database connection; it ends when its
// worker is gone.
import { DataError, InputError, messageOf, NotFoundError, NumericalError, TransientError } from '../src/errors.ts';
import type { FailureReason } from '../src/job-spec.ts';
import { runBurnIn } from './burn-in.ts';
import { CheckpointError, runArm } from './intervention.ts';
import type { TrainerMessage, WorkerMessage } from './messages.ts';
import { adviceFor, isOutOfMemory } from './out-of-memory.ts';

const stop = new AbortController();

process.on('SIGTERM', () => stop.abort());
// Ctrl-C reaches the whole terminal group; the worker decides when its trainers stop.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(1));
if (process.connected === false) process.exit(1);
process.on('message', (message: WorkerMessage) => void work(message));

async function work({ task }: WorkerMessage): Promise<void> {
  try {
    if (task.arm === 'burn-in') await runBurnIn(task, send, stop.signal);
    else await runArm(task, send, stop.signal);
    end({ type: stop.signal.aborted ? 'stopped' : 'finished' });
  } catch (error) {
    end({ type: 'failed', reason: reasonOf(error), message: wordsOf(error, task) });
  }
}

function send(message: TrainerMessage): void {
  // A pipe that breaks has no reader any more: the worker is gone.
  process.send?.(message, undefined, undefined, (error) => error !== null && process.exit(1));
}

/** The last word: the process ends once the worker's end of the pipe has it. */
function end(message: TrainerMessage): void {
  process.send?.(message, undefined, undefined, () => process.exit(0));
}

function wordsOf(error: unknown, task: WorkerMessage['task']): string {
  if (isOutOfMemory(error)) return `${messageOf(error)}; ${adviceFor(task)}`;
  const isKnown = reasonOf(error) !== 'program';
  return isKnown || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message);
}

function reasonOf(error: unknown): FailureReason {
  if (isOutOfMemory(error)) return 'out-of-memory';
  if (error instanceof NumericalError) return 'numerical';
  if (error instanceof InputError || error instanceof NotFoundError) return 'bad-spec';
  if (error instanceof CheckpointError) return 'bad-checkpoint';
  // Transient is only what was tried often: a server of the data that stays out of reach.
  if (error instanceof DataError || error instanceof TransientError) return 'bad-data';
  return 'program';
}
