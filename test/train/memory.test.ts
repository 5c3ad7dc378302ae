// The memory planner's word against the own counts of the wasm and the native back end, on shapes small enough for every run; larger ones: `npm run acceptance -- memoryPlan`.
import { beforeAll, describe, expect, it } from 'vitest';
import { countParameters } from '../../src/model/parameters.ts';
import { toTensors } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { currentNative } from '../../src/tensor/native.ts';
import { wasmMemory } from '../../src/tensor/wasm.ts';
import { planMemory } from '../../src/train/memory.ts';
import { disposeState, type TrainState } from '../../src/train/state.ts';
import { PYTHIA_ADAM, trainStep } from '../../src/train/step.ts';
import { BACKENDS_UNDER_TEST } from '../contract/present-backends.ts';

const COUNTING = BACKENDS_UNDER_TEST.filter(({ name }) => name === 'wasm' || name === 'native');

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
      const { liveBytes, peakLiveBytes } = (name === 'native' ? currentNative() : wasmMemory())!;
      disposeState(state);
      const model = { ...config, numParameters: countParameters(config) };
      const step = { microBatchSize, seqLength, rowsPerStep, recompute };
      const plan = planMemory(model, step, name === 'native' ? 'fused' : 'composed');
      expect(liveBytes).toBe(plan.stateBytes);
      expect(peakLiveBytes / plan.peakLiveBytes).toBeGreaterThan(0.85);
      expect(peakLiveBytes / plan.peakLiveBytes).toBeLessThan(1.15);
    },
  );
});
