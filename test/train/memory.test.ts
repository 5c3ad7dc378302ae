// The memory planner's word against the own counts of the back ends wasm, native and cuda, on shapes small enough for every run; larger ones: `npm run acceptance -- memoryPlan`.
import { beforeAll, describe, expect, it } from 'vitest';
import { countParameters } from '../../src/model/parameters.ts';
import { toTensors } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { currentNative } from '../../src/tensor/native.ts';
import { wasmMemory } from '../../src/tensor/wasm.ts';
import { kernelsOf } from '../../src/train/memory-shape.ts';
import { planMemory } from '../../src/train/memory.ts';
import { disposeState, type TrainState } from '../../src/train/state.ts';
import { PYTHIA_ADAM, trainStep } from '../../src/train/step.ts';
import { BACKENDS_UNDER_TEST } from '../contract/present-backends.ts';

const COUNTING = BACKENDS_UNDER_TEST.filter(({ name }) => ['wasm', 'native', 'cuda'].includes(name));

describe.each(COUNTING)('$title', ({ name, isPresent }) => {
  beforeAll(async () => void (isPresent && (await selectBackend(name))));

  // From small to large, for the back end tells its highest peak so far: L, C, V, then B, T, rows, recompute.
  it.skipIf(!isPresent).each([
    [2, 32, 512, 2, 64, 2, 'layers'],
    [2, 32, 512, 2, 64, 4, 'none'],
    [4, 64, 1024, 4, 64, 4, 'layers'],
    [3, 64, 512, 2, 256, 2, 'none'],
    [2, 32, 50_304, 2, 128, 2, 'none'], // several blocks of the vocabulary
  ] as const)(
    'predicts what %i layers of %i and %i words take with %i × %i of %i rows, recompute %s',
    async (...given) => {
      const [numLayers, hiddenSize, vocabSize, microBatchSize, seqLength, rowsPerStep, recompute] = given;
      const config = {
        ...{ numLayers, hiddenSize, vocabSize, numHeads: 4, intermediateSize: 4 * hiddenSize, maxPositions: 512 },
        ...{ rotaryFraction: 0.5, rotaryBase: 10_000, layerNormEpsilon: 1e-5 },
      };
      const zeros = () => toTensors(config);
      const start = { step: 0, lrCount: 0, adamCount: 0, parameters: zeros(), expAvg: zeros(), expAvgSq: zeros() };
      const tokens = Int32Array.from({ length: rowsPerStep * (seqLength + 1) }, (_, i) => i % vocabSize);
      const switches = { gelu: 'tanh', rope: 'fp16-angles', recompute } as const;
      const rows = { tokens, numRows: rowsPerStep, rowLength: seqLength + 1 };
      const { state }: { state: TrainState } = await trainStep(start, rows, 1e-3, {
        config,
        switches,
        adam: PYTHIA_ADAM,
        microBatchSize,
      });
      const { liveBytes, peakLiveBytes } = (currentNative() ?? wasmMemory())!;
      disposeState(state);
      const model = { ...config, numParameters: countParameters(config) };
      const step = { microBatchSize, seqLength, rowsPerStep, recompute };
      const plan = planMemory(model, step, kernelsOf(name));
      expect(liveBytes).toBe(plan.stateBytes);
      expect(peakLiveBytes / plan.peakLiveBytes).toBeGreaterThan(0.85);
      expect(peakLiveBytes / plan.peakLiveBytes).toBeLessThan(1.15);
    },
  );
});

describe('a card', () => {
  // L, C, H, rows of 2,048 tokens, precision; gigabytes of live tensors, and of the card as its driver told, on an H100.
  it.each([
    [6, 512, 8, 8, 'bf16', 3.31, 4.89],
    [24, 1024, 16, 4, 'fp32', 14.12, 15.49],
    [16, 2048, 8, 4, 'bf16', 25.99, 29.11],
    [24, 2048, 16, 2, 'bf16', 29.95, 32.91],
  ] as const)('is filled by %i layers of %i with %i heads and %i rows in %s as planned', (...given) => {
    const [numLayers, hiddenSize, numHeads, microBatchSize, precision, liveGb, cardGb] = given;
    const shape = { numLayers, hiddenSize, numHeads, vocabSize: 50_304, intermediateSize: 4 * hiddenSize };
    const whole = { ...shape, maxPositions: 2048, rotaryFraction: 0.25, rotaryBase: 10_000, layerNormEpsilon: 1e-5 };
    const step = {
      microBatchSize,
      rowsPerStep: microBatchSize,
      seqLength: 2048,
      recompute: 'none',
      precision,
    } as const;
    const plan = planMemory({ ...shape, numParameters: countParameters(whole) }, step, kernelsOf('cuda'));
    expect(plan.peakLiveBytes / 1e9 / liveGb).toBeGreaterThan(0.99);
    expect(plan.peakLiveBytes / 1e9 / liveGb).toBeLessThan(1.01);
    expect(plan.rssAboveIdleBytes / 1e9 / cardGb).toBeGreaterThan(0.98);
    expect(plan.rssAboveIdleBytes / 1e9 / cardGb).toBeLessThan(1.06);
  });
});
