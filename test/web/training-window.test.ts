import { describe, expect, it } from 'vitest';
import { jobSpecSchema } from '../../src/job-spec.ts';
import { resolveWindow, type ModelFacts } from '../../src/train/plan.ts';
import { logPlace, rateAt, stepAtPlace, windowOf } from '../../src/web/training-window.ts';
import { fakeTraining } from './fake-planning.ts';

const training = fakeTraining('nano-1m');
const steps = training.checkpoints.map(({ step }) => step);
const facts = { name: 'nano-1m', endStep: 1430, publishedSteps: steps, availableSteps: steps } as unknown as ModelFacts; // all that resolveWindow reads

describe('the window that the form shows', () => {
  it.each([
    { checkpoint: 'step1330' },
    { checkpoint: 'step1330', window: { to: 1400 } },
    { checkpoint: 'step512', window: { steps: 7 } },
    { window: { finalFraction: 0.07 } },
    { window: { finalFraction: 0.0349 } },
    { window: { finalFraction: 0.9 } },
  ])('is the one that the server resolves: %j', (part) => {
    const spec = { model: 'nano-1m', dataset: 'nano-stories', ...part };
    expect(windowOf(spec, training)).toEqual(resolveWindow(jobSpecSchema.parse(spec), facts));
  });

  it('is none while the form names none', () => {
    for (const part of [{}, { checkpoint: 'soon' }, { checkpoint: 'step1330', window: { to: 1330 } }])
      expect(windowOf({ model: 'nano-1m', ...part }, training)).toBeUndefined();
    expect(windowOf({ checkpoint: 'step1330', window: { steps: 101 } }, training)).toBeUndefined();
  });

  it('finds every published step again from its place on the logarithmic scale', () => {
    for (const step of steps) expect(stepAtPlace(steps, logPlace(step, 1430), 1430)).toBe(step);
    expect([logPlace(0, 1430), logPlace(1430, 1430)]).toEqual([0, 1]);
  });

  it('reads a learning rate off the line between two points', () => {
    expect(rateAt(training, 0)).toBeCloseTo(1e-3, 12);
    expect(rateAt(training, 715)).toBeCloseTo(5.5e-4, 12);
    expect(rateAt(training, 1430)).toBeCloseTo(1e-4, 12);
  });
});
