// What the view of a job reads from its address and says in words.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAILURE_REASONS } from '../../src/job-spec.ts';
import { rangeText, readChartSettings, readRange } from '../../src/web/chart-settings.ts';
import { eventWords } from '../../src/web/event-words.ts';
import { failureWords } from '../../src/web/failure-words.ts';
import { windowWords } from '../../src/web/job-words.ts';
import { wordDifferences } from '../../src/web/word-differences.ts';
import { makeJob } from './fake-jobs.ts';

describe('the words of a failure', () => {
  it('have a title and advice of their own for every reason', () => {
    const words = FAILURE_REASONS.map(failureWords);
    for (const { title, advice } of words) {
      expect(title.length).toBeGreaterThan(10);
      expect(advice).toMatch(/\.$/);
      expect(advice).not.toBe(failureWords('a reason of a newer server').advice);
    }
    expect(new Set(words.map(({ advice }) => advice)).size).toBe(FAILURE_REASONS.length);
  });
});

describe('the window of a job that no worker has begun', () => {
  it.each([
    [{}, 'from step 1,330 to the end'],
    [{ to: 1400 }, 'steps 1,330 to 1,400'],
    [{ steps: 20 }, 'steps 1,330 to 1,350'],
    [{ finalFraction: 0.07 }, 'last 7 %'],
  ])('%j is said as: %s', (window, words) => {
    expect(windowWords(makeJob(0, 'queued', { window }))).toBe(words);
  });
});

describe('two texts', () => {
  it('are marked where their words differ, and nowhere else', () => {
    const [pro, anti] = wordDifferences('The nurse said he was late.', 'The nurse said she was late.');
    expect(pro.filter(({ isOther }) => isOther).map(({ text }) => text)).toEqual(['he']);
    expect(anti.filter(({ isOther }) => isOther).map(({ text }) => text)).toEqual(['she']);
  });

  it('keep every character, and what is shared is the same in both', () => {
    const words = fc.array(fc.constantFrom('he', 'she', 'was', 'late', '.'), { maxLength: 12 });
    fc.assert(
      fc.property(words, words, (a, b) => {
        const [first, second] = wordDifferences(a.join(' '), b.join(' '));
        expect(first.map(({ text }) => text).join('')).toBe(a.join(' '));
        expect(second.map(({ text }) => text).join('')).toBe(b.join(' '));
        const shared = (runs: typeof first) => runs.filter(({ isOther }) => !isOther).map(({ text }) => text);
        expect(shared(first).join('')).toBe(shared(second).join(''));
      }),
    );
  });
});

describe('the settings of charts', () => {
  it('are what the address says, and the usual where it says nothing that is understood', () => {
    expect(readChartSettings({})).toEqual({
      ...{ isTime: false, isLog: false, span: 10, hidden: [], zoom: undefined, table: undefined },
    });
    expect(readChartSettings({ x: 'time', log: '1', smooth: '50', hide: 'placebo,none', zoom: '1.5~2' })).toMatchObject(
      {
        ...{ isTime: true, isLog: true, span: 50, hidden: ['placebo'], zoom: [1.5, 2] },
      },
    );
    for (const text of ['5~5', '6~5', '-1~4', 'x', undefined]) expect(readRange(text)).toBeUndefined();
  });

  it('write a range that reads as itself, widened to whole steps', () => {
    expect(readRange(rangeText([3.2, 7.1], false))).toEqual([3, 8]);
    expect(readRange(rangeText([3, 3], false))).toEqual([3, 4]);
    expect(readRange(rangeText([1700000000.5, 1700000100.25], true))).toEqual([1700000000.5, 1700000100.25]);
  });
});

describe('an event', () => {
  it('is one line', () => {
    const say = (type: string, data: Record<string, string | number>) => eventWords({ id: 1, type, data, at: '' });
    expect(say('state', { state: 'failed', reason: 'no-edits', message: 'none' })).toBe('failed – no-edits: none');
    expect(say('attempt', { number: 2, host: 'a' })).toBe('attempt 2 began on a');
    expect(say('checkpoint', { arm: 'control', step: 1330 })).toBe('checkpoint of control at step 1,330 stored');
    expect(say('taken-over', { arm: 'control', job: 'x', name: 'first' })).toBe('control shared with job first');
    const scores = { arm: 'published', benchmark: 'winobias', protocol: 'likelihood', job: 'x', name: 'first' };
    expect(say('taken-over', scores)).toBe("published's scores on winobias, likelihood, shared with job first");
    expect(say('new-kind', { a: 1 })).toBe('new-kind {"a":1}');
  });
});
