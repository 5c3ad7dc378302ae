// The queue as a worker sees it: wait until there may be a job, take it, hear of its cancelling. The rows and their locks are
// in src/store/leases.ts. NOTIFY makes it quick (milliseconds); polling makes it certain.
import { claim, sweepLostJobs } from '../src/store/leases.ts';
import type { Claimant, ClaimedJob } from '../src/store/leases.ts';
import type { Database } from '../src/store/database.ts';
import { JOB_CHANNEL } from '../src/store/jobs.ts';
import { listenTo } from '../src/store/notifications.ts';

export interface QueueOptions extends Claimant {
  /** How long a claim holds without a heartbeat. */
  readonly leaseMs: number;
  /** How long `waitForJob` waits at most; default one second. */
  readonly pollMs?: number;
}

export interface Queue {
  /** Ends the jobs that lost their worker for good, then takes the next job; undefined when there is none. Throws TransientError. */
  next(): Promise<ClaimedJob | undefined>;
  /** Resolves when a job may be waiting: after a notification, after the poll time, or when `signal` aborts. */
  waitForJob(signal?: AbortSignal): Promise<void>;
  /** Calls `listener` when cancelling of this job is asked for; the heartbeat tells the same, later. Returns how to stop. */
  onCancel(jobId: string, listener: () => void): () => void;
  close(): Promise<void>;
}

/** Opens the queue for one worker. */
export function openQueue(database: Database, options: QueueOptions): Queue {
  const { owner, host, pid, leaseMs, pollMs = 1_000 } = options;
  const waiting = new Set<() => void>();
  const cancels = new Map<string, Set<() => void>>();
  let mayHaveMissed = true; // a notification that came while nobody was waiting
  const wake = () => {
    mayHaveMissed = true;
    for (const resolve of waiting) resolve();
  };
  const listening = listenTo(database.url, JOB_CHANNEL, (payload) => {
    if (payload?.startsWith('cancel:')) {
      for (const listener of cancels.get(payload.slice('cancel:'.length)) ?? []) listener();
    } else {
      wake();
    }
  });
  return {
    async next() {
      mayHaveMissed = false;
      await sweepLostJobs(database);
      return claim(database, { owner, host, pid }, leaseMs);
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
    onCancel(jobId, listener) {
      const listeners = cancels.get(jobId) ?? new Set();
      cancels.set(jobId, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) cancels.delete(jobId);
      };
    },
    async close() {
      wake();
      await listening.close();
    },
  };
}
