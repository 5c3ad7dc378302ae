// The executor of one machine: trainers are child processes of the worker, and end with it, so none is ever left to be taken over.
import { numTrainersAtOnce } from '../preparation.ts';
import type { Executor } from './executor.ts';
import { startTrainer } from './local-process.ts';

/** Arms train side by side on so many cores where a back end uses one each. */
export function localExecutor(numCores: number): Executor {
  return {
    isHere: true,
    numTrainersAtOnce: (backend) => numTrainersAtOnce(backend, numCores),
    run: async (place, makeTask, onMessage) => startTrainer(await makeTask(), onMessage, place),
  };
}
