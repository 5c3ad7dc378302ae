// The thread of computations.ts: computes one thing after the other.
import { parentPort } from 'node:worker_threads';
import { effectsOf } from '../eval/metrics.ts';
import { packError } from '../errors.ts';
import type { Asked, Answered, Computations } from './computations.ts';
import { previewBatch } from './preview-batch.ts';

if (parentPort === null) throw new Error('bug: this file runs as a thread of computations.ts');
const port = parentPort;

const COMPUTATIONS: Computations = {
  effects: ({ a, b }) => effectsOf(a, b),
  preview: previewBatch,
};

let last = Promise.resolve();
port.on('message', (asked: Asked) => {
  last = last.then(() => answer(asked));
});

async function answer({ id, name, input }: Asked): Promise<void> {
  try {
    // The caller is typed by the name; here the pair has lost its tie.
    const compute = COMPUTATIONS[name] as (input: unknown) => unknown;
    port.postMessage({ id, value: await compute(input) } satisfies Answered);
  } catch (error) {
    port.postMessage({ id, error: packError(error) } satisfies Answered);
  }
}
