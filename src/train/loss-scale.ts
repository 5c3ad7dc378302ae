// The dynamic loss scale with which Pythia was trained in fp16, as DeepSpeed 0.3.15 moves it (runtime/fp16/loss_scaler.py, window 1000,
// factor 2, hysteresis 2), emulated on fp32 gradients: only what it decides is emulated, which updates are skipped. Departures: the gradients
// keep their fp32 digits, the whole batch's are looked at instead of each rank's, and NaN or infinity in fp32 stops the run.
import * as tf from '@tensorflow/tfjs-core';
import { NumericalError } from '../errors.ts';
import type { Parameters } from '../model/gpt-neox.ts';

export interface LossScaler {
  readonly scale: number;
  /** Steps that the scaler has seen. */
  readonly iteration: number;
  /** The last of them that overflowed; −1 before the first. */
  readonly lastOverflow: number;
  /** Overflows that are left before one halves the scale, counting that one. */
  readonly hysteresis: number;
  /** Updates that were skipped. */
  readonly numSkipped: number;
}

const HYSTERESIS = 2;
const WINDOW = 1000;
const LEAST_SCALE = 1;
/** The least magnitude that rounds to infinity in fp16: half-way from its largest number, 65,504, to 65,536. */
const FP16_OVERFLOW = 65_520;

/** How Pythia's training began: scale 2^12. */
export const FRESH_SCALER: LossScaler = {
  ...{ scale: 4096, iteration: 0, lastOverflow: -1, hysteresis: HYSTERESIS, numSkipped: 0 },
};

/** The scaler after a step. Throws NumericalError, as DeepSpeed does, when even the least scale overflows. */
export function afterStep(scaler: LossScaler, hasOverflow: boolean): LossScaler {
  const { scale, iteration, lastOverflow, hysteresis, numSkipped } = scaler;
  const next = { ...scaler, iteration: iteration + 1 };
  if (!hasOverflow) {
    if ((iteration - lastOverflow) % WINDOW !== 0) return next;
    return { ...next, scale: 2 * scale, hysteresis: HYSTERESIS };
  }
  const skipped = { ...next, lastOverflow: iteration, numSkipped: numSkipped + 1 };
  if (hysteresis > 1) return { ...skipped, hysteresis: hysteresis - 1 };
  if (scale === LEAST_SCALE) {
    throw new NumericalError(
      `gradients overflow fp16 at the least loss scale, ${LEAST_SCALE}, where DeepSpeed gives up`,
    );
  }
  return { ...skipped, scale: Math.max(scale / 2, LEAST_SCALE) };
}

/** Whether any gradient times the scale is beyond fp16. */
export async function overflows(gradients: Parameters, scale: number): Promise<boolean> {
  for (const gradient of Object.values(gradients)) {
    const square = tf.tidy(() => tf.max(tf.square(gradient)));
    const [largest] = await square.data();
    square.dispose();
    if (Math.sqrt(largest!) * scale >= FP16_OVERFLOW) return true;
  }
  return false;
}
