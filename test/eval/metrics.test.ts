import { describe, expect, it } from 'vitest';
import { ConflictError } from '../../src/errors.ts';
import { effectsOf, itemValues, labelShift, metricKind, scoresOf, type Item } from '../../src/eval/metrics.ts';
import { pairedEffect, type Score } from '../../src/eval/statistics.ts';

function winoBiasItem(index: number, stereotype: 'masculine' | 'feminine', pro: number, anti: number): Item {
  return {
    index,
    biasType: 'gender',
    logLikelihood: [pro, anti],
    numTokens: [9, 9],
    type: 1 + (index % 2),
    occupation: ['clerk', 'cook', 'guard', 'clerk'][index],
    stereotype,
    isPronounOnly: true,
    pronounLogProb: [pro / 2, anti / 2],
  };
}

const before = [
  winoBiasItem(0, 'masculine', -1, -2),
  winoBiasItem(1, 'feminine', -1, -3),
  winoBiasItem(2, 'masculine', -2, -2.5),
  winoBiasItem(3, 'feminine', -4, -3),
];
const after = [
  winoBiasItem(0, 'masculine', -3, -2),
  winoBiasItem(1, 'feminine', -1, -6),
  winoBiasItem(2, 'masculine', -3, -2.5),
  winoBiasItem(3, 'feminine', -2, -3),
];

describe('the scores of items', () => {
  it('stand in a fixed order: whole scores, the two halves, then the other parts', () => {
    expect(Object.keys(scoresOf(before))).toEqual([
      'proRate',
      'likelihoodDiff',
      'logOdds',
      'logOddsSentence',
      'proRate.masculine',
      'proRate.feminine',
      'proRate.type1',
      'proRate.type2',
    ]);
  });

  it('are means of what each item contributes', () => {
    expect(itemValues(before[3]!)).toEqual({
      proRate: 0,
      likelihoodDiff: 1,
      'proRate.type2': 0,
      'proRate.feminine': 0,
      logOdds: 0.5,
      logOddsSentence: 1,
    });
    expect(scoresOf(before)['logOddsSentence']?.value).toBe((1 - 2 + 0.5 + 1) / 4);
    expect(scoresOf([])).toEqual({});
  });

  it('are rates where items are hits, and means otherwise', () => {
    expect(['proRate', 'pctStereotype.race-color', 'logOdds', 'lossNats'].map(metricKind)).toEqual([
      'rate',
      'rate',
      'mean',
      'mean',
    ]);
  });
});

describe('the effects between two evaluations', () => {
  it('are paired item by item on the items that count in a metric', () => {
    const effects = effectsOf(after, before);
    const clusters = ['clerk', 'cook', 'guard', 'clerk'];
    expect(effects['proRate']).toEqual(pairedEffect([0, 1, 0, 1], [1, 1, 1, 0], 'rate', clusters));
    expect(effects['proRate.masculine']).toMatchObject({ value: -1, numItems: 2, test: 'exact McNemar' });
    expect(effects['proRate.masculine']?.pValue).toBeCloseTo(0.5, 12);
    expect(effects['logOddsSentence']).toEqual(pairedEffect([-1, -5, -0.5, -1], [1, -2, 0.5, 1], 'mean', clusters));
    expect(effects['logOddsSentence']).toMatchObject({ numItems: 4, numClusters: 3 });
    expect(Object.keys(effects)).toEqual(Object.keys(scoresOf(before)));
  });

  it('are nought with p = 1 between equal evaluations', () => {
    for (const effect of Object.values(effectsOf(before, before))) {
      expect(effect).toMatchObject({ value: 0, pValue: 1, note: expect.stringMatching(/^no item differs/) });
    }
  });

  it('do not exist between items of different benchmarks', () => {
    expect(() => effectsOf(before, before.slice(1))).toThrow(ConflictError);
    expect(() => effectsOf(before.slice(0, 3), before.slice(1))).toThrow(/item 0 cannot be compared with item 1/);
    const other = [{ index: 0, biasType: 'age', logLikelihood: [-1, -2], numTokens: [3, 3] }];
    expect(() => effectsOf(before.slice(0, 1), other)).toThrow(/only one of the evaluations has proRate/);
  });
});

describe('the label "shifted, not debiased"', () => {
  const score = (value: number, numItems = 100): Score => ({
    ...{ value, standardError: null, interval: null, intervalMethod: null },
    ...{ numItems, numClusters: numItems, resampling: null },
  });
  const halves = (masculine: number, feminine: number) => ({
    pctStereotype: score(0.9, 1508),
    'pctStereotype.masculine': score(masculine),
    'pctStereotype.feminine': score(feminine),
  });

  it('is given when the halves lie near 0 and 1 and the rate near one half', () => {
    expect(labelShift(halves(0.02, 0.97))?.detail).toMatch(
      /0\.49 overall.*0\.02 for masculine.*n = 100.*prefers the feminine/,
    );
    expect(labelShift(halves(0.97, 0.02))?.detail).toMatch(/prefers the masculine/);
    expect(labelShift(halves(0.24, 0.76))?.label).toBe('shifted, not debiased');
  });

  it('is not given to a model with equal halves, to one that is biased, or to scores without halves', () => {
    expect(labelShift(halves(0.5, 0.5))).toBeNull();
    expect(labelShift(halves(0.9, 0.95))).toBeNull();
    expect(labelShift(halves(0.25, 0.76))).toBeNull();
    expect(labelShift(halves(0.24, 0.75))).toBeNull();
    expect(labelShift({ pctStereotype: score(0.5) })).toBeNull();
    expect(labelShift({})).toBeNull();
  });

  it('weighs the halves by their items', () => {
    const scores = { 'proRate.masculine': score(0, 10), 'proRate.feminine': score(1, 90) };
    expect(labelShift(scores)).toBeNull(); // 0.90 overall
  });
});
