// The burn-in of a job whose checkpoint has no optimizer state: done once, in a trainer process of its own, before the arms. It ends with a
// checkpoint that holds the suite's weights and the estimated moments; the arms resume from it as from any other.
import { join } from 'node:path';
import { saveCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { readModelConfig } from '../src/model/config.ts';
import { toTensors } from '../src/model/tensors.ts';
import { selectBackend } from '../src/tensor/backend.ts';
import { burnIn } from '../src/train/burn-in.ts';
import { disposeState, fromState, type TrainState } from '../src/train/state.ts';
import { loadStart, loopPlan, ofTheModel } from './intervention.ts';
import type { BurnInTask, TrainerMessage } from './messages.ts';
import { startPrefetch } from './prefetch.ts';

class Stopped extends Error {}

/** Runs the burn-in to its end; when the signal aborts, it ends with nothing saved. */
export async function runBurnIn(
  task: BurnInTask,
  send: (message: TrainerMessage) => void,
  signal: AbortSignal,
): Promise<void> {
  send({ type: 'phase', phase: 'loading' });
  await selectBackend(task.backend);
  const { plan } = task;
  const config = await ofTheModel(() => readModelConfig(task.configPath));
  const start = await loadStart(task.startFolder, config, plan.from);
  const { step, lrCount } = start;
  // Without moments: those of zero would only take room.
  let state: TrainState = {
    step,
    lrCount,
    adamCount: 0,
    parameters: toTensors(config, start.parameters),
    expAvg: {},
    expAvgSq: {},
  };
  const batches = { dataset: task.dataset, access: task.access, rowsPerStep: plan.rowsPerStep, rewriting: null };
  const prefetch = startPrefetch(batches, plan.from - plan.burnInSteps, plan.from);
  const replay = async (step: number) => {
    await new Promise((resolve) => setImmediate(resolve)); // a step blocks the event loop: signals arrive here
    if (signal.aborted) throw new Stopped();
    return prefetch.take(step);
  };
  try {
    state = await burnIn(state, plan.burnInSteps, replay, loopPlan(task, config), ({ step, lossNats }) =>
      send({ type: 'burn-in', step, lossNats }),
    );
    const folder = join(task.checkpointFolder, `step-${state.step}`);
    await saveCheckpoint(folder, await fromState(state), config, task.configPath);
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  } finally {
    disposeState(state);
    await prefetch.close();
  }
}
