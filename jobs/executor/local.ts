// The executor of one machine: trainers are child processes of the worker, and end with it, so none is ever left to be taken over. One that says nothing for too
// long hangs, and is killed: a lock or a driver that never answers would else keep its job, whose worker is well, for ever.
import type { TrainerMessage } from '../messages.ts';
import { numTrainersAtOnce } from '../preparation.ts';
import type { Executor, RunningTrainer } from './executor.ts';
import { startTrainer, type MakeEnvironment } from './local-process.ts';

/**
 * Arms train side by side on so many cores where a back end uses one each; a trainer may be silent for `stallMs`, and sees its job's cards alone where
 * `makeEnvironment` is given.
 */
export function localExecutor(numCores: number, stallMs: number, makeEnvironment?: MakeEnvironment): Executor {
  return {
    isHere: true,
    numTrainersAtOnce: (backend) => numTrainersAtOnce(backend, numCores),
    run: async (place, makeTask, onMessage) => {
      const task = await makeTask();
      const silence = watchSilence(stallMs);
      const hear = (message: TrainerMessage) => {
        silence.end();
        onMessage(message);
      };
      const trainer = startTrainer(task, hear, place, makeEnvironment);
      return silence.killing(trainer);
    },
  };
}

function watchSilence(stallMs: number) {
  let kill: () => void = () => undefined;
  let isStalled = false;
  const timer = setTimeout(() => {
    isStalled = true;
    kill();
  }, stallMs);
  return {
    /** It was heard: the time begins anew. */
    end: () => void timer.refresh(),
    killing(trainer: RunningTrainer): RunningTrainer {
      kill = trainer.kill;
      const ended = trainer.ended.finally(() => clearTimeout(timer));
      const words = `it said nothing for ${stallMs / 1000} s and was killed`;
      return { ...trainer, ended: ended.then((end) => (isStalled ? { words, isFault: true } : end)) };
    },
  };
}
