import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepStreamed, noCurves, numStreamed, putStep, smooth, storedCurves } from '../../src/web/curves.ts';
import { addSighting, secondsLeft, type Sighting } from '../../src/web/time-left.ts';
import { makeMetrics } from './fake-jobs.ts';

const streamed = (step: number, lossNats: number) => ({ arm: 'control' as const, step, lossNats, numEdits: 0 });

describe('the curves of a job', () => {
  it('are in order of steps with the last word on each, whatever the order of events', () => {
    const events = fc.array(fc.record({ step: fc.integer({ min: 0, max: 60 }), lossNats: fc.double({ noNaN: true }) }));
    fc.assert(
      fc.property(events, (list) => {
        const curves = noCurves();
        for (const { step, lossNats } of list) putStep(curves, streamed(step, lossNats), 5);
        const expected = [...new Map(list.map(({ step, lossNats }) => [step, lossNats]))].toSorted(([a], [b]) => a - b);
        const curve = curves.arms.get('control');
        expect(curve?.steps ?? []).toEqual(expected.map(([step]) => step));
        expect(curve?.means.lossNats ?? []).toEqual(expected.map(([, loss]) => loss));
        expect(curve?.most.lossNats ?? []).toEqual(expected.map(([, loss]) => loss));
      }),
    );
  });

  it('keep streamed steps behind the stored ones that arrive after them, and none that these hold', () => {
    const live = noCurves();
    putStep(live, streamed(1338, 9), 1);
    putStep(live, streamed(1340, 1.5), 2);
    const stored = storedCurves(makeMetrics(10));
    keepStreamed(stored, live);
    const curve = stored.arms.get('control');
    expect(curve?.steps).toEqual([1330, 1331, 1332, 1333, 1334, 1335, 1336, 1337, 1338, 1339, 1340]);
    expect(curve?.means.lossNats.at(-1)).toBe(1.5);
    expect(curve?.means.lossNats[8]).not.toBe(9);
    expect(numStreamed(stored)).toBe(1);
  });

  it('know which steps a thinned point holds, and leave those of the stream out', () => {
    const thinned = storedCurves({
      arms: { control: { step: [0, 10, 20], lossNats: [3, 2, 1] } },
      ...{ stepsPerPoint: 10, numSteps: { control: [10, 10, 4] } },
      extremes: { control: { lossNats: { min: [2, 1, 0], max: [4, 3, 2] } } },
    });
    putStep(thinned, streamed(23, 7), 1); // in the last point
    putStep(thinned, streamed(24, 8), 2);
    const curve = thinned.arms.get('control')!; // was stored
    expect(curve.steps).toEqual([0, 10, 20, 24]);
    expect([curve.least.lossNats, curve.means.lossNats, curve.most.lossNats]).toEqual([
      [2, 1, 0, 8],
      [3, 2, 1, 8],
      [4, 3, 2, 8],
    ]);
  });

  it('smooth to the plain mean of equal weights for a constant, and start at the first value', () => {
    expect(smooth([2, 2, 2, 2], 10)).toEqual([2, 2, 2, 2]);
    const [first, second] = smooth([1, 3], 10);
    expect(first).toBe(1);
    expect(second).toBeCloseTo((0.9 * 1 + 3) / 1.9, 12);
    expect(smooth([1, null, 1], 10)).toEqual([1, null, 1]);
  });
});

describe('the time an arm needs', () => {
  const see = (...moments: [step: number, atMs: number][]) =>
    moments.reduce<Sighting[]>((seen, [step, atMs]) => addSighting(seen, { step, atMs }), []);

  it('comes from the rate at which its steps were seen', () => {
    // 10 steps in 10 s, 50 to go.
    expect(secondsLeft(see([100, 0], [105, 5_000], [110, 10_000]), 160)).toBe(50);
  });

  it('is not guessed from too little, and starts again when an attempt falls back', () => {
    expect(secondsLeft(see([100, 0], [110, 1_000]), 160)).toBeNull();
    expect(see([100, 0], [110, 10_000], [102, 20_000])).toEqual([{ step: 102, atMs: 20_000 }]);
  });
});
