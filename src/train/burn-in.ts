// Adam's moments where only weights are known: the un-rewritten batches of the K steps before a checkpoint are read once more with the
// weights held still, and the running means of their clipped gradients, divided by 1 − β^K, stand for the moments that training had.
import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../model/gpt-neox.ts';
import type { TrainState } from './state.ts';
import type { TrainingRows } from './rows.ts';
import { checkedGradients, clipScale, type AdamSettings, type StepSettings } from './step.ts';

export interface BurnInStep {
  /** The step whose batch was read. */
  readonly step: number;
  readonly lossNats: number;
  readonly gradientNorm: number;
}

/**
 * The state with estimated moments, which need no bias correction; it takes the given one's weights over and disposes its moments, which may be missing. `replay` gives the batch of a step,
 * asked for from state.step − numSteps up to state.step − 1. Throws NumericalError or DataError as trainStep does; the state is then as it was.
 */
export async function burnIn(
  state: TrainState,
  numSteps: number,
  replay: (step: number) => TrainingRows | Promise<TrainingRows>,
  settings: StepSettings,
  onStep: (step: BurnInStep) => void = () => undefined,
): Promise<TrainState> {
  let sums = { expAvg: zerosLike(state.parameters), expAvgSq: zerosLike(state.parameters) };
  try {
    for (let step = state.step - numSteps; step < state.step; step++) {
      const { lossNats, gradients, gradientNorm } = await checkedGradients(
        state.parameters,
        step,
        await replay(step),
        settings,
      );
      sums = accumulate(sums, gradients, gradientNorm, settings.adam);
      onStep({ step, lossNats, gradientNorm });
    }
    const { beta1, beta2 } = settings.adam;
    return withMoments(state, {
      expAvg: divided(sums.expAvg, 1 - beta1 ** numSteps),
      expAvgSq: divided(sums.expAvgSq, 1 - beta2 ** numSteps),
    });
  } finally {
    disposeAll(sums.expAvg, sums.expAvgSq);
  }
}

type Moments = Pick<TrainState, 'expAvg' | 'expAvgSq'>;

function withMoments({ step, lrCount, parameters, expAvg, expAvgSq }: TrainState, moments: Moments): TrainState {
  disposeAll(expAvg, expAvgSq);
  return { step, lrCount, adamCount: null, parameters, ...moments };
}

/** The next sums; the old ones and the gradients are disposed, tensor by tensor where there are two of each. */
function accumulate(sums: Moments, gradients: Parameters, gradientNorm: number, adam: AdamSettings): Moments {
  const scale = clipScale(gradientNorm, adam.clipNorm);
  const running = (of: Parameters, beta: number, value: (gradient: tf.Tensor) => tf.Tensor) =>
    replaceTensors(of, (sum, name) =>
      tf.add(tf.mul(sum, beta), tf.mul(value(tf.mul(gradients[name]!, scale)), 1 - beta)),
    );
  const next = {
    expAvg: running(sums.expAvg, adam.beta1, (gradient) => gradient),
    expAvgSq: running(sums.expAvgSq, adam.beta2, tf.square),
  };
  disposeAll(gradients);
  return next;
}

function divided(tensors: Parameters, divisor: number): Parameters {
  return replaceTensors(tensors, (tensor) => tf.div(tensor, divisor));
}

function zerosLike(tensors: Parameters): Parameters {
  return mapTensors(tensors, (tensor) => tf.zeros(tensor.shape));
}

/** Changes each tensor and disposes the old one. */
function replaceTensors(tensors: Parameters, change: (tensor: tf.Tensor, name: string) => tf.Tensor): Parameters {
  return mapTensors(tensors, (tensor, name) => {
    const next = tf.tidy(() => change(tensor, name));
    tensor.dispose();
    return next;
  });
}

function mapTensors(tensors: Parameters, change: (tensor: tf.Tensor, name: string) => tf.Tensor): Parameters {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor, name)]));
}

function disposeAll(...groups: readonly Parameters[]): void {
  for (const group of groups) tf.dispose(Object.values(group));
}
