import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { loadCheckpoint } from '../../../src/checkpoint/checkpoint.ts';
import { loadModel } from '../../../src/checkpoint/model-folder.ts';
import { openDataset, replayBatch } from '../../../src/data/replay.ts';
import { readTokenizer } from '../../../src/data/tokenizer.ts';
import { findBenchmark } from '../../../src/eval/benchmarks.ts';
import { evaluateBenchmark } from '../../../src/eval/score.ts';
import { readModelConfig } from '../../../src/model/config.ts';
import { tokenLogProbs } from '../../../src/model/likelihood.ts';
import { packagePath } from '../../../src/package-root.ts';
import { ensureNanoData, nanoTokenizerPath } from '../../../src/suite/nano/corpus.ts';
import { occupationLogOdds, shiftedLogOdds } from '../../../src/suite/nano/learned.ts';
import { plantedOccupations } from '../../../src/suite/nano/plant.ts';
import { selectBackend } from '../../../src/tensor/backend.ts';
import { disposeState, toState } from '../../../src/train/state.ts';
import { PYTHIA_ADAM, trainStep } from '../../../src/train/step.ts';
import { sharedSuiteFolder } from '../../support/suite-folder.ts';
import { bitsOf } from '../../train/tiny-run.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // 1,280 sentences through the model

const suite = packagePath('suite', 'nano', 'nano-1m-seed1');
beforeAll(async () => {
  await selectBackend('wasm');
});

interface PairItem {
  readonly occupation: string;
  readonly stereotype: string;
  readonly pronounLogProb: [number, number];
}

describe('the log-odds of an occupation', () => {
  it('are the mean over its items, beside those planted', () => {
    const items = [
      { occupation: 'nurse', logOdds: -3 },
      { occupation: 'nurse', logOdds: -1 },
      { occupation: 'pilot', logOdds: 2 },
      { occupation: 'president', logOdds: 9 },
    ];
    expect(occupationLogOdds(items)).toEqual([
      { occupation: 'pilot', planted: expect.closeTo(Math.log(0.85 / 0.15), 12), learned: 2, numItems: 1 },
      { occupation: 'nurse', planted: expect.closeTo(Math.log(0.05 / 0.95), 12), learned: -2, numItems: 2 },
    ]);
  });

  it('fall by what an intervention takes away: nothing, a part, or all', () => {
    expect(shiftedLogOdds(1.5, 0)).toBeCloseTo(1.5, 12);
    expect(shiftedLogOdds(Math.log(0.8 / 0.2), 0.5)).toBeCloseTo(Math.log(0.4 / 0.6), 12);
    expect(shiftedLogOdds(1.5, 1)).toBe(-Infinity);
  });
});

describe('the committed weights of nano-1m', () => {
  it('have learned the planted log-odds of every occupation, on sentences they were not trained on', async () => {
    const model = await loadModel(join(suite, 'step1430'));
    const tokenizer = readTokenizer(nanoTokenizerPath());
    const { items } = await evaluateBenchmark(findBenchmark('nano-winobias', 'no home: the repository carries it'), {
      tokenLogProbs: (rows) => tokenLogProbs(model, rows),
      encode: (text) => tokenizer.encode(text),
    });
    model.dispose();
    const rows = occupationLogOdds(
      (items as unknown as PairItem[]).map(({ occupation, stereotype, pronounLogProb: [pro, anti] }) => ({
        occupation,
        logOdds: stereotype === 'masculine' ? pro - anti : anti - pro,
      })),
    );
    expect(rows.map(({ numItems }) => numItems)).toEqual(plantedOccupations.map(() => 16)); // ten frames and six
    const { slope, rSquared } = line(rows.map(({ planted, learned }) => [planted, learned]));
    // 0.912 and 0.987 where they were built; the bounds leave room for other back ends, not for another model.
    expect(slope).toBeGreaterThan(0.8);
    expect(slope).toBeLessThan(1.2);
    expect(rSquared).toBeGreaterThan(0.9);
  });

  it('go on from step 1330 with the same bits every time', async () => {
    const dataset = openDataset((await ensureNanoData(1, sharedSuiteFolder())).preshuffled);
    const config = readModelConfig(join(suite, 'config.json'));
    const settings = {
      config,
      switches: { gelu: 'tanh', rope: 'fp16-angles' },
      adam: PYTHIA_ADAM,
      microBatchSize: 2,
    } as const;
    const train = async () => {
      let state = toState(config, await loadCheckpoint(join(suite, 'step1330'), config), 'exact-state');
      const losses: number[] = [];
      while (state.step < 1332) {
        const { state: next, lossNats } = await trainStep(state, replayBatch(dataset, state.step, 4), 1e-4, settings);
        losses.push(lossNats!); // a step that is not finite throws
        state = next;
      }
      const bits = await bitsOf(state);
      disposeState(state);
      return { losses, bits };
    };
    const first = await train();
    const second = await train();
    dataset.close();
    expect(first.losses).toHaveLength(2);
    expect(second.losses).toEqual(first.losses);
    expect(JSON.stringify(second.bits) === JSON.stringify(first.bits)).toBe(true); // a difference would print megabytes
    expect(first.bits).toMatchObject({ step: 1332, lrCount: 1332 });
  });
});

function line(points: readonly (readonly [number, number])[]): { slope: number; rSquared: number } {
  const n = points.length;
  const sum = (term: (x: number, y: number) => number) => points.reduce((total, [x, y]) => total + term(x, y), 0);
  const xy = n * sum((x, y) => x * y) - sum((x) => x) * sum((_, y) => y);
  const xx = n * sum((x) => x * x) - sum((x) => x) ** 2;
  const yy = n * sum((_, y) => y * y) - sum((_, y) => y) ** 2;
  return { slope: xy / xx, rSquared: xy ** 2 / (xx * yy) };
}
