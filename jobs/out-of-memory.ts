// Running out of memory as a failure with a name and a proposal: in the back end, in JavaScript, or when the system kills a trainer for its memory.
import { messageOf, OutOfMemoryError } from '../src/errors.ts';
import { readModelConfig } from '../src/model/config.ts';
import { countParameters } from '../src/model/parameters.ts';
import type { BackendName } from '../src/tensor/backend.ts';
import { adviseLess, roomOf } from '../src/train/micro-batch.ts';
import type { RunPlan } from '../src/train/plan.ts';

/** What other layers say when there is no memory: JavaScript's buffers, an aborted WebAssembly module, TensorFlow's allocator. */
const OTHER_WORDS =
  /array buffer allocation failed|invalid (typed )?array length|aborted\(oom\)|out of memory|oom when allocating/i;

/** Whether an error means that memory ran out. */
export function isOutOfMemory(error: unknown): boolean {
  if (error instanceof OutOfMemoryError) return true;
  const isForeign = error instanceof RangeError || error instanceof WebAssembly.RuntimeError;
  return (isForeign || /oom when allocating/i.test(messageOf(error))) && OTHER_WORDS.test(messageOf(error));
}

const PROBABLY = 'probably the machine ran out of memory';
/** What a shell would add to the number of the signal. */
const SIGNAL_CODES: Readonly<Record<number, NodeJS.Signals>> = { 134: 'SIGABRT', 137: 'SIGKILL' };

/** How a trainer process ended, in words. Nobody but the system's out-of-memory killer sends SIGKILL unasked; V8 aborts when its heap is full. */
export function describeDeath(code: number | null, signal: NodeJS.Signals | null, isOurs: boolean): string {
  const words = signal === null ? `exit code ${code}` : `signal ${signal}`;
  const cause = signal ?? SIGNAL_CODES[code ?? 0];
  const isUnasked = cause === 'SIGABRT' || (cause === 'SIGKILL' && !isOurs);
  return isUnasked ? `${words}, not sent by the worker: ${PROBABLY}` : words;
}

/** Whether these words of describeDeath blame memory. */
export function isProbablyMemory(death: string): boolean {
  return death.endsWith(PROBABLY);
}

/** What to submit instead of a plan whose step found no memory, in words. */
export function adviceFor({
  plan,
  configPath,
  backend,
}: {
  plan: RunPlan;
  configPath: string;
  backend: BackendName;
}): string {
  const config = readModelConfig(configPath);
  const model = { ...config, numParameters: countParameters(config) };
  const { microBatchSize, recompute = 'none' } = plan;
  return adviseLess({ microBatchSize, recompute }, model, plan, roomOf(backend));
}
