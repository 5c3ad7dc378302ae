// What the memory planner is asked and what it answers.
import type { Recompute } from '../model/gpt-neox.ts';
import type { Precision } from '../tensor/precision.ts';

/** What memory depends on of a model. */
export interface MemoryShape {
  readonly numLayers: number; // L
  readonly hiddenSize: number; // C
  readonly numHeads: number; // H
  readonly intermediateSize: number; // F
  readonly vocabSize: number; // V
  readonly numParameters: number; // P
}

export interface StepShape {
  readonly microBatchSize: number; // B
  readonly seqLength: number; // T
  readonly rowsPerStep: number;
  readonly recompute: Recompute;
  /** fp32 when left out. */
  readonly precision?: Precision;
}

/** Whether the back end has the fused kernels of src/tensor/fused.ts, on the processor or on a card, or operations are composed of TensorFlow.js' own. */
export type Kernels = 'fused' | 'fused on a card' | 'composed';

/** Those of a back end. */
export function kernelsOf(backend: string): Kernels {
  if (backend === 'cuda') return 'fused on a card';
  return backend === 'native' ? 'fused' : 'composed';
}

export interface MemoryPlan {
  /** The most bytes of tensors alive at once. */
  readonly peakLiveBytes: number;
  /** Which part of a step that is. */
  readonly summit: string;
  /** Resident memory at its peak, above that of the process before it made tensors. */
  readonly rssAboveIdleBytes: number;
  /** What of the live bytes is weights and moments. */
  readonly stateBytes: number;
}

/** Bytes of a tensor's value: all tensors are fp32. */
export const VALUE_BYTES = 4;
