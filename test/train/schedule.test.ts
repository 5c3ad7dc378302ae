// The learning rate of GPT-NeoX v1, digit by digit: published values of Pythia's schedule, recomputed independently.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { learningRate, type Schedule } from '../../src/train/schedule.ts';

/** 70m: peak 1e-3, floor a tenth, 143,000 steps, 1 % warm-up. */
const PYTHIA: Schedule = { peak: 1e-3, floor: 1e-4, totalSteps: 143_000, warmupSteps: 1430 };

describe('the learning rate', () => {
  it.each([
    [0, 0],
    [1, 6.993006993006994e-7],
    [715, 5e-4],
    [1430, 1e-3],
    [1431, 9.999999998793387e-4],
    [2000, 9.999607976848856e-4],
    [10_000, 9.911641965803597e-4],
    [50_000, 7.413579850981182e-4],
    [71_500, 5.15705379539064e-4],
    [100_000, 2.1986750263500399e-4],
    [113_000, 1.1453340707153548e-4],
    [115_138, 1.0000602830071032e-4],
    [115_139, 1e-4],
    [133_000, 1e-4],
    [142_999, 1e-4],
    [150_000, 1e-4],
  ])('after %i updates is %d', (count, rate) => {
    expect(learningRate(PYTHIA, count)).toBe(rate); // to the last digit: V8 brings its own cosine, the same on every machine
  });

  it('first meets its floor after 115,139 updates', () => {
    expect(learningRate(PYTHIA, 115_138)).toBeGreaterThan(PYTHIA.floor);
    expect(learningRate(PYTHIA, 115_139)).toBe(PYTHIA.floor);
  });

  it('is constant through the last 7 % of the steps, and at 0.1145 of its peak where the last 21 % begin', () => {
    for (const count of [133_000, 137_777, 142_999]) expect(learningRate(PYTHIA, count)).toBe(PYTHIA.floor);
    expect((learningRate(PYTHIA, 113_000) / PYTHIA.peak).toFixed(4)).toBe('0.1145');
  });

  it('rises through the warm-up, then never rises and never leaves [floor, peak]', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 143_000 }), (count) => {
        const [rate, next] = [learningRate(PYTHIA, count), learningRate(PYTHIA, count + 1)];
        if (count < PYTHIA.warmupSteps) expect(next).toBeGreaterThan(rate);
        else expect(next).toBeLessThanOrEqual(rate);
        if (count > PYTHIA.warmupSteps) expect(rate).toBeGreaterThanOrEqual(PYTHIA.floor);
        expect(rate).toBeLessThanOrEqual(PYTHIA.peak);
      }),
      { seed: 11, numRuns: 500 },
    );
  });

  it('scales with the run: a hundredth of the steps has the rates of every hundredth step', () => {
    const short = { ...PYTHIA, totalSteps: 1430, warmupSteps: 14.3 };
    for (const count of [0, 7, 143, 500, 1000, 1400]) {
      expect(learningRate(short, count)).toBeCloseTo(learningRate(PYTHIA, 100 * count), 12);
    }
  });
});
