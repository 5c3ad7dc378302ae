// What the views of sweeps compute, without a browser.
import { describe, expect, it } from 'vitest';
import type { Job } from '../../src/web/api.ts';
import type { JsonObject } from '../../src/web/json-pointer.ts';
import { axesOf, gridOf, heatOf, shownAxes } from '../../src/web/sweeps/grid.ts';
import {
  budgetWords,
  holdWords,
  isOver,
  pointWords,
  settledPointOf,
  settledWords,
  stoppedWords,
  sweepState,
} from '../../src/web/sweeps/sweep-words.ts';
import type { ResultRow, Sweep } from '../../src/web/sweeps-api.ts';
import { plain } from './browser.ts';
import { makeJob } from './fake-jobs.ts';

function makeSweep(changes: Partial<Sweep> = {}): Sweep {
  return {
    ...{ id: 's', name: 'dose', state: 'active' as const, message: null, maxParallel: null, budget: null },
    ...{ axes: ['intervention.direction', 'intervention.probability'], used: { steps: 1200, hours: 0.5 } },
    ...{ heldBy: null, stop: null, settled: [], createdAt: new Date(0).toISOString(), numJobs: 4 },
    jobsByState: { running: 1, succeeded: 3 },
    ...changes,
  };
}

function jobAt(place: number, sweepPoint: JsonObject): Job {
  return makeJob(place, 'succeeded', {}, { sweepPoint });
}

const point = (direction: string, probability: number, model: string): JsonObject => ({
  ...{ model, 'intervention.probability': probability, 'intervention.direction': direction },
});
const jobs = [
  jobAt(0, point('swap', 0.1, 'nano-1m')),
  jobAt(1, point('swap', 0.5, 'nano-1m')),
  jobAt(2, point('swap', 0.5, 'nano-1m-seed2')),
  jobAt(3, point('neutral', 0.1, 'nano-1m')),
];

function resultOf(job: Job, effect: number | null): ResultRow {
  const figure = { value: 0.5, standardError: null, interval: [0.4, 0.6] as const, numItems: 10 };
  return {
    ...{ job: job.id, name: job.name, point: job.sweepPoint!, model: 'nano-1m', modelSeed: 1, step: 1430 }, // of a sweep
    ...{ benchmark: 'nano-winobias', protocol: 'likelihood', metric: 'proRate', published: null, publishedFigures: [] },
    ...{ control: figure, intervention: figure },
    effect: {
      ...{ value: effect, interval: null, pValue: 1, pAdjusted: 1, family: '', test: '', numItems: 10, note: null },
    },
  };
}

describe('the grid of a sweep', () => {
  const axes = axesOf(makeSweep(), jobs);

  it('has the axes of the grid in their order, then those of replicates, with values in the order of the jobs', () => {
    expect(axes).toEqual([
      { path: 'intervention.direction', values: ['swap', 'neutral'] },
      { path: 'intervention.probability', values: [0.1, 0.5] },
      { path: 'model', values: ['nano-1m', 'nano-1m-seed2'] },
    ]);
  });

  it('shows the first two axes, or those of the address, never one twice', () => {
    const paths = (rows?: string, columns?: string) => {
      const shown = shownAxes(axes, rows, columns);
      return [shown.rows?.path, shown.columns?.path];
    };
    expect(paths()).toEqual(['intervention.direction', 'intervention.probability']);
    expect(paths('model')).toEqual(['model', 'intervention.direction']);
    expect(paths('model', 'model')).toEqual(['model', 'intervention.direction']);
    expect(paths('model', 'none')).toEqual(['model', undefined]);
    expect(paths('gone', 'too')).toEqual(['intervention.direction', 'intervention.probability']);
  });

  it('puts every job into its cell, with its figure and the mean of those that have one', () => {
    const rows = [resultOf(jobs[1]!, -0.2), resultOf(jobs[2]!, -0.4), resultOf(jobs[3]!, null)];
    const { cells } = gridOf(makeSweep(), jobs, rows, shownAxes(axes, undefined, undefined), 'effect');
    const ids = cells.map((row) => row.map((cell) => cell.jobs.map(({ job }) => job.id)));
    expect(ids).toEqual([
      [[jobs[0]!.id], [jobs[1]!.id, jobs[2]!.id]],
      [[jobs[3]!.id], []],
    ]);
    expect(cells[0]![1]!.mean).toBeCloseTo(-0.3, 12);
    expect([cells[0]![0]!.mean, cells[1]![0]!.mean, cells[1]![1]!.mean]).toEqual([null, null, null]);
    const scores = gridOf(makeSweep(), jobs, rows, shownAxes(axes, undefined, 'none'), 'intervention').cells;
    expect(scores.map((row) => row.map(({ mean }) => mean))).toEqual([[0.5], [0.5]]);
  });

  it('colours effects by their distance from zero and scores by their place among all', () => {
    expect([-0.4, 0, 0.2].map((value) => heatOf(value, [-0.4, 0, 0.2], 'effect'))).toEqual([-1, 0, 0.5]);
    expect([0.2, 0.4, 0.6].map((value) => heatOf(value, [0.2, 0.4, 0.6], 'intervention'))).toEqual([
      0,
      expect.closeTo(0.5, 12),
      1,
    ]);
    expect([heatOf(0, [0, 0], 'effect'), heatOf(3, [3, 3], 'control')]).toEqual([0, 0]);
  });
});

describe('the words for a sweep', () => {
  it.each([
    [{}, 'running', false],
    [{ jobsByState: { queued: 4 } }, 'waiting', false],
    [{ state: 'paused' as const }, 'paused', false],
    [{ state: 'stopped' as const }, 'stopping', false],
    [{ state: 'cancelled' as const }, 'cancelling', false],
    [{ jobsByState: { succeeded: 4 } }, 'over', true],
    [{ jobsByState: { succeeded: 2, failed: 2 } }, 'over, 2 failed', true],
    [{ state: 'stopped' as const, jobsByState: { succeeded: 1, cancelled: 3 } }, 'stopped', true],
    [{ state: 'cancelled' as const, jobsByState: { cancelled: 4 } }, 'cancelled', true],
  ])('say of %o: %s', (changes, words, over) => {
    const sweep = makeSweep(changes);
    expect([sweepState(sweep).words, isOver(sweep)]).toEqual([words, over]);
  });

  it('say what is used of a budget and what holds jobs back', () => {
    expect(budgetWords(makeSweep())).toBe('1,200 updates, 0.50 h so far; no budget');
    expect(budgetWords(makeSweep({ budget: { steps: 4000, hours: null } }))).toBe('1,200 of 4,000 updates');
    expect(holdWords(makeSweep())).toBeNull();
    expect(holdWords(makeSweep({ heldBy: 'budget' }))).toMatch(/budget is spent/);
  });

  it('say a point, and the rule that ended it with what was found', () => {
    expect(pointWords({ 'intervention.probability': 0.5, model: 'nano-1m' })).toBe('probability 0.5, model nano-1m');
    const rule = { benchmark: 'nano-winobias', metric: 'proRate', clearlyZero: 0.02 };
    const found = { value: 0.001, interval: [-0.01, 0.012] as const, over: 'model seeds', numReplicates: 3 };
    const settled = { point: {}, rule, found, numCancelled: 1, settledAt: '' };
    expect(plain(settledWords(settled))).toBe(
      'the interval of the effect on Pro-stereotype rate (nano-winobias) is within ±2.0 points of zero: [−1.0, 1.2], over model seeds; 1 job was not needed',
    );
    expect(stoppedWords(settled)).toBe('stopped early by rule');
    const ended = { ...settled, numCancelled: 0 }; // by the last of its jobs
    expect(plain(settledWords(ended))).toMatch(/over model seeds$/);
    expect(stoppedWords(ended)).toBe('met a stop rule');
  });

  it('find the settled point of a job by all that is no seed', () => {
    const rule = { benchmark: 'nano-winobias', metric: 'proRate', clearlyZero: 0.02 };
    const found = { value: 0, interval: [0, 0] as const, over: 'model seeds', numReplicates: 3 };
    const settled = [0.1, 0.5].map((probability) => ({
      ...{ point: { 'intervention.probability': probability }, rule, found, numCancelled: 1, settledAt: '' },
    }));
    const at = (probability: number) => ({ model: 'nano-1m-seed2', 'intervention.probability': probability });
    expect(settledPointOf(settled, at(0.5))).toBe(settled[1]);
    expect(settledPointOf(settled, at(1))).toBeUndefined();
    expect(settledPointOf([{ ...settled[0]!, point: {} }], at(1))).toBeDefined(); // the whole sweep is one point
  });
});
