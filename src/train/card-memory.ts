// The memory planner for the cuda back end: its tensors are those of the other fused kernels; beside them its kernels take scratch of the card, which the driver's
// pool keeps, and bf16 copies of the weights. Counted from native/cuda/*.cu.
import { planFusedMemory } from './fused-memory.ts';
import { VALUE_BYTES, type MemoryPlan, type MemoryShape, type StepShape } from './memory-shape.ts';

/** CUDA's context, the libraries' code and their workspace, on an H100 with CUDA 13. */
const CONTEXT_BYTES = 600e6;
/** Of cross-entropy.cu and attention.h: logits that are formed at a time. */
const MAX_LOGITS = 2 ** 26;
const MAX_WEIGHTS = 2 ** 24;

/** Predicts a training step; `rssAboveIdleBytes` is what it takes of the card. */
export function planCardMemory(model: MemoryShape, step: StepShape): MemoryPlan {
  const plan = planFusedMemory(model, step);
  const beside =
    weightCopies(model, step) + lossScratch(model, step) + attentionScratch(model, step) + mlpScratch(model, step);
  return { ...plan, rssAboveIdleBytes: Math.round(plan.peakLiveBytes + beside + CONTEXT_BYTES) };
}

/** Bytes of a factor of a product, and of its rounded copy where it needs one. */
function factorBytes({ precision }: StepShape): { factor: number; copy: number } {
  return precision === 'bf16' ? { factor: 2, copy: 2 } : { factor: VALUE_BYTES, copy: 0 };
}

/** The input embedding is only looked up. */
function weightCopies({ numParameters, vocabSize, hiddenSize }: MemoryShape, step: StepShape): number {
  return factorBytes(step).copy * (numParameters - vocabSize * hiddenSize);
}

function lossScratch({ vocabSize: V, hiddenSize: C }: MemoryShape, step: StepShape): number {
  const N = step.microBatchSize * step.seqLength;
  const rows = Math.min(N, Math.max(1, Math.floor(MAX_LOGITS / V)));
  return VALUE_BYTES * rows * V + factorBytes(step).copy * (N * C + rows * V);
}

/** The gradient's: factors, two blocks of weights with their rounded copies, three sums. */
function attentionScratch({ hiddenSize: C, numHeads: H }: MemoryShape, step: StepShape): number {
  const { microBatchSize: B, seqLength: T } = step;
  const { factor, copy } = factorBytes(step);
  const queries = Math.min(T, Math.max(64, 64 * Math.floor(MAX_WEIGHTS / (B * H * T) / 64)));
  const [all, block] = [B * T * C, B * H * queries * T];
  return factor * 4 * all + copy * 2 * block + VALUE_BYTES * (2 * block + 3 * all);
}

function mlpScratch({ hiddenSize: C, intermediateSize: F }: MemoryShape, step: StepShape): number {
  const N = step.microBatchSize * step.seqLength;
  const { factor, copy } = factorBytes(step);
  return (VALUE_BYTES + factor) * N * F + copy * 2 * N * C;
}
