import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { putMetrics, putStep, smooth, type Curves } from '../../src/web/curves.ts';
import { addSighting, secondsLeft, type Sighting } from '../../src/web/time-left.ts';
import { makeMetrics } from './fake-jobs.ts';

describe('the curves of a job', () => {
  it('are in order of steps with the last word on each, whatever the order of events', () => {
    const events = fc.array(fc.record({ step: fc.integer({ min: 0, max: 60 }), lossNats: fc.double({ noNaN: true }) }));
    fc.assert(
      fc.property(events, (list) => {
        const curves: Curves = new Map();
        for (const { step, lossNats } of list) putStep(curves, { arm: 'control', step, lossNats, numEdits: 0 });
        const expected = [...new Map(list.map(({ step, lossNats }) => [step, lossNats]))].toSorted(([a], [b]) => a - b);
        expect(curves.get('control')?.steps ?? []).toEqual(expected.map(([step]) => step));
        expect(curves.get('control')?.lossNats ?? []).toEqual(expected.map(([, loss]) => loss));
      }),
    );
  });

  it('are the same when stored steps arrive after live ones', () => {
    const live: Curves = new Map();
    putStep(live, { arm: 'control', step: 1340, lossNats: 1.5, numEdits: 0 });
    putMetrics(live, makeMetrics(10));
    expect(live.get('control')?.steps).toEqual([1330, 1331, 1332, 1333, 1334, 1335, 1336, 1337, 1338, 1339, 1340]);
    expect(live.get('control')?.lossNats.at(-1)).toBe(1.5);
  });

  it('smooth to the plain mean of equal weights for a constant, and start at the first value', () => {
    expect(smooth([2, 2, 2, 2], 10)).toEqual([2, 2, 2, 2]);
    const [first, second] = smooth([1, 3], 10);
    expect(first).toBe(1);
    expect(second).toBeCloseTo((0.9 * 1 + 3) / 1.9, 12);
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
