// Cleans up by itself: a worker that is running looks every few minutes for what nobody needs any more. One at a time, of all workers on a database.
import { messageOf } from '../src/errors.ts';
import { log } from '../src/log.ts';
import type { Database } from '../src/store/database.ts';
import { asOnlyCleaner } from '../src/store/retention.ts';
import { findRubbish, removeRubbish, type CleaningOptions, type Rubbish } from './cleaning.ts';

const EVERY_MS = 10 * 60_000;

export interface Freed {
  readonly numRemoved: number;
  readonly freedBytes: number;
}

/** Removes what is found, and logs it; undefined, and nothing is done, while another process cleans. Throws StorageError. */
export async function cleanUp(
  database: Database,
  options: CleaningOptions,
  onDone: (removed: Rubbish, place: number, all: readonly Rubbish[]) => void = () => undefined,
  signal?: AbortSignal,
): Promise<Freed | undefined> {
  return asOnlyCleaner(database, async () => {
    const all = await findRubbish(database, options);
    let [numRemoved, freedBytes] = [0, 0];
    for (const [place, rubbish] of all.entries()) {
      if (signal?.aborted) break;
      const isRemoved = await removeRubbish(database, rubbish);
      if (isRemoved) [numRemoved, freedBytes] = [numRemoved + 1, freedBytes + rubbish.sizeBytes];
      if (isRemoved) log.info({ job: rubbish.row?.jobId ?? rubbish.jobId, ...shown(rubbish) }, 'removed');
      onDone(rubbish, place, all);
    }
    if (numRemoved > 0) log.info({ numRemoved, freedBytes }, 'cleaned up');
    return { numRemoved, freedBytes };
  });
}

/** Cleans now and then until stopped; what fails is logged and tried again the next time. */
export function startJanitor(
  database: Database,
  home: string,
  olderThanMs: number,
  everyMs = EVERY_MS,
): { stop(): Promise<void> } {
  const stop = new AbortController();
  let cleaning: Promise<unknown> | undefined;
  const clean = () => {
    cleaning ??= cleanUp(database, { home, keeping: 'promised', olderThanMs }, undefined, stop.signal)
      .catch((error: unknown) => log.warn({ message: messageOf(error) }, 'cleaning up failed; it is tried again'))
      .finally(() => (cleaning = undefined));
  };
  const timer = setInterval(clean, everyMs);
  clean();
  return {
    async stop() {
      clearInterval(timer);
      stop.abort();
      await cleaning;
    },
  };
}

function shown({ kind, path, sizeBytes }: Rubbish) {
  return { kind, path, sizeBytes };
}
