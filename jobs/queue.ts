// The queue as a worker sees it: wait until there may be a job, take it, hear of its cancelling or pausing. The rows and their locks are
// in src/store/leases.ts. NOTIFY makes it quick (milliseconds); polling makes it certain.
import { claim, sweepLostJobs } from '../src/store/leases.ts';
import type { Claimant, ClaimedJob } from '../src/store/leases.ts';
import type { Database } from '../src/store/database.ts';
import { JOB_CHANNEL } from '../src/store/jobs.ts';
import { listenTo } from '../src/store/notifications.ts';
import type { Room } from '../src/store/slots.ts';

export interface QueueOptions extends Claimant {
  /** How long a claim holds without a heartbeat. */
  readonly leaseMs: number;
  /** How long `waitForJob` waits at most; default one second. */
  readonly pollMs?: number;
}

export type Order = 'cancel' | 'pause';

export interface Queue {
  /** Ends the jobs that lost their worker for good, then takes the next job that fits `room`, or any; undefined when there is none. Throws TransientError. */
  next(room?: Room): Promise<ClaimedJob | undefined>;
  /** Resolves when a job may be waiting: after a notification, after the poll time, or when `signal` aborts. */
  waitForJob(signal?: AbortSignal): Promise<void>;
  /** Calls `listener` when cancelling or pausing of this job is asked for; the heartbeat tells the same, later. Returns how to stop. */
  onOrder(jobId: string, listener: (order: Order) => void): () => void;
  close(): Promise<void>;
}

/** Opens the queue for one worker. */
export function openQueue(database: Database, options: QueueOptions): Queue {
  const { owner, host, pid, leaseMs, pollMs = 1_000 } = options;
  const waiting = new Set<() => void>();
  const orders = new Map<string, Set<(order: Order) => void>>();
  let mayHaveMissed = true; // a notification that came while nobody was waiting
  const wake = () => {
    mayHaveMissed = true;
    for (const resolve of waiting) resolve();
  };
  const listening = listenTo(database.url, JOB_CHANNEL, (payload) => {
    const [, order, jobId = ''] = /^(cancel|pause):(.+)$/.exec(payload ?? '') ?? [];
    if (order === undefined) wake();
    else for (const listener of orders.get(jobId) ?? []) listener(order as Order); // one of the two, or no match
  });
  return {
    async next(room) {
      mayHaveMissed = false;
      await sweepLostJobs(database);
      return claim(database, { owner, host, pid }, leaseMs, room);
    },
    async waitForJob(signal) {
      if (mayHaveMissed || signal?.aborted) return;
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          waiting.delete(done);
          signal?.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, pollMs);
        waiting.add(done);
        signal?.addEventListener('abort', done);
      });
    },
    onOrder(jobId, listener) {
      const listeners = orders.get(jobId) ?? new Set();
      orders.set(jobId, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) orders.delete(jobId);
      };
    },
    async close() {
      wake();
      await listening.close();
    },
  };
}
