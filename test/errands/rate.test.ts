// How fast bytes come, as a user is told while a file is fetched.
import { expect, it } from 'vitest';
import { rateOfBytes } from '../../src/errands/rate.ts';

it('says nothing before it has seen a second, and then what came in the last ten', () => {
  const rate = rateOfBytes();
  expect(rate(0, 0)).toBeNull();
  expect(rate(999, 5_000)).toBeNull();
  expect(rate(1_000, 5_000)).toBe(5_000);
  for (let second = 2; second <= 30; second++) rate(second * 1_000, 5_000 + (second - 1) * 100);
  expect(rate(31_000, 5_000 + 30 * 100)).toBe(100); // the quick first second is long past
});

it('falls to zero when nothing comes, and never below it when a file is begun anew', () => {
  const rate = rateOfBytes();
  rate(0, 0);
  rate(1_000, 1_000_000);
  expect(rate(20_000, 1_000_000)).toBe(0);
  expect(rate(21_000, 0)).toBe(0);
});
