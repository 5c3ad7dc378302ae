// The memory planner for the native back end, whose fused kernels keep other tensors than composed operations: counted from src/tensor as `memory.ts` does, plus
// what native/cpu/blocks.h and matrices.cc take beside tensors.
import { VALUE_BYTES, type MemoryPlan, type MemoryShape, type StepShape } from './memory-shape.ts';

/** Compiled kernels and JavaScript's own heap. */
const PROCESS_BYTES = 30e6;
/** Blocks that wait in the pool, and what is lost where a tensor does not fill its block: a share of all live bytes but the state's. */
const POOL_SHARE = 0.4;
/** Of native/cpu/blocks.h: logits that are formed at a time. */
const MAX_LOGITS = 2 ** 25;

/** Predicts the memory of a training step, its update and, being smaller, a burn-in. */
export function planFusedMemory(model: MemoryShape, step: StepShape): MemoryPlan {
  const [summit, numValues] = Object.entries(summits(model, step)).reduce((most, one) =>
    one[1] > most[1] ? one : most,
  );
  const peakLiveBytes = Math.round(VALUE_BYTES * numValues);
  const stateBytes = VALUE_BYTES * 3 * model.numParameters;
  const beside = packedBytes(model, step) + scratchBytes(model, step) + POOL_SHARE * (peakLiveBytes - stateBytes);
  return {
    ...{ peakLiveBytes, summit, stateBytes },
    rssAboveIdleBytes: Math.round(peakLiveBytes + beside + PROCESS_BYTES),
  };
}

/** Values alive at each part of a step that may hold its peak, in the letters of src/model/gpt-neox.ts. */
function summits(model: MemoryShape, step: StepShape): Record<string, number> {
  const { numLayers: L, hiddenSize: C, numHeads: H, intermediateSize: F, vocabSize: V, numParameters: P } = model;
  const N = step.microBatchSize * step.seqLength;
  const [hidden, embedding] = [N * C, V * C];
  const isRecomputed = step.recompute === 'layers';
  const isSummed = step.rowsPerStep > step.microBatchSize;
  const angles = (2 * step.seqLength * C) / H;
  const base = 3 * P + (isSummed ? P : 0) + angles;
  // Its input, both norms' outputs, queries, keys and values, attended; the MLP before GELU; figures of rows.
  const kept = 7 * hidden + N * F + N * H + 4 * N;
  const again = isRecomputed ? kept + 2 * hidden + step.seqLength ** 2 : 0;
  const keptByAll = L * (isRecomputed ? hidden : kept);
  // TensorFlow.js frees the gradients of a layer's activations only when the backward pass is over.
  const activationGradients = L * (isRecomputed ? hidden : 9 * hidden);
  return {
    loss: base + keptByAll + step.seqLength ** 2 + 3 * hidden + embedding,
    'backward pass': base + embedding + keptByAll + again + 4 * hidden + 2 * C * F,
    "embedding's gradient": base + P - embedding + activationGradients + embedding + hidden,
    'sum of gradients': (isSummed ? 5 : 4) * P,
  };
}

/** Weights laid out for products, for the way forward and the way back; the input embedding is only looked up. */
function packedBytes({ numParameters, vocabSize, hiddenSize }: MemoryShape, { precision = 'fp32' }: StepShape): number {
  return 2 * (precision === 'bf16' ? 2 : VALUE_BYTES) * (numParameters - vocabSize * hiddenSize);
}

/** The loss's, which is the largest of the kernels'. */
function scratchBytes({ vocabSize: V }: MemoryShape, { microBatchSize, seqLength, precision }: StepShape): number {
  const N = microBatchSize * seqLength;
  const rows = Math.ceil(N / Math.ceil(N / Math.max(1, Math.floor(MAX_LOGITS / V))));
  return (precision === 'bf16' ? 2 : VALUE_BYTES) * rows * V;
}
