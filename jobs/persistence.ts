// Writing to a database that may go away for a while.
import { setTimeout as sleep } from 'node:timers/promises';
import { TransientError } from '../src/errors.ts';
import { log } from '../src/log.ts';

const RETRY_MS = 500;

/** Does the work again and again while the database is away. Throws what else it throws. */
export async function persistently<T>(work: () => Promise<T>, isGivenUp: () => boolean = () => false): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TransientError) || isGivenUp()) throw error;
      log.warn({ message: error.message }, 'the database is away; the record waits');
      await sleep(RETRY_MS);
    }
  }
}
