// How a worker process is told to stop, and that it does: the first signal lets it save and give back its jobs; a second one, or a time that is up, ends it as it is.
// A job that was not given back is another worker's once its lease has run out.
import { log } from '../src/log.ts';

/** A trainer has 20 s to save, and Slurm 30 s more to answer. */
const STOP_LIMIT_MS = 90_000;
/** Ctrl-C reaches a process from the terminal and from whoever started it: signals so close together are one. */
const SAME_SIGNAL_MS = 1_000;

/** Aborts `stop` at SIGTERM, SIGINT, or when the process that started this one is gone; ends the process when it must not wait longer. */
export function leaveInTime(stop: AbortController, limitMs = STOP_LIMIT_MS): void {
  let askedMs: number | undefined;
  const leave = (why: string) => {
    log.fatal({ why }, 'ending without having given everything back');
    process.exit(1);
  };
  const ask = () => {
    if (askedMs !== undefined) return;
    askedMs = performance.now();
    stop.abort();
    setTimeout(() => leave(`it took longer than ${limitMs / 1_000} s`), limitMs).unref();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (askedMs !== undefined && performance.now() - askedMs > SAME_SIGNAL_MS) leave(`a second ${signal}`);
      ask();
    });
  }
  // Also when that one was gone before this line.
  process.on('disconnect', ask);
  if (process.connected === false) ask();
}
