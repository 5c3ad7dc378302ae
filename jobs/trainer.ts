// The trainer process: a child of a worker that trains one arm, or does the burn-in before them. It holds no lease and no database connection; it ends when its
// worker is gone.
import { runBurnIn } from './burn-in.ts';
import { runArm } from './intervention.ts';
import type { TrainerMessage, WorkerMessage } from './messages.ts';
import { failureOf } from './trainer-failure.ts';

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
    end({ type: 'failed', ...failureOf(error, task) });
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
