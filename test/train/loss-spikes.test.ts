// Spikes among losses whose course is known.
import { describe, expect, it } from 'vitest';
import { lossSpikes } from '../../src/train/loss-spikes.ts';
import { seededRandom } from '../../src/suite/nano/random.ts';

const random = seededRandom(3, 1);
/** About normal: the sum of twelve uniform draws. */
const noise = () => Array.from({ length: 12 }, () => random.below(1_000_000) / 1_000_000).reduce((a, b) => a + b, -6);
const steps = (n: number) => Array.from({ length: n }, (_, i) => 1000 + i);
const course = (n: number) => Array.from({ length: n }, (_, i) => 3 - i / 2000 + 0.05 * noise());

describe('lossSpikes', () => {
  it('finds the steps that stand out, with what was expected there', () => {
    const losses = course(200);
    losses[60] = 4;
    losses[150] = 3.7;
    const found = lossSpikes(steps(200), losses);
    expect(found.map(({ step }) => step)).toEqual([1060, 1150]);
    expect(found[0]).toMatchObject({ lossNats: 4, expectedNats: expect.closeTo(2.97, 1) as number });
  });

  it('finds none in noise, in a falling loss, or before enough steps are known', () => {
    expect(lossSpikes(steps(5_000), course(5_000))).toEqual([]);
    expect(
      lossSpikes(
        steps(100),
        steps(100).map((step) => 10 - step / 200),
      ),
    ).toEqual([]);
    expect(lossSpikes(steps(10), [1, 1.1, 0.9, 1, 1.1, 0.9, 1, 1, 50, 1])).toEqual([]);
  });

  it('is not blinded by one spike for the next, nor by a step without a loss', () => {
    const losses: (number | null)[] = course(120);
    losses[50] = 6;
    losses[51] = null;
    losses[52] = 6;
    expect(lossSpikes(steps(120), losses).map(({ step }) => step)).toEqual([1050, 1052]);
  });
});
