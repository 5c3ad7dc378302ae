// What takes longer than an answer may keep others waiting: computed in a thread, one thing after the other, so that the server's event loop stays free. The
// thread starts with the first computation and keeps no process alive.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { InputError, TransientError, unpackError, type PackedError } from '../errors.ts';
import type { Item } from '../eval/metrics.ts';
import type { Effect } from '../eval/statistics.ts';
import { isRunningFromSource } from '../package-root.ts';
import type { BatchPreview, PreviewTask } from './preview-batch.ts';

export interface Computations {
  readonly effects: (input: { readonly a: readonly Item[]; readonly b: readonly Item[] }) => Record<string, Effect>;
  readonly preview: (input: PreviewTask) => Promise<BatchPreview>;
}
type Name = keyof Computations;
type Input<N extends Name> = Parameters<Computations[N]>[0];
type Output<N extends Name> = Awaited<ReturnType<Computations[N]>>;

export interface Asked {
  readonly id: number;
  readonly name: Name;
  readonly input: unknown;
}

export interface Answered {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: PackedError;
}

interface Waiting {
  readonly settle: (answer: Answered) => void;
}

/** One computation may take so long, those before it included. */
const MOST_MS = 120_000;
const MOST_WAITING = 64;

let thread: Worker | undefined;
let nextId = 0;
const waiting = new Map<number, Waiting>();

/** That nobody waits for the answer any more. */
export interface GivenUp {
  readonly givenUp: number;
}

/**
 * Computes in the thread. Rejects with what the computation throws, TransientError when too much waits or `signal` gave it up before its
 * turn, InputError when it takes too long.
 */
export async function compute<N extends Name>(name: N, input: Input<N>, signal?: AbortSignal): Promise<Output<N>> {
  if (waiting.size >= MOST_WAITING) throw new TransientError(`${waiting.size} computations wait already`);
  const id = nextId++;
  thread ??= startThread();
  const running = thread;
  const answer = await new Promise<Answered>((resolve) => {
    const timer = setTimeout(() => void running.terminate(), MOST_MS); // its end answers all that wait
    timer.unref();
    const giveUp = () => running.postMessage({ givenUp: id } satisfies GivenUp);
    const settle = (given: Answered): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      waiting.delete(id);
      if (waiting.size === 0) running.unref();
      resolve(given);
    };
    waiting.set(id, { settle });
    running.ref(); // the process lives as long as somebody waits
    running.postMessage({ id, name, input } satisfies Asked);
    if (signal?.aborted === true) giveUp();
    else signal?.addEventListener('abort', giveUp, { once: true });
  });
  if (answer.error !== undefined) throw unpackError(answer.error);
  return answer.value as Output<N>; // the thread computes by the name
}

function startThread(): Worker {
  const program = isRunningFromSource ? 'thread-from-source.mjs' : 'computation-thread.js';
  const started = new Worker(join(import.meta.dirname, program), { execArgv: [] });
  let failure: Error | undefined;
  started.on('message', (answer: Answered) => waiting.get(answer.id)?.settle(answer));
  started.on('error', (error) => (failure = error));
  started.on('exit', () => {
    if (thread === started) thread = undefined;
    const words = failure?.message ?? `it took longer than ${MOST_MS / 1000} s: ask for less at once`;
    const error = { name: InputError.name, message: `the computation was given up: ${words}`, stack: undefined };
    for (const [id, { settle }] of [...waiting]) settle({ id, error: { ...error, pointer: undefined } });
  });
  return started;
}
