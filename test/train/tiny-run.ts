// A run of the golden tiny model: its start, its batches and its settings, for tests of steps, resumes and the loop.
import { golden, goldenArrays, goldenConfig, rowsOf } from '../model/golden.ts';
import { toArrays } from '../../src/model/tensors.ts';
import { fromState, toState, type TrainState } from '../../src/train/state.ts';
import type { TrainingRows } from '../../src/train/rows.ts';
import { PYTHIA_ADAM, trainStep, type StepSettings } from '../../src/train/step.ts';

export const tinySettings: StepSettings = {
  config: goldenConfig,
  switches: { gelu: 'tanh', rope: 'fp16-angles' },
  adam: PYTHIA_ADAM,
  microBatchSize: 2,
};

/** The state before the first step, without moments. */
export function tinyStart(): TrainState {
  const start = { step: 0, lrCount: 0, adamCount: 0, parameters: goldenArrays('model.safetensors') };
  return toState(goldenConfig, start, 'weights-only');
}

/** The batch that a step reads. */
export function tinyBatch(step: number): TrainingRows {
  return rowsOf(golden.batches[step % golden.batches.length]!);
}

/** Trains up to a step at a rate that depends on the step alone; the given state is disposed. */
export async function trainTo(state: TrainState, to: number): Promise<TrainState> {
  let reached = state;
  while (reached.step < to) {
    const rate = 2e-3 / (1 + reached.lrCount);
    reached = (await trainStep(reached, tinyBatch(reached.step), rate, tinySettings)).state;
  }
  return reached;
}

/** All bits of a state: weights and moments by name, and the counters. */
export async function bitsOf(state: TrainState): Promise<Record<string, unknown>> {
  const { step, lrCount, adamCount } = await fromState(state);
  const bits = async (tensors: TrainState['parameters']) =>
    Object.fromEntries([...(await toArrays(tensors))].map(([name, values]) => [name, hex(values)]));
  return {
    ...{ step, lrCount, adamCount },
    parameters: await bits(state.parameters),
    expAvg: await bits(state.expAvg),
    expAvgSq: await bits(state.expAvgSq),
  };
}

function hex(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');
}
