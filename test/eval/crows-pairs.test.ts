import { describe, expect, it } from 'vitest';
import { DataError, NumericalError } from '../../src/errors.ts';
import { readBenchmarkFiles, type BenchmarkFile } from '../../src/eval/benchmarks.ts';
import { parseCrowsPairs, scoreCrowsPairs } from '../../src/eval/crows-pairs.ts';
import { scoresOf } from '../../src/eval/metrics.ts';
import { hasShared, sharedPath } from '../support/shared.ts';
import { fakeModel, hashedLogProb } from './fake-model.ts';

const header = ',sent_more,sent_less,stereo_antistereo,bias_type,annotations,anon_writer,anon_annotators';

function file(...lines: string[]): BenchmarkFile {
  const bytes = Buffer.from(`${lines.join('\n')}\n`);
  return { name: 'pairs.csv', path: 'a/pairs.csv', bytes, sha256: '' };
}

describe('a CrowS-Pairs file', () => {
  it('gives its pairs in file order, whatever the order of the columns', () => {
    const pairs = parseCrowsPairs(
      file(header, '0,"He, too.","She, too.",antistereo,gender,,,', '1,Old men.,Young men.,stereo,age,,,'),
    );
    expect(pairs).toEqual([
      { sentMore: 'He, too.', sentLess: 'She, too.', direction: 'antistereo', biasType: 'gender' },
      { sentMore: 'Old men.', sentLess: 'Young men.', direction: 'stereo', biasType: 'age' },
    ]);
    expect(parseCrowsPairs(file('bias_type,sent_less,stereo_antistereo,sent_more', 'age,b,stereo,a'))).toEqual([
      { sentMore: 'a', sentLess: 'b', direction: 'stereo', biasType: 'age' },
    ]);
  });

  it.each([
    [
      'another header',
      [',sent1,sent2,stereo_antistereo,bias_type', '0,a,b,stereo,age'],
      /line 1: expected one column "sent_more"/,
    ],
    ['no rows', [header], /expected sentence pairs/],
    ['a missing field', [header, '0,a,b,stereo,age,,,', '1,a,b,stereo,age,,'], /line 3: expected 8 fields; found 7/],
    ['an unknown direction', [header, '0,a,b,Stereo,age,,,'], /line 2: stereo_antistereo is "Stereo"/],
    ['an empty sentence', [header, '0,a, ,stereo,age,,,'], /line 2: sent_less is empty/],
    ['an endless sentence', [header, `0,a,${'b'.repeat(10_001)},stereo,age,,,`], /line 2: sent_less has 10001/],
    ['an odd bias type', [header, '0,a,b,stereo,__proto__,,,'], /line 2: bias_type is "__proto__"/],
    ['an open quote', [header, '0,"a,b,stereo,age,,,'], /not a CSV file/],
  ])('is refused for %s, with the line', (_, lines, message) => {
    expect(() => parseCrowsPairs(file(...lines))).toThrow(DataError);
    expect(() => parseCrowsPairs(file(...lines))).toThrow(message);
  });

  it('is refused when it is not UTF-8', () => {
    const bytes = Uint8Array.of(0xff, 0xfe, 0x41);
    expect(() => parseCrowsPairs({ ...file(header), bytes })).toThrow(/expected UTF-8/);
  });
});

describe.skipIf(!hasShared)('the official CrowS-Pairs file', () => {
  const pairs = hasShared
    ? parseCrowsPairs(
        readBenchmarkFiles('crows-pairs', sharedPath('benchmarks/crows-pairs/crows_pairs_anonymized.csv'))[0]!,
      )
    : [];
  const countOf = (biasType: string) => pairs.filter((pair) => pair.biasType === biasType).length;

  it('has the published numbers of pairs', () => {
    expect(pairs).toHaveLength(1508);
    const published = { gender: 262, 'race-color': 516, socioeconomic: 172, nationality: 159, religion: 105, age: 87 };
    for (const [biasType, count] of Object.entries(published)) expect(countOf(biasType)).toBe(count);
    expect(countOf('sexual-orientation') + countOf('physical-appearance') + countOf('disability')).toBe(84 + 63 + 60);
    expect(pairs.filter((pair) => pair.direction === 'stereo')).toHaveLength(1290);
  });

  it('has 41 gender pairs that differ in pronouns only: 22 with a masculine stereotype, 19 with a feminine one', async () => {
    const scores = scoresOf(await scoreCrowsPairs(pairs, fakeModel(hashedLogProb)));
    expect(scores['pctStereotype']?.numItems).toBe(1508);
    expect(scores['pctStereotype.gender']?.numItems).toBe(262);
    expect(scores['pctStereotype.masculine']?.numItems).toBe(22);
    expect(scores['pctStereotype.feminine']?.numItems).toBe(19);
    expect(scores['logOdds']?.numItems).toBe(41);
    expect(scores['logOddsSentence']?.numItems).toBe(41);
  });
});

describe('scoring CrowS-Pairs', () => {
  const pairs = parseCrowsPairs(
    file(
      header,
      '0,The nurse lost her bag.,The nurse lost his bag.,stereo,gender,,,',
      '1,The old man sat.,The young man sat.,stereo,age,,,',
      '2,Women cry.,Men cry.,antistereo,gender,,,',
      '3,They sat.,They sat.,stereo,age,,,',
    ),
  );

  it('sums log P of every token after the context token, by hand and by program', async () => {
    const model = fakeModel(hashedLogProb);
    const items = await scoreCrowsPairs(pairs, model);
    const byHand = ['The', ' old', ' man', ' sat', '.'].reduce(
      (sum, word, i, words) => sum + hashedLogProb(word, ['<|endoftext|>', ...words.slice(0, i)]),
      0,
    );
    expect(items[1]?.logLikelihood[0]).toBeCloseTo(byHand, 12);
    expect(items.map((item) => item.numTokens)).toEqual([
      [6, 6],
      [5, 5],
      [3, 3],
      [3, 3],
    ]);
    expect(items.map((item) => item['direction'])).toEqual(['stereo', 'stereo', 'antistereo', 'stereo']);
  });

  it('counts a pair when sent_more is likelier, never a tie, and whatever the direction', async () => {
    const items = await scoreCrowsPairs(
      pairs,
      fakeModel((word) => ({ ' her': -1, ' young': -1, Women: -1 })[word] ?? -2),
    );
    const scores = scoresOf(items);
    expect(scores['pctStereotype']).toMatchObject({ value: 0.5, numItems: 4 }); // pairs 0 and 2
    expect(scores['pctStereotype.gender']).toMatchObject({ value: 1, numItems: 2 });
    expect(scores['pctStereotype.age']).toMatchObject({ value: 0, numItems: 2 });
    expect(scores['likelihoodDiff']).toMatchObject({ value: 0.75, numItems: 4 });
    expect(scores['likelihoodDiff.age']).toMatchObject({ value: 0.5, numItems: 2 });
  });

  it('gives the log-odds and the half of pairs that differ in pronouns', async () => {
    const items = await scoreCrowsPairs(
      pairs,
      fakeModel((word) => ({ ' her': -1, ' his': -3 })[word] ?? -2),
    );
    expect(items[0]).toMatchObject({ stereotype: 'feminine', pronouns: ['her', 'his'], pronounLogProb: [-1, -3] });
    expect(items[2]).not.toHaveProperty('stereotype');
    const scores = scoresOf(items);
    expect(scores['logOdds']).toMatchObject({ value: -2, numItems: 1 });
    expect(scores['logOddsSentence']?.value).toBeCloseTo(-2, 12);
    expect(scores['pctStereotype.feminine']).toMatchObject({ value: 1, numItems: 1 });
    expect(scores).not.toHaveProperty('pctStereotype.masculine');
  });

  it('takes a leading token 0 of the sentence as the context instead of adding one', async () => {
    const model = fakeModel((_, before) => -before.length);
    const [item] = await scoreCrowsPairs(
      [{ sentMore: '<|endoftext|>He sat', sentLess: 'He sat', direction: 'stereo', biasType: 'age' }],
      model,
    );
    expect(item?.numTokens).toEqual([2, 2]);
    expect(item?.logLikelihood).toEqual([-3, -3]);
  });

  it('fails when the model gives no number, and when a sentence has no token', async () => {
    await expect(
      scoreCrowsPairs(
        pairs,
        fakeModel(() => NaN),
      ),
    ).rejects.toThrow(NumericalError);
    await expect(
      scoreCrowsPairs(
        pairs,
        fakeModel((word) => (word === ' old' ? -Infinity : -1)),
      ),
    ).rejects.toThrow(/token 2 of row 2 is -Infinity/);
    await expect(scoreCrowsPairs(pairs, { ...fakeModel(hashedLogProb), encode: () => [] })).rejects.toThrow(/no token/);
  });
});
