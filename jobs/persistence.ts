// Writing to a database that may go away for a while.
import { setTimeout as sleep } from 'node:timers/promises';
import { TransientError } from '../src/errors.ts';
import { log } from '../src/log.ts';

const RETRY_MS = 500;

/** Does the work again and again while the database is away, which is logged when it changes. Throws what else it throws. */
export async function persistently<T>(work: () => Promise<T>, isGivenUp: () => boolean = () => false): Promise<T> {
  let told = '';
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TransientError) || isGivenUp()) throw error;
      if (error.message !== told) log.warn({ message: error.message }, 'the database is away; the work waits for it');
      told = error.message;
      await sleep(RETRY_MS);
    }
  }
}
