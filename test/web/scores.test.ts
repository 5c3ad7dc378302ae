import { describe, expect, it } from 'vitest';
import { placeOn, scaleAroundZero } from '../../src/web/charts/interval-track.tsx';
import { groupRows, halvesOf, latestEffects, latestScores, mainEffect } from '../../src/web/scores.ts';
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
