import { describe, expect, it } from 'vitest';
import { FAILURE_REASONS } from '../../src/job-spec.ts';
import { failureWords } from '../../src/web/failure-words.ts';
import {
  formatAgo,
  formatDifference,
  formatDuration,
  formatInterval,
  formatP,
  formatValue,
} from '../../src/web/format.ts';
import { describeMetric, metricRank } from '../../src/web/metric-names.ts';
import { parseRoute, routeLink } from '../../src/web/route.ts';

/** Special spaces are for line breaks only. */
const plain = (text: string) => text.replaceAll(/[\u00a0\u202f]/g, ' ');

describe('figures on the page', () => {
  it('are in per cent, points, nats, with a real minus sign', () => {
    expect(plain(formatValue(0.4888, 'rate'))).toBe('48.9 %');
    expect(plain(formatDifference(-0.4888, 'rate'))).toBe('−48.9 points');
    expect(plain(formatDifference(0.12, 'nats'))).toBe('+0.120 nats');
    expect(plain(formatValue(31.018, 'number'))).toBe('31.02');
    expect(plain(formatInterval([-0.51, -0.44], 'rate'))).toBe('[−51.0, −44.0]');
  });

  it('say so when there is no interval or no test', () => {
    expect(formatInterval(null, 'rate')).toBe('interval not estimable');
    expect(formatP(null)).toBe('no test');
    expect(plain(formatP(0.00004))).toBe('p < 0.001');
    expect(plain(formatP(0.0342))).toBe('p = 0.034');
  });

  it('write durations in two units and ages in one', () => {
    expect([0, 45, 125, 3600, 11_040, 176_400].map((seconds) => plain(formatDuration(seconds)))).toEqual([
      ...['0 s', '45 s', '2 min 5 s', '1 h', '3 h 4 min', '2 d 1 h'],
    ]);
    const at = '2026-01-01T00:00:00Z';
    expect(plain(formatAgo(at, Date.parse(at) + 1_000_000))).toBe('16 min ago');
    expect(formatAgo(at, Date.parse(at) + 900)).toBe('just now');
  });

  it('have the name and unit of their metric, and halves stand below their whole', () => {
    expect(describeMetric('proRate.feminine')).toMatchObject({
      unit: 'rate',
      half: 'feminine',
      isStereotypeRate: true,
    });
    expect(describeMetric('logOdds')).toMatchObject({ unit: 'nats', half: null });
    expect(describeMetric('pctStereotype.race-color')).toMatchObject({ unit: 'rate', part: 'race-color', half: null });
    expect(describeMetric('somethingNew')).toMatchObject({ label: 'Something new', unit: 'number' });
    const shuffled = [
      'likelihoodDiff',
      'proRate.type1',
      'proRate.feminine',
      'unknown',
      'proRate.masculine',
      'proRate',
      'logOdds',
    ];
    expect(shuffled.toSorted((a, b) => metricRank(a) - metricRank(b))).toEqual([
      ...['proRate', 'proRate.masculine', 'proRate.feminine', 'proRate.type1', 'logOdds', 'likelihoodDiff', 'unknown'],
    ]);
  });
});

describe('words for failures', () => {
  it('name what to do for every reason code, and show an unknown one as it is', () => {
    for (const reason of FAILURE_REASONS) expect(failureWords(reason).advice.length).toBeGreaterThan(20);
    expect(failureWords('new-reason').title).toBe('new-reason');
  });
});

describe('the address of a view', () => {
  it('is read back as it was written', () => {
    expect(parseRoute(routeLink('jobs/a%2Fb', { metric: 'w/l/proRate.masculine', smooth: undefined }))).toEqual({
      path: ['jobs', 'a/b'],
      query: { metric: 'w/l/proRate.masculine' },
    });
    expect(parseRoute('')).toEqual({ path: [], query: {} });
  });
});
