// The process that does one errand: hashing gigabytes and building indexes would keep the server's event loop. It hears its task over IPC, and ends with its server.
import { ConflictError, DataError, InputError, messageOf, NotFoundError, TransientError } from '../errors.ts';
import type { ErrandProgress, ErrandReason } from '../store/errands.ts';
import type { ErrandMessage, ErrandTask } from './task.ts';
import { doErrand } from './work.ts';

/** Progress is told so often at most. */
const TELL_EVERY_MS = 250;

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
// Ctrl-C reaches the whole terminal group; the server decides.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(1));
process.on('message', (task: ErrandTask) => void work(task));
if (process.connected === false) process.exit(1);

async function work(task: ErrandTask): Promise<void> {
  let latest: ErrandProgress | undefined;
  const tell = (progress: ErrandProgress) => (latest = progress);
  // By a timer, not by the time since the last: what came just before a silence is told, too.
  const timer = setInterval(() => {
    if (latest !== undefined) send({ type: 'progress', progress: latest });
    latest = undefined;
  }, TELL_EVERY_MS);
  try {
    end({ type: 'finished', result: await doErrand(task, tell, stop.signal) });
  } catch (error) {
    end(stop.signal.aborted ? { type: 'stopped' } : { type: 'failed', ...failureOf(error) });
  } finally {
    clearInterval(timer);
  }
}

function send(message: ErrandMessage): void {
  process.send?.(message, undefined, undefined, (error) => error !== null && process.exit(1)); // nobody reads any more
}

function end(message: ErrandMessage): void {
  process.send?.(message, undefined, undefined, () => process.exit(0));
}

function failureOf(error: unknown): { reason: ErrandReason; message: string } {
  const message = messageOf(error);
  if (error instanceof InputError) {
    return { reason: error.pointer === '/forceBadRevision' ? 'bad-revision' : 'refused', message };
  }
  if (error instanceof NotFoundError) return { reason: 'refused', message };
  if (error instanceof DataError) return { reason: 'wrong-data', message };
  if (error instanceof TransientError) return { reason: 'not-available', message };
  if (error instanceof ConflictError) return { reason: 'in-use', message };
  return { reason: 'program', message: error instanceof Error ? (error.stack ?? message) : message };
}
