// A worker process among the workers: it says that it is there, and hears at its beat what operators ask of it. What it does not hear while the database is away
// changes nothing: its leases are its own matter.
import { randomUUID } from 'node:crypto';
import { messageOf } from '../src/errors.ts';
import { log } from '../src/log.ts';
import type { Database } from '../src/store/database.ts';
import { beatWorker, forgetWorker, type WorkerIdentity, type WorkerOrder } from '../src/store/workers.ts';

export interface Registration {
  /** Of its row. */
  readonly id: string;
  /** What it was last ordered; null: to work. */
  order(): WorkerOrder | null;
  close(): Promise<void>;
}

/** Others count on a worker only while it beats (src/store/slots.ts), however long its leases are. */
const SLOWEST_BEAT_MS = 10_000;

/** Registers the process and beats until it is closed. */
export function registerWorker(database: Database, worker: Omit<WorkerIdentity, 'id'>, beatMs: number): Registration {
  const identity = { id: randomUUID(), ...worker };
  let order: WorkerOrder | null = null;
  let beating: Promise<void> | undefined;
  const beat = async () => {
    try {
      const heard = await beatWorker(database, identity);
      if (heard !== order)
        log.info({ worker: identity.id, order: heard }, heard === null ? 'released' : `ordered to ${heard}`);
      order = heard;
    } catch (error) {
      log.warn({ worker: identity.id, message: messageOf(error) }, 'the worker could not say that it is there');
    }
  };
  const beatOnce = () => {
    beating ??= beat().finally(() => (beating = undefined));
  };
  const timer = setInterval(beatOnce, Math.min(beatMs, SLOWEST_BEAT_MS));
  beatOnce();
  return {
    id: identity.id,
    order: () => order,
    async close() {
      clearInterval(timer);
      await beating;
      await forgetWorker(database, identity.id).catch((error: unknown) => {
        log.warn(
          { worker: identity.id, message: messageOf(error) },
          'its row stays, and goes with the next worker that ends',
        );
      });
    },
  };
}
