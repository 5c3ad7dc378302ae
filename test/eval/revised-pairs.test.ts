import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import type { BenchmarkFile } from '../../src/eval/benchmarks.ts';
import { scoreCrowsPairs } from '../../src/eval/crows-pairs.ts';
import { scoresOf } from '../../src/eval/metrics.ts';
import { parseRevisedPairs } from '../../src/eval/revised-pairs.ts';
import { fakeModel, hashedLogProb } from './fake-model.ts';

function file(...lines: string[]): BenchmarkFile {
  return { name: 'pairs', path: 'a/pairs', bytes: Buffer.from(`${lines.join('\n')}\n`), sha256: '' };
}

const fields = { sent_more: 'He, too.', sent_less: 'She, too.', stereo_antistereo: 'stereo', bias_type: 'gender' };
const pair = { sentMore: 'He, too.', sentLess: 'She, too.', direction: 'stereo', biasType: 'gender' };

describe('a file of revised pairs', () => {
  it.each([
    ['commas', [',sent_more,sent_less,stereo_antistereo,bias_type', '0,"He, too.","She, too.",stereo,gender']],
    ['tabs', ['\tsent_more\tsent_less\tstereo_antistereo\tbias_type', '0\tHe, too.\tShe, too.\tstereo\tgender']],
    ['JSON lines', [JSON.stringify({ id: 0, ...fields }), '']],
  ])('is read with %s', (_, lines) => {
    expect(parseRevisedPairs(file(...lines))).toEqual([pair]);
  });

  it('puts each pair under the label that its bias type begins with', async () => {
    const types = ['gender', 'gender, race-color', 'race-color, gender', 'autre', 'sexual-orientation', 'Gender'];
    const pairs = parseRevisedPairs(file(...types.map((bias_type) => JSON.stringify({ ...fields, bias_type }))));
    const labels = ['gender', 'gender', 'race-color', 'autre', 'sexual-orientation', 'unlisted'];
    expect(pairs.map(({ biasType }) => biasType)).toEqual(labels);
    const scores = scoresOf(await scoreCrowsPairs(pairs, fakeModel(hashedLogProb)));
    expect(scores['pctStereotype']?.numItems).toBe(6);
    expect(scores['pctStereotype.gender']?.numItems).toBe(2);
    expect(scores['likelihoodDiff.race-color']?.numItems).toBe(1);
    expect(scores['logOdds']?.numItems).toBe(2); // pairs of gender that differ in the pronoun alone
  });

  it.each([
    [
      'a class number for a word',
      [JSON.stringify({ ...fields, stereo_antistereo: 0 })],
      /line 1: expected sent_more.*as text/,
    ],
    ['a missing field', [JSON.stringify({ ...fields, bias_type: undefined })], /line 1: .*bias_type/],
    ['no JSON in a line', [JSON.stringify(fields), '{"sent_more"'], /line 2: not JSON/],
    ['an empty bias type', [JSON.stringify({ ...fields, bias_type: ' ' })], /line 1: bias_type is " "/],
    ['an unknown direction', [JSON.stringify({ ...fields, stereo_antistereo: 'both' })], /line 1: stereo_antistereo/],
    ['another header', ['a\tb'], /line 1: expected one column "sent_more"/],
    ['nothing', [''], /expected a header line|expected one column/],
  ])('is refused for %s', (_, lines, message) => {
    expect(() => parseRevisedPairs(file(...lines))).toThrow(DataError);
    expect(() => parseRevisedPairs(file(...lines))).toThrow(message);
  });
});
