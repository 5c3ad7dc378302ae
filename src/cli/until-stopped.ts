// Work over the network that a user may stop: a progress bar, SIGINT and SIGTERM as a signal, and the hub as the settings have it.
import { setTimeout as wait } from 'node:timers/promises';
import { hubAccess } from '../settings.ts';
import type { HubClient } from '../suite/hub/request.ts';
import { startProgress, type Progress } from './progress.ts';
import { printable } from './table.ts';

/** Runs `work` with a progress bar until it ends or SIGINT or SIGTERM stops it; a second one ends the process at once. */
export async function untilStopped(
  afterwards: string,
  work: (signal: AbortSignal, show: (total: number, done: number, words: string) => void) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const names = ['SIGINT', 'SIGTERM'] as const;
  const abort = () => stop.abort();
  for (const name of names) process.once(name, abort);
  let progress: Progress | undefined;
  const show = (total: number, done: number, words: string) => {
    progress ??= startProgress(total, done);
    progress.update(done, words);
  };
  try {
    await work(stop.signal, show);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    progress?.stop();
    for (const name of names) process.off(name, abort);
  }
  if (process.exitCode === 130) say(`stopped; ${afterwards}`);
}

/** The hub, or any other server; its token goes to the hub alone. */
export function hubClient(signal: AbortSignal, retries: number): HubClient {
  const sleep = (ms: number) => wait(ms, undefined, { signal });
  return { access: hubAccess(), retries, signal, sleep, onWait: say };
}

/** One line on stderr. */
export function say(words: string): void {
  process.stderr.write(`${printable(words)}\n`);
}
