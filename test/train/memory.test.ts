// The memory planner's word against the wasm back end's own count, on shapes small enough for every run; larger ones: `npm run acceptance -- memoryPlan`.
import { beforeAll, expect, it } from 'vitest';
import { countParameters } from '../../src/model/parameters.ts';
import { toTensors } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { wasmMemory } from '../../src/tensor/wasm.ts';
import { planMemory } from '../../src/train/memory.ts';
import { disposeState, type TrainState } from '../../src/train/state.ts';
import { PYTHIA_ADAM, trainStep } from '../../src/train/step.ts';

beforeAll(async () => void (await selectBackend('wasm')));

// From small to large, for the back end tells its highest peak so far: L, C, V, then B, T, rows, recompute.
it.each([
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
    const { liveBytes, peakLiveBytes } = wasmMemory()!;
    disposeState(state);
    const model = { ...config, numParameters: countParameters(config) };
    const plan = planMemory(model, { microBatchSize, seqLength, rowsPerStep, recompute });
    expect(liveBytes).toBe(plan.stateBytes);
    expect(peakLiveBytes / plan.peakLiveBytes).toBeGreaterThan(0.85);
    expect(peakLiveBytes / plan.peakLiveBytes).toBeLessThan(1.15);
  },
);
