import { describe, expect, it } from 'vitest';
import { progressTracker } from '../../jobs/progress.ts';
import { step } from '../support/fake-trainer.ts';

const window = { from: 1330, to: 1340 };

/** A tracker whose clock the test moves, in milliseconds. */
function tracker() {
  const clock = { ms: 5_000 };
  return { clock, ...progressTracker(() => clock.ms) };
}

describe('the progress of an attempt', () => {
  it('shows each arm’s phase, steps done, loss and speed as its trainer tells them', () => {
    const { progress, start, hear } = tracker();
    start('control', window, 1330, 'waiting');
    expect(progress.arms.control).toEqual({
      ...{ from: 1330, to: 1340, step: 1330, phase: 'waiting', lossNats: null, tokensPerSecond: null },
    });
    hear('control', { type: 'phase', phase: 'training' });
    hear('control', step(1330));
    expect(progress.arms.control).toMatchObject({
      step: 1331,
      phase: 'training',
      lossNats: 1.67,
      tokensPerSecond: 1000,
    });
    hear('control', { type: 'finished' });
    expect(progress.arms.control?.phase).toBe('done');
    hear('intervention', step(1330)); // of an arm that was not begun: nothing to show
    expect(Object.keys(progress.arms)).toEqual(['control']);
  });

  it('knows no time left before two steps have shown the pace', () => {
    const { progress, start, hear, clock } = tracker();
    start('control', window, 1330, 'loading');
    clock.ms += 60_000; // loading is no step
    hear('control', step(1330));
    expect(progress.secondsLeft).toBeNull();
    clock.ms += 2_000;
    hear('control', step(1331));
    expect(progress.secondsLeft).toBe(8 * 2); // steps 1332 to 1339
  });

  it('takes the slowest of arms that train side by side', () => {
    const { progress, start, hear, clock } = tracker();
    for (const arm of ['control', 'intervention', 'published'] as const) start(arm, window, 1330, 'waiting');
    for (const arm of ['control', 'intervention'] as const) hear(arm, { type: 'phase', phase: 'training' });
    hear('control', step(1330));
    hear('intervention', step(1330));
    clock.ms += 1_000;
    hear('control', step(1331));
    expect(progress.secondsLeft).toBe(9); // the intervention is a step behind, at the same pace as far as is known
    clock.ms += 2_000;
    hear('intervention', step(1331));
    expect(progress.secondsLeft).toBe(8 * 3);
  });

  it('counts the arm that waits for a core, also when the first is done', () => {
    const { progress, start, hear, clock } = tracker();
    start('control', window, 1330, 'training');
    start('intervention', window, 1330, 'waiting');
    hear('control', step(1330));
    clock.ms += 1_000;
    hear('control', step(1331));
    expect(progress.secondsLeft).toBe(8 + 10);
    for (let at = 1332; at < 1340; at++) {
      clock.ms += 1_000;
      hear('control', step(at));
    }
    expect(progress.secondsLeft).toBe(10);
  });

  it('measures the pace anew when a trainer was started again from a checkpoint', () => {
    const { progress, start, hear, clock } = tracker();
    start('control', window, 1330, 'training');
    for (const at of [1330, 1331, 1332, 1333]) {
      hear('control', step(at));
      clock.ms += 1_000;
    }
    clock.ms += 100_000; // away
    hear('control', { type: 'phase', phase: 'loading' });
    hear('control', step(1332));
    expect(progress.arms.control?.step).toBe(1333);
    clock.ms += 500;
    hear('control', step(1333));
    expect(progress.secondsLeft).toBe(6 * 0.5);
  });
});
