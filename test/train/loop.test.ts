// The whole road with a tiny real model: the order of its stops, what each is told, and how it ends when it is told to stop.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/tensor/backend.ts';
import { travel, type LoopPlan, type Road, type StepRecord } from '../../src/train/loop.ts';
import { disposeState, type TrainState } from '../../src/train/state.ts';
import type { TrainingRows } from '../../src/train/rows.ts';
import { trainStep } from '../../src/train/step.ts';
import { goldenConfig } from '../model/golden.ts';
import { bitsOf, tinyBatch, tinySettings, tinyStart } from './tiny-run.ts';

interface TinyBatch extends TrainingRows {
  readonly step: number;
}

const schedule = { peak: 2e-3, floor: 2e-4, totalSteps: 100, warmupSteps: 2 };
const plan = (changes: Partial<LoopPlan> = {}): LoopPlan => ({
  ...tinySettings,
  ...{ to: 4, schedule, evaluateAt: new Set<number>(), saveAt: new Set<number>() },
  ...changes,
});

/** Another token at every place: what training must see instead of the batch. */
const changed = (rows: TrainingRows): TrainingRows => ({
  ...rows,
  tokens: rows.tokens.map((id) => (id + 1) % goldenConfig.vocabSize),
});

/** A road that writes down every stop. */
function tinyRoad(stops: string[], records: StepRecord<string>[] = []): Road<TinyBatch, string> {
  return {
    replay: (step) => {
      stops.push(`replay ${step}`);
      return { ...tinyBatch(step), step };
    },
    rewrite: (batch) => {
      stops.push(`rewrite ${batch.step}`);
      return { batch: changed(batch), proof: `proof of ${batch.step}` };
    },
    record: (record) => {
      stops.push(`record ${record.step}`);
      records.push(record);
    },
    evaluate: async (state) => void stops.push(`evaluate ${state.step}`),
    save: async (state) => void stops.push(`save ${state.step}`),
  };
}

describe('travel', () => {
  beforeAll(async () => void (await selectBackend('wasm')));

  it('stops at replay, rewrite, record, evaluate and save in this order, the last two only where they are planned', async () => {
    const stops: string[] = [];
    const end = await travel(
      tinyStart(),
      plan({ to: 3, evaluateAt: new Set([0, 2, 3]), saveAt: new Set([1, 3]) }),
      tinyRoad(stops),
    );
    expect(stops).toEqual([
      ...['replay 0', 'rewrite 0', 'record 0', 'save 1'],
      ...['replay 1', 'rewrite 1', 'record 1', 'evaluate 2'],
      ...['replay 2', 'rewrite 2', 'record 2', 'evaluate 3', 'save 3'],
    ]);
    expect(end.step).toBe(3);
    disposeState(end);
  });

  it('trains on the rewritten rows at the rates of the schedule, and on nothing else', async () => {
    const records: StepRecord<string>[] = [];
    const end = await travel(tinyStart(), plan({ to: 3 }), tinyRoad([], records));
    let state: TrainState = tinyStart();
    for (const rate of [0, 1e-3, 2e-3]) {
      const result = await trainStep(state, changed(tinyBatch(state.step)), rate, tinySettings);
      expect(records[state.step]).toMatchObject({
        step: state.step,
        numRows: 3,
        lossNats: result.lossNats,
        gradientNorm: result.gradientNorm,
        learningRate: rate,
        proof: `proof of ${state.step}`,
      });
      expect(records[state.step]!.tokensPerSecond).toBeGreaterThan(0);
      state = result.state;
    }
    expect(await bitsOf(end)).toEqual(await bitsOf(state));
    [end, state].forEach(disposeState);
  });

  it('takes the learning rate from the count of the schedule, which skipped steps leave behind', async () => {
    const records: StepRecord<string>[] = [];
    const end = await travel({ ...tinyStart(), step: 2, lrCount: 1 }, plan({ to: 3 }), tinyRoad([], records));
    expect(records.map(({ step, learningRate }) => [step, learningRate])).toEqual([[2, 1e-3]]);
    expect({ step: end.step, lrCount: end.lrCount }).toEqual({ step: 3, lrCount: 2 });
    disposeState(end);
  });

  it('ends with the same bits when it is broken off and resumed', async () => {
    const unbroken = await travel(tinyStart(), plan(), tinyRoad([]));
    const first = await travel(tinyStart(), plan({ to: 2 }), tinyRoad([]));
    const resumed = await travel(first, plan(), tinyRoad([]));
    expect(await bitsOf(resumed)).toEqual(await bitsOf(unbroken));
    [unbroken, resumed].forEach(disposeState);
  });

  it('does nothing at the end of the window', async () => {
    const stops: string[] = [];
    const start = { ...tinyStart(), step: 4 };
    const end = await travel(start, plan({ evaluateAt: new Set([4]), saveAt: new Set([4]) }), tinyRoad(stops));
    expect(end).toBe(start);
    expect(stops).toEqual([]);
    disposeState(end);
  });

  it('when told to stop, saves what it has reached and returns it', async () => {
    const stops: string[] = [];
    const controller = new AbortController();
    const road = tinyRoad(stops);
    const aborting = {
      ...road,
      record: (record: StepRecord<string>) => [road.record(record), record.step === 1 && controller.abort()],
    };
    const end = await travel(tinyStart(), plan(), aborting, controller.signal);
    expect(end.step).toBe(2);
    expect(stops.slice(-3)).toEqual(['rewrite 1', 'record 1', 'save 2']);
    disposeState(end);
  });

  it('when told to stop at a step that is saved anyway, saves it once', async () => {
    const stops: string[] = [];
    const controller = new AbortController();
    const road = tinyRoad(stops);
    const aborting = { ...road, record: (record: StepRecord<string>) => (road.record(record), controller.abort()) };
    const here = plan({ saveAt: new Set([1]), evaluateAt: new Set([1]) });
    const end = await travel(tinyStart(), here, aborting, controller.signal);
    expect(stops).toEqual(['replay 0', 'rewrite 0', 'record 0', 'evaluate 1', 'save 1']);
    disposeState(end);
  });

  it('trains no step when it was told to stop before', async () => {
    const stops: string[] = [];
    const end = await travel(tinyStart(), plan(), tinyRoad(stops), AbortSignal.abort());
    expect(end.step).toBe(0);
    expect(stops).toEqual([]);
    disposeState(end);
  });

  it('lets messages and signals arrive between steps', async () => {
    const controller = new AbortController();
    const road = tinyRoad([]);
    const recording = { ...road, record: () => void setImmediate(() => controller.abort()) };
    const end = await travel(tinyStart(), plan(), recording, controller.signal);
    expect(end.step).toBe(1);
    disposeState(end);
  });

  it('passes on what a stop throws, and takes no further step', async () => {
    const stops: string[] = [];
    const start = tinyStart();
    const failing = {
      ...tinyRoad(stops),
      save: async () => {
        throw new Error('disk full');
      },
    };
    await expect(travel(start, plan({ saveAt: new Set([1]) }), failing)).rejects.toThrow('disk full');
    expect(stops.at(-1)).toBe('record 0');
  });

  it('keeps the number of tensors level', async () => {
    const start = tinyStart();
    const { numTensors } = tf.memory();
    const end = await travel(start, plan(), tinyRoad([]));
    expect(tf.memory().numTensors).toBe(numTensors);
    disposeState(end);
  });
});
