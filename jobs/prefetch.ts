// Batches made ahead, in a thread of their own: while a step blocks the trainer's thread, the next steps' rows are fetched, replayed and
// rewritten. What a step sees is the same with or without; a batch is asked for by its step, and none is skipped.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Batch } from '../src/data/replay.ts';
import { unpackError, type PackedError } from '../src/errors.ts';
import { isRunningFromSource } from '../src/package-root.ts';
import type { BatchTask, TimedProof } from './batches.ts';

/** Steps that are made ahead: memory is so many batches (8 MB each for Pythia's), and one slow batch is bridged. */
const STEPS_AHEAD = 3;

/** A rewritten batch with its proof: what the loop trains on and what it records. */
export interface PreparedBatch extends Batch {
  readonly proof: TimedProof;
}

export interface Prefetch {
  /**
   * The batch of a step; steps are asked for one after the other. Rejects with the error of the thread, of its class; the thread has ended
   * then.
   */
  take(step: number): Promise<PreparedBatch>;
  /** Ends the thread, whatever it is doing; whoever waits for a batch gets an error. */
  close(): Promise<void>;
}

export interface ThreadData {
  readonly task: BatchTask;
  readonly from: number;
  readonly to: number;
  readonly ahead: number;
}

/** Steps below `limit` may be made. */
export interface ToThread {
  readonly limit: number;
}

export type FromThread =
  | { readonly type: 'batch'; readonly batch: Batch; readonly proof: TimedProof }
  | { readonly type: 'failed'; readonly error: PackedError };

/** Starts making the batches of steps [from, to); the caller closes it. */
export function startPrefetch(task: BatchTask, from: number, to: number, ahead = STEPS_AHEAD): Prefetch {
  const program = isRunningFromSource ? 'thread-from-source.mjs' : 'prefetch-thread.js';
  const thread = new Worker(join(import.meta.dirname, program), {
    workerData: { task, from, to, ahead } satisfies ThreadData,
    execArgv: [],
  });
  const ready: PreparedBatch[] = [];
  let failure: Error | undefined;
  let notify: () => void = () => undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    notify();
  };
  thread.on('message', (message: FromThread) => {
    if (message.type === 'failed') return fail(unpackError(message.error));
    ready.push({ ...message.batch, proof: message.proof });
    notify();
  });
  thread.on('error', fail);
  thread.on('exit', () => fail(new Error('the thread that makes batches has ended')));
  let next = from;
  return {
    async take(step) {
      if (step !== next || step >= to)
        throw new Error(`bug: step ${step} was asked for, expected ${next} of ${from} to ${to - 1}`);
      while (ready.length === 0) {
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve) => (notify = resolve));
      }
      const batch = ready.shift()!; // not empty
      if (batch.step !== step)
        throw new Error(`bug: the batch of step ${step} was expected, found that of ${batch.step}`);
      next += 1;
      thread.postMessage({ limit: next + ahead } satisfies ToThread);
      return batch;
    },
    async close() {
      await thread.terminate();
    },
  };
}
