import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { compute } from '../../src/api/computations.ts';
import { ConflictError, TransientError } from '../../src/errors.ts';
import { effectsOf, type Item } from '../../src/eval/metrics.ts';
import { randomBits } from '../../src/eval/resampling.ts';

const next = randomBits(7);
/** As many as CrowS-Pairs has, of its nine kinds of bias. */
const pairs = (): Item[] =>
  Array.from({ length: 1_508 }, (_, index) => ({
    ...{ index, biasType: `type ${index % 9}`, numTokens: [10, 10] },
    logLikelihood: [-20 - next() / 2 ** 32, -20 - next() / 2 ** 32],
  }));

describe('a comparison of arms', () => {
  it('is the same as on the own thread, which stays free meanwhile', async () => {
    const [a, b] = [pairs(), pairs()];
    await compute('effects', { a: a.slice(0, 2), b: b.slice(0, 2) }); // the thread has started
    const startedMs = performance.now();
    const expected = effectsOf(a, b);
    const blockedMs = performance.now() - startedMs;
    let longestMs = 0;
    let lastMs = performance.now();
    const timer = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - lastMs);
      lastMs = performance.now();
    }, 1);
    const found = await compute('effects', { a, b });
    clearInterval(timer);
    expect(found).toEqual(expected);
    // Copying the items takes a few milliseconds; half of the whole leaves room for a machine that has others to serve.
    expect(longestMs).toBeLessThan(blockedMs / 2);
  });

  it('is not made when it was given up before its turn, and keeps nobody else waiting', async () => {
    const [a, b] = [pairs(), pairs()];
    const few = { a: a.slice(0, 2), b: b.slice(0, 2) };
    await compute('effects', few);
    const startedMs = performance.now();
    await compute('effects', { a, b });
    const oneMs = performance.now() - startedMs;
    const gone = new AbortController();
    const first = compute('effects', { a, b });
    const others = Array.from({ length: 10 }, () => compute('effects', { a, b }, gone.signal));
    const settled = Promise.allSettled(others);
    const againMs = performance.now();
    gone.abort();
    await compute('effects', few);
    expect(performance.now() - againMs).toBeLessThan(6 * oneMs); // of eleven
    expect(Object.keys(await first)).toContain('pctStereotype');
    for (const one of await settled)
      expect(one).toMatchObject({ status: 'rejected', reason: expect.any(TransientError) as unknown });
  });

  it('throws what it throws on the own thread, and the thread goes on', async () => {
    const a = pairs().slice(0, 3);
    await expect(compute('effects', { a, b: a.slice(1) })).rejects.toThrow(ConflictError);
    expect(Object.keys(await compute('effects', { a, b: a }))).toContain('pctStereotype');
  });

  it('waits for those before it', async () => {
    const a = pairs().slice(0, 20);
    const all = await Promise.all(Array.from({ length: 10 }, () => compute('effects', { a, b: a })));
    expect(new Set(all.map((effects) => JSON.stringify(effects))).size).toBe(1);
  });
});
