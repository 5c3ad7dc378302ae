// Paired tests between arms of two jobs: against the statistics on the same items, and refusals in words.
import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import type { PairComparison } from '../../src/api/compare-pair.ts';
import { evaluationOf } from '../../src/eval/evaluation.ts';
import type { Item } from '../../src/eval/metrics.ts';
import { holmAdjusted, pairedEffect } from '../../src/eval/statistics.ts';
import type { Arm, JobSpecInput } from '../../src/job-spec.ts';
import { createJob } from '../../src/store/jobs.ts';
import { recordEvaluation } from '../../src/store/records.ts';
import { takeJob, testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';

const database = await testDatabase();
const app = testApp(database);
const SHA = 'c'.repeat(64);

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

// Sentence pairs whose log-likelihoods differ by the given numbers; positive prefers the stereotype.
function pairs(differences: readonly number[]): Item[] {
  return differences.map((difference, index) => ({
    ...{ index, biasType: index % 2 ? 'age' : 'gender', logLikelihood: [-20 + difference, -20], numTokens: [7, 7] },
  }));
}

/** A job with these arms' items at a step. */
async function scoredJob(
  name: string,
  arms: Partial<Record<Arm, readonly Item[]>>,
  { step = 1430, sha256 = SHA, benchmark = 'crows-pairs', changes = {} as Partial<JobSpecInput> } = {},
): Promise<string> {
  await createJob(database, { spec: someSpec({ name, ...changes }) });
  const fence = await takeJob(database, ['control', 'intervention']);
  for (const [arm, items] of Object.entries(arms)) {
    await recordEvaluation(database, fence, arm as Arm, step, evaluationOf(benchmark, sha256, items)); // a key of the record
  }
  return fence.jobId;
}

const differencesA = Array.from({ length: 40 }, (_, i) => Math.sin(7 * i) - 0.4);
const differencesB = Array.from({ length: 40 }, (_, i) => Math.sin(7 * i + 0.2) + 0.6);

async function compared(a: string, b: string): Promise<PairComparison> {
  const response = await request(app).get(`/v1/compare/pair?a=${a}&b=${b}`);
  expect(response.status, JSON.stringify(response.body)).toBe(200);
  return response.body as PairComparison;
}

describe('GET /v1/compare/pair', () => {
  it('pairs the items of arms of two jobs, each at its last step, as the statistics of the same numbers say', async () => {
    const a = await scoredJob('first', { intervention: pairs(differencesA) });
    const b = await scoredJob('second', { intervention: pairs(differencesB) }, { step: 1410 });
    const { effects, refused, ...sides } = await compared(`${a}:intervention`, `${b}:intervention`);
    expect(sides).toMatchObject({
      a: { job: a, arm: 'intervention', name: 'first' },
      b: { job: b, arm: 'intervention', name: 'second' },
    });
    expect(refused).toEqual([]);
    const hits = (differences: readonly number[]) => differences.map((difference) => Number(difference > 0));
    const expected = {
      pctStereotype: pairedEffect(hits(differencesA), hits(differencesB), 'rate'),
      likelihoodDiff: pairedEffect(differencesA.map(Math.abs), differencesB.map(Math.abs), 'mean'),
    };
    expect(expected.pctStereotype.pValue).toBeLessThan(0.05); // else the comparison would show little
    for (const [metric, effect] of Object.entries(expected)) {
      const row = effects.find((one) => one.metric === metric);
      expect(row).toMatchObject({
        ...{ benchmark: 'crows-pairs', protocol: 'likelihood', settings: {}, stepA: 1430, stepB: 1410 },
        ...{ test: effect.test, numItems: 40, pScope: 'for these two trained models' },
        value: expect.closeTo(effect.value!, 12) as number, // of forty items
        pValue: expect.closeTo(effect.pValue!, 12) as number,
        interval: effect.interval!.map((end) => expect.closeTo(end, 12) as number),
      });
    }
    const whole = effects.filter(({ metric }) => !metric.includes('.'));
    expect(whole.map(({ pAdjusted }) => pAdjusted)).toEqual(holmAdjusted(whole.map(({ pValue }) => pValue)));
    expect(whole[0]?.family).toBe('2 tests: whole scores of all benchmarks at the last steps of these two arms');
  });

  it('turns its sign with the order, and agrees with the effect of a job on its own arms', async () => {
    const job = await scoredJob('one', { control: pairs(differencesB), intervention: pairs(differencesA) });
    const there = await compared(`${job}:intervention`, `${job}:control`);
    const back = await compared(`${job}:control`, `${job}:intervention`);
    expect(back.effects.map(({ value }) => value)).toEqual(there.effects.map(({ value }) => -value!)); // there are items
    const { body } = await request(app).get(`/v1/jobs/${job}/scores`);
    const { effects } = body as { effects: { metric: string; value: number; pValue: number; interval: unknown }[] };
    expect(effects.length).toBeGreaterThan(2);
    for (const { metric, value, pValue, interval } of effects) {
      expect(there.effects.find((row) => row.metric === metric)).toMatchObject({ value, pValue, interval });
    }
  });

  it('gives the labels that must be read with either side', async () => {
    const changes = { training: { rowsPerStep: 4 } };
    const a = await scoredJob('reduced', { intervention: pairs(differencesA) }, { changes });
    const b = await scoredJob('whole', { intervention: pairs(differencesB) });
    const { labels } = await compared(`${a}:intervention`, `${b}:intervention`);
    expect(labels.map(({ id, arm, label }) => [id, arm, label])).toEqual([[a, 'intervention', 'reduced batch']]);
  });

  it('lists what was not scored on the same items beside what was', async () => {
    const a = await scoredJob('a', { control: pairs(differencesA) });
    const b = await scoredJob('b', { control: pairs(differencesB) });
    const evaluation = (sha256: string) => evaluationOf('crows-pairs-revised', sha256, pairs([1, -1]));
    for (const [job, sha256] of [
      [a, SHA],
      [b, 'd'.repeat(64)],
    ] as const) {
      const fence = { jobId: job, attempt: 1, owner: 'worker' };
      await recordEvaluation(database, fence, 'control', 1430, evaluation(sha256));
    }
    const { effects, refused } = await compared(`${a}:control`, `${b}:control`);
    expect(new Set(effects.map(({ benchmark }) => benchmark))).toEqual(new Set(['crows-pairs']));
    expect(refused).toEqual([
      {
        ...{ benchmark: 'crows-pairs-revised', protocol: 'likelihood', settings: {} },
        detail: 'the files of the benchmark were not the same',
      },
    ]);
  });

  it('refuses arms that have no items in common, in words', async () => {
    const a = await scoredJob('a', { control: pairs([1, -1]) });
    const otherFiles = await scoredJob('b', { control: pairs([1, -1]) }, { sha256: 'd'.repeat(64) });
    const fewer = await scoredJob('c', { control: pairs([1]) });
    const another = await scoredJob('d', { control: pairs([1, -1]) }, { benchmark: 'other-pairs' });
    const refusal = async (b: string) => {
      const { status, body } = await request(app).get(`/v1/compare/pair?a=${a}:control&b=${b}:control`);
      expect(status).toBe(409);
      return (body as { detail: string }).detail;
    };
    expect(await refusal(otherFiles)).toBe(
      'nothing was scored on the same items: crows-pairs by likelihood: the files of the benchmark were not the same',
    );
    expect(await refusal(fewer)).toContain('evaluations of 2 and of 1 items cannot be compared');
    expect(await refusal(another)).toBe(
      'nothing was scored on the same items: a was scored on crows-pairs by likelihood; b on other-pairs by likelihood',
    );
  });

  it('answers 404 for an arm without scores and says which have some', async () => {
    const a = await scoredJob('a', { control: pairs([1, -1]) });
    const { status, body } = await request(app).get(`/v1/compare/pair?a=${a}:control&b=${a}:intervention`);
    expect(status).toBe(404);
    expect((body as { detail: string }).detail).toBe(
      `the arm intervention of job ${a} has not been scored: scored were control`,
    );
    const nobody = '01900000-0000-7000-8000-000000000000';
    expect((await request(app).get(`/v1/compare/pair?a=${a}:control&b=${nobody}:control`)).status).toBe(404);
  });

  it.each([
    ['', 'a'],
    ['a=01900000-0000-7000-8000-000000000000:control', 'b'],
    ['a=1:control&b=2:control', 'JOB:arm'],
    [
      'a=01900000-0000-7000-8000-000000000000:sideways&b=01900000-0000-7000-8000-000000000000:control',
      'published, control, intervention, placebo',
    ],
    [
      'a=01900000-0000-7000-8000-000000000000:control&b=01900000-0000-7000-8000-000000000000:control',
      'a and b are the same arm',
    ],
  ])('refuses the query "%s"', async (query, words) => {
    const { status, body } = await request(app).get(`/v1/compare/pair?${query}`);
    expect(status).toBe(400);
    expect((body as { detail: string }).detail).toContain(words);
  });
});
