// The thread of prefetch.ts: makes one step's batch after the other, never more than it may, and hands each over without a copy.
import { parentPort, workerData } from 'node:worker_threads';
import { packError } from '../src/errors.ts';
import { openBatches } from './batches.ts';
import type { FromThread, ThreadData, ToThread } from './prefetch.ts';

if (parentPort === null) throw new Error('bug: this file runs as a thread of prefetch.ts');
const port = parentPort;
const { task, from, to, ahead } = workerData as ThreadData; // handed over by startPrefetch

let limit = from + ahead;
let wake: () => void = () => undefined;
port.on('message', (message: ToThread) => {
  limit = message.limit;
  wake();
});

try {
  const batches = await openBatches(task);
  for (let step = from; step < to; step++) {
    while (step >= limit) await new Promise<void>((resolve) => (wake = resolve));
    const { batch, proof } = await batches.of(step);
    port.postMessage({ type: 'batch', batch, proof } satisfies FromThread, [batch.tokens.buffer as ArrayBuffer]);
  }
  batches.close();
} catch (error) {
  port.postMessage({ type: 'failed', error: packError(error) } satisfies FromThread);
}
port.close();
