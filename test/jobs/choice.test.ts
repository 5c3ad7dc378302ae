// Which steps a verification draws: properties over random runs and checkpoints.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseSteps } from '../../jobs/verify/choice.ts';

const runs = fc
  .record({
    from: fc.integer({ min: 0, max: 2000 }),
    length: fc.integer({ min: 1, max: 60 }),
    hasStart: fc.boolean(),
    kept: fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 4 }),
    count: fc.integer({ min: 1, max: 20 }),
    reach: fc.integer({ min: 1, max: 20 }),
    seed: fc.nat(1000),
  })
  .map(({ from, length, hasStart, kept, ...options }) => {
    const own = kept.filter((offset) => offset <= length).sort((a, b) => a - b);
    const starts = [
      ...(hasStart ? [{ step: from, folder: 'suite', isOwn: false }] : []),
      ...own.map((offset) => ({ step: from + offset, folder: `own-${offset}`, isOwn: true })),
    ];
    return { recorded: Array.from({ length }, (_, i) => from + i), starts, options };
  });

describe('the steps that a verification draws', () => {
  it('are as many as asked for, recorded, in order, once, and the same for the same seed', () => {
    fc.assert(
      fc.property(runs, ({ recorded, starts, options }) => {
        const { steps } = chooseSteps(recorded, starts, options);
        expect(steps).toHaveLength(Math.min(options.count, recorded.length));
        expect([...new Set(steps)].sort((a, b) => a - b)).toEqual(steps);
        expect(steps.filter((step) => !recorded.includes(step))).toEqual([]);
        expect(chooseSteps(recorded, starts, options)).toEqual(chooseSteps(recorded, starts, options));
      }),
      { seed: 5 },
    );
  });

  it('are trained again from the nearest checkpoint before them, over no more steps than allowed', () => {
    fc.assert(
      fc.property(runs, ({ recorded, starts, options }) => {
        const { steps, trainings } = chooseSteps(recorded, starts, options);
        for (const { start, last } of trainings) {
          expect(last - start.step).toBeLessThan(options.reach);
          expect(last).toBeGreaterThanOrEqual(start.step);
          expect(starts.filter(({ step }) => step > start.step && step <= last)).toEqual([]);
        }
        for (const step of steps) {
          const before = starts.filter((start) => start.step <= step && step - start.step < options.reach);
          const isTrained = trainings.some(({ start, last }) => start.step <= step && step <= last);
          expect([step, isTrained]).toEqual([step, before.length > 0]);
        }
      }),
      { seed: 6 },
    );
  });

  it('lead to a kept checkpoint wherever one is near enough to another', () => {
    fc.assert(
      fc.property(runs, ({ recorded, starts, options }) => {
        const { trainings } = chooseSteps(recorded, starts, options);
        const isReachable = starts.some((a, i) => {
          const next = starts[i + 1];
          return next?.isOwn === true && next.step > a.step && next.step - a.step <= options.reach;
        });
        const lands = trainings.some(({ last }) => starts.some(({ step, isOwn }) => isOwn && step === last + 1));
        if (isReachable) expect(lands).toBe(true);
      }),
      { seed: 7 },
    );
  });
});
