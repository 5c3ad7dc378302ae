import { describe, expect, it } from 'vitest';
import { placeOn, scaleAroundZero } from '../../src/web/charts/interval-track.tsx';
import { groupRows, halvesOf, latestEffects, latestScores, mainEffect, protocolWords } from '../../src/web/scores.ts';
import { makeScores, TO } from './fake-jobs.ts';

describe('the scores of a job', () => {
  it('are those of the last step of each arm', () => {
    const latest = latestScores(makeScores(TO).scores);
    expect(new Set(latest.map(({ step }) => step))).toEqual(new Set([TO]));
    expect(latest.filter(({ arm }) => arm === 'published')).toHaveLength(latest.length / 3);
  });

  it('lead with the effect on the pro-stereotype rate at the last step', () => {
    const scores = makeScores(TO);
    expect(mainEffect({ ...scores, effects: scores.effects.toReversed() })).toMatchObject({
      benchmark: 'nano-winobias',
      metric: 'proRate',
      step: TO,
    });
    expect(mainEffect({ ...scores, effects: [] })).toBeUndefined();
  });

  it('are apart by protocol and settings, and lead with the one by likelihood', () => {
    const { effects, ...rest } = makeScores(TO);
    const rates = latestEffects(effects).filter(({ metric }) => metric === 'proRate');
    const halved = rates.map((row) => ({ ...row, protocol: 'fp16-emulated', settings: {} }));
    const asked = [1, 2].flatMap((maxNew) =>
      rates.map((row) => ({ ...row, protocol: 'p', settings: { maxNew, by: ['a', 'b'] } })),
    );
    const all = [...halved, ...asked, ...rates];
    expect(latestEffects(all)).toEqual(all);
    expect(groupRows(all).map(protocolWords)).toEqual([
      'fp16-emulated',
      'p, by a and b, maxNew 1',
      'p, by a and b, maxNew 2',
      'likelihood',
    ]);
    expect(mainEffect({ ...rest, effects: all })?.protocol).toBe('likelihood');
  });

  it('are grouped by benchmark, each with the halves of every arm', () => {
    const groups = groupRows(latestScores(makeScores(TO).scores));
    expect(groups.map(({ benchmark }) => benchmark)).toEqual(['nano-winobias', 'nano-crows-pairs']);
    expect(halvesOf(groups[0]!.rows).map(({ arm }) => arm)).toEqual(['published', 'control', 'intervention']); // two groups
    expect(halvesOf(groups[1]!.rows)).toEqual([]);
    expect(latestEffects(makeScores(TO).effects).length).toBe(10);
  });
});

describe('a row of the forest plot', () => {
  it('has zero in the middle and every interval inside', () => {
    const scale = scaleAroundZero([-0.51, 0.2], 0.1);
    expect(placeOn(scale, 0)).toBe(50);
    expect(placeOn(scale, -0.51)).toBeGreaterThan(0);
    expect(placeOn(scale, -0.51)).toBeLessThan(placeOn(scale, 0.2));
    expect(placeOn(scale, -9)).toBe(0);
  });
});
