// The thread of computations.ts: computes one thing after the other.
import { parentPort } from 'node:worker_threads';
import { effectsOf } from '../eval/metrics.ts';
import { packError, TransientError } from '../errors.ts';
import type { Asked, Answered, Computations, GivenUp } from './computations.ts';
import { previewBatch } from './preview-batch.ts';

if (parentPort === null) throw new Error('bug: this file runs as a thread of computations.ts');
const port = parentPort;

const COMPUTATIONS: Computations = {
  effects: ({ a, b }) => effectsOf(a, b),
  preview: previewBatch,
};

let last = Promise.resolve();
const waiting = new Set<number>();
port.on('message', (message: Asked | GivenUp) => {
  if ('givenUp' in message) {
    waiting.delete(message.givenUp);
    return;
  }
  waiting.add(message.id);
  // What arrived during the one before is read first: it may say that this one is not wanted any more.
  last = last.then(() => new Promise(setImmediate)).then(() => answer(message));
});

async function answer({ id, name, input }: Asked): Promise<void> {
  try {
    if (!waiting.delete(id)) throw new TransientError('nobody waits for this computation any more');
    // The caller is typed by the name; here the pair has lost its tie.
    const compute = COMPUTATIONS[name] as (input: unknown) => unknown;
    port.postMessage({ id, value: await compute(input) } satisfies Answered);
  } catch (error) {
    port.postMessage({ id, error: packError(error) } satisfies Answered);
  }
}
