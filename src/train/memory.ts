// What a training step will take, by arithmetic on shapes: the tensors that live at once at the step's summits, counted from the operations of src/tensor
// as they are written there, composed of TensorFlow.js' own. Held against measurements by `npm run acceptance -- memoryPlan`; docs/memory.md has the figures.
import { vocabularyBlocks } from '../tensor/vocabulary-blocks.ts';
import { planCardMemory } from './card-memory.ts';
import { planFusedMemory } from './fused-memory.ts';
import { VALUE_BYTES, type Kernels, type MemoryPlan, type MemoryShape, type StepShape } from './memory-shape.ts';

/** Compiled kernels, JavaScript's own heap and the holes of the back end's. */
const PROCESS_BYTES = 55e6;

/** Predicts the memory of a training step, its update and, being smaller, a burn-in. */
export function planMemory(model: MemoryShape, step: StepShape, kernels: Kernels = 'composed'): MemoryPlan {
  if (kernels === 'fused') return planFusedMemory(model, step);
  if (kernels === 'fused on a card') return planCardMemory(model, step);
  const sizes = sizesOf(model, step);
  const [summit, numValues] = Object.entries(summits(model, step, sizes)).reduce((most, one) =>
    one[1] > most[1] ? one : most,
  );
  const peakLiveBytes = Math.round(VALUE_BYTES * numValues);
  // Matrix products keep a packed copy of their right operand as long as it lives: of weights, that is to the update. The rest are holes.
  const packedBytes = 1.6 * VALUE_BYTES * model.numParameters;
  return {
    ...{ peakLiveBytes, summit, stateBytes: VALUE_BYTES * 3 * model.numParameters },
    rssAboveIdleBytes: Math.round(peakLiveBytes + packedBytes + PROCESS_BYTES),
  };
}

/** Numbers of values, in the letters of src/model/gpt-neox.ts. */
interface Sizes {
  /** Hidden states, [B·T, C]. */
  readonly hidden: number;
  /** Inside the MLP, [B·T, F]. */
  readonly wide: number;
  /** Attention weights, [B·H, T, T]. */
  readonly attention: number;
  /** An embedding, [V, C]. */
  readonly embedding: number;
  /** The weights of one layer. */
  readonly layer: number;
  /** What a layer keeps for its gradient. */
  readonly kept: number;
}

function sizesOf(
  { numLayers, hiddenSize: C, numHeads, intermediateSize: F, vocabSize, numParameters }: MemoryShape,
  step: StepShape,
): Sizes {
  const N = step.microBatchSize * step.seqLength;
  const [hidden, wide, embedding] = [N * C, N * F, vocabSize * C];
  const attention = N * step.seqLength * numHeads;
  const layer = (numParameters - 2 * embedding - 2 * C) / numLayers;
  // Two norms (normalised and output, each), queries, keys and values, attended; the MLP's input to GELU, its gate and its output.
  const kept = 8 * hidden + 3 * wide + attention + 2 * N;
  return { hidden, wide, attention, embedding, layer, kept };
}

/** Values alive at each part of a step that may hold its peak. */
function summits(model: MemoryShape, step: StepShape, sizes: Sizes): Record<string, number> {
  const { numLayers: L, numParameters: P } = model;
  const { hidden, embedding, layer } = sizes;
  const isRecomputed = step.recompute === 'layers';
  const isSummed = step.rowsPerStep > step.microBatchSize;
  const base = 3 * P + (isSummed ? P : 0) + tables(model, step);
  const kept = isRecomputed ? hidden : sizes.kept;
  // TensorFlow.js frees the gradients of a layer's activations only when the backward pass is over.
  const activationGradients = isRecomputed ? hidden : 9 * hidden + 2 * sizes.wide;
  const allGradients = embedding + L * layer;
  const again = isRecomputed ? sizes.kept + 2 * hidden : 0;
  const lossGradients = embedding + 2 * hidden;
  return {
    'forward pass': base + (L - 1) * kept + layerForward(sizes, isRecomputed),
    loss: base + L * kept + 2 * hidden + lossForward(model, step),
    "loss's gradient": base + L * kept + 4 * hidden + lossBackward(model, step, sizes),
    'backward pass, last layer': base + lossGradients + L * kept + again + layerBackward(sizes),
    'backward pass, first layer':
      base +
      allGradients +
      kept +
      again +
      (L - 1) * activationGradients +
      lossGradients -
      embedding +
      layerBackward(sizes) -
      layer,
    "embedding's gradient": base + allGradients + L * activationGradients + embedding + hidden,
    'sum of gradients': 3 * P + (isSummed ? 2 * P + 2 * embedding : P + embedding),
    update: 4 * P + 6 * embedding,
  };
}

/** Angles, mask, ids and labels. */
function tables({ hiddenSize, numHeads }: MemoryShape, { microBatchSize, seqLength }: StepShape): number {
  const headSize = hiddenSize / numHeads;
  return 2 * seqLength * headSize + headSize ** 2 + seqLength ** 2 + 2 * microBatchSize * seqLength;
}

/** The most that lives of one layer while it runs forward, input and what it keeps included. */
function layerForward({ hidden, wide, attention }: Sizes, isRecomputed: boolean): number {
  if (isRecomputed) return Math.max(16 * hidden, 8 * hidden + 2 * attention, 8 * hidden + 5 * wide);
  const inGelu = 13 * hidden + attention + 5 * wide; // the chain of GELU's gate has four
  return Math.max(17 * hidden, 10 * hidden + 2 * attention, inGelu);
}

/** What one layer's gradient adds to what was kept for it. */
function layerBackward({ hidden, wide, attention, layer }: Sizes): number {
  const inGelu = 2 * hidden + 4 * wide + layer / 3;
  const inAttention = 8 * hidden - wide + 3 * attention + (layer * 2) / 3;
  return Math.max(inGelu, inAttention);
}

function lossForward({ hiddenSize: C, vocabSize }: MemoryShape, { microBatchSize, seqLength }: StepShape): number {
  const N = microBatchSize * seqLength;
  const { size } = vocabularyBlocks(N, vocabSize)[0]!; // there is at least one
  return Math.max(3 * N * size + C * size, N * size + 2 * C * size);
}

function lossBackward(
  { hiddenSize: C, vocabSize }: MemoryShape,
  { microBatchSize, seqLength }: StepShape,
  { hidden, embedding }: Sizes,
): number {
  const N = microBatchSize * seqLength;
  const blocks = vocabularyBlocks(N, vocabSize);
  const { size } = blocks[0]!; // there is at least one
  if (blocks.length === 1) return N * size + hidden + 6 * embedding;
  const last = embedding - C * (vocabSize - blocks.at(-1)!.begin); // pieces before the last block
  return (
    Math.max(embedding + last + Math.max(3 * N * size + C * size, N * size + 6 * C * size), 2 * embedding) + hidden
  );
}
