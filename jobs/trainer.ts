// The trainer process: trains one arm, or does the burn-in before them. It holds no lease and no database connection. As a child of a worker it hears its task over
// IPC and ends when its worker is gone; started by another system as `trainer FOLDER EXECUTION`, it talks by files (executor/shared-folder.ts).
import { runBurnIn } from './burn-in.ts';
import { openLink } from './executor/shared-folder.ts';
import { runArm } from './intervention.ts';
import type { BurnInTask, TrainerMessage, TrainerTask, WorkerMessage } from './messages.ts';
import { failureOf } from './trainer-failure.ts';

type Task = TrainerTask | BurnInTask;

interface Link {
  send(message: TrainerMessage): void;
  /** The last word: the process ends once it is said. */
  end(message: TrainerMessage): void;
}

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
// Ctrl-C reaches the whole terminal group; the worker decides when its trainers stop.
process.on('SIGINT', () => undefined);
const [folder, execution] = process.argv.slice(2);
if (folder === undefined) listenToParent();
else await workInFolder(folder, Number(execution));

function listenToParent(): void {
  process.on('disconnect', () => process.exit(1));
  if (process.connected === false) process.exit(1);
  const link: Link = {
    // A pipe that breaks has no reader any more: the worker is gone.
    send: (message) => void process.send?.(message, undefined, undefined, (error) => error !== null && process.exit(1)),
    end: (message) => void process.send?.(message, undefined, undefined, () => process.exit(0)),
  };
  process.on('message', ({ task }: WorkerMessage) => void work(task, link));
}

async function workInFolder(path: string, number: number): Promise<void> {
  let isAtWork = false;
  stop.signal.addEventListener('abort', () => isAtWork || process.exit(0)); // there is nothing to save
  const told = { onStop: () => stop.abort(), onGone: () => process.exit(1) };
  const { task, send } = openLink(path, number, told);
  const given = await task();
  isAtWork = true;
  const end = (message: TrainerMessage) => {
    send(message);
    process.exit(0);
  };
  await work(given, { send, end });
}

async function work(task: Task, { send, end }: Link): Promise<void> {
  try {
    if (task.arm === 'burn-in') await runBurnIn(task, send, stop.signal);
    else await runArm(task, send, stop.signal);
    end({ type: stop.signal.aborted ? 'stopped' : 'finished' });
  } catch (error) {
    end({ type: 'failed', ...failureOf(error, task) });
  }
}
