import request from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Comparison } from '../../src/api/compare.ts';
import { evaluationOf } from '../../src/eval/evaluation.ts';
import type { Item } from '../../src/eval/metrics.ts';
import type { Arm, JobSpecInput } from '../../src/job-spec.ts';
import { createJob } from '../../src/store/jobs.ts';
import { setManifest, type Fence } from '../../src/store/leases.ts';
import { recordEvaluation, recordSteps } from '../../src/store/records.ts';
import { takeJob, testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec, someStep } from '../support/jobs.ts';

const database = await testDatabase();
const app = testApp(database);
const SHA = 'c'.repeat(64);

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

// Sentence pairs whose log-likelihoods differ by the given numbers; positive prefers the stereotype.
function pairs(differences: readonly number[]): Item[] {
  return differences.map((difference, index) => ({
    index,
    biasType: 'gender',
    logLikelihood: [-20 + difference, -20],
    numTokens: [7, 7],
  }));
}

// Items of the WinoBias kind: `preferences` says by how much "she" is preferred; the stereotypes alternate.
function occupations(preferences: readonly number[]): Item[] {
  return preferences.map((preference, index) => {
    const stereotype = index % 2 ? 'feminine' : 'masculine';
    const difference = stereotype === 'feminine' ? preference : -preference;
    const [item] = pairs([difference]);
    return { ...item!, index, type: 1, occupation: 'nurse', stereotype };
  });
}

async function startJob(changes: Partial<JobSpecInput> = {}): Promise<Fence> {
  await createJob(database, { spec: someSpec(changes) });
  return takeJob(database, ['published', 'control', 'intervention', 'placebo']);
}

async function record(fence: Fence, arm: Arm, step: number, items: Item[], sha256 = SHA): Promise<void> {
  const benchmark = items[0]?.['occupation'] === undefined ? 'nano-crows-pairs' : 'nano-winobias';
  await recordEvaluation(database, fence, arm, step, evaluationOf(benchmark, sha256, items));
}

interface Answer {
  readonly scores: readonly Row[];
  readonly effects: readonly Row[];
  readonly noiseFloor: readonly Row[];
  readonly fidelity: readonly Row[];
  readonly labels: readonly { arm: string; label: string; detail: string }[];
  readonly published: readonly Row[];
}
interface Row {
  readonly step: number;
  readonly metric: string;
  readonly value: number;
  readonly [field: string]: unknown;
}

async function scoresOf(fence: Fence): Promise<Answer> {
  const response = await request(app).get(`/v1/jobs/${fence.jobId}/scores`);
  expect(response.status).toBe(200);
  return response.body as Answer;
}

describe('GET /v1/jobs/:id/scores', () => {
  it('compares the arms item by item at every step that both have', async () => {
    const fence = await startJob();
    await record(fence, 'control', 1330, pairs([1, 1, -1, -1]));
    await record(fence, 'control', 1430, pairs([1, 1, -1, -1]));
    await record(fence, 'intervention', 1430, pairs([-2, 3, -4, -5])); // |differences| grow by 1, 2, 3, 4
    const { scores, effects, fidelity } = await scoresOf(fence);
    expect(scores).toContainEqual({
      arm: 'control',
      step: 1330,
      benchmark: 'nano-crows-pairs',
      protocol: 'likelihood',
      settings: {},
      metric: 'pctStereotype',
      value: 0.5,
      standardError: expect.closeTo(0.288675, 6) as number, // sqrt(1/3)/2
      interval: [expect.closeTo(0.15004, 5), expect.closeTo(0.84996, 5)], // 2 of 4
      intervalMethod: 'Wilson',
      numItems: 4,
      numClusters: 4,
      resampling: null,
    });
    expect(new Set(effects.map((effect) => effect.step))).toEqual(new Set([1430]));
    const place = { benchmark: 'nano-crows-pairs', protocol: 'likelihood', step: 1430, numItems: 4 };
    // One item of four changed sides: an exact McNemar test of 1 against 0 has p = 1.
    expect(effects.find((effect) => effect.metric === 'pctStereotype')).toMatchObject({
      ...place,
      value: -0.25,
      pValue: 1,
      test: 'exact McNemar',
    });
    // By hand: standard deviation sqrt(5/3). Of all 256 resamples 5 have a sum below 6 and 15 one below 7, so the ends are 6 / 4 and
    // 14 / 4; of all 16 patterns of signs two reach a sum of 10 or −10.
    expect(effects.find((effect) => effect.metric === 'likelihoodDiff')).toMatchObject({
      ...place,
      value: 2.5,
      standardError: expect.closeTo(0.645497, 6) as number,
      interval: [1.5, 3.5],
      pValue: expect.closeTo(0.125, 2) as number,
      pScope: 'for these two trained models',
      test: 'sign flips by cluster',
    });
    expect(fidelity).toEqual([]);
  });

  it('gives the rates, means and effects that SQL computes from the stored items', async () => {
    const fence = await startJob();
    const differences = (shift: number) => Array.from({ length: 40 }, (_, i) => Math.sin(7 * i) + shift);
    await record(fence, 'control', 1430, pairs(differences(0.2)));
    await record(fence, 'intervention', 1430, pairs(differences(-0.4)));
    const { rows } = await database.pool.query<{ arm: string; n: number; rate: number; distance: number }>(`
      SELECT run.arm, count(*)::int AS n, avg((more > less)::int)::float8 AS rate, avg(abs(more - less)) AS distance
      FROM evaluation JOIN run ON run.id = evaluation.run_id, jsonb_array_elements(items) AS item,
        LATERAL (SELECT (item->'logLikelihood'->>0)::float8 AS more, (item->'logLikelihood'->>1)::float8 AS less) AS pair
      GROUP BY run.arm`);
    const { scores, effects } = await scoresOf(fence);
    expect(rows.map(({ arm }) => arm).sort()).toEqual(['control', 'intervention']);
    const [control, intervention] = ['control', 'intervention'].map((arm) => rows.find((row) => row.arm === arm)!); // both there
    for (const [metric, column] of [
      ['pctStereotype', 'rate'],
      ['likelihoodDiff', 'distance'],
    ] as const) {
      for (const { arm, n, [column]: value } of rows) {
        const score = scores.find((row) => row['arm'] === arm && row.metric === metric);
        expect(score).toMatchObject({ numItems: n, value: expect.closeTo(value, 12) as number });
      }
      const effect = effects.find((row) => row.metric === metric);
      expect(effect?.value).toBeCloseTo(intervention![column] - control![column], 12);
    }
  });

  it('adjusts p for all whole scores of a step together, and for their parts together', async () => {
    const fence = await startJob();
    for (const [arm, shift] of [
      ['control', 0],
      ['intervention', 1],
    ] as const) {
      await record(fence, arm, 1430, pairs(Array.from({ length: 12 }, (_, i) => i - 5.5 + shift)));
      await record(fence, arm, 1430, occupations(Array.from({ length: 12 }, (_, i) => Math.sin(i) - 4 * shift)));
    }
    const { effects } = await scoresOf(fence);
    for (const isPart of [false, true]) {
      const rows = effects.filter(({ metric }) => metric.includes('.') === isPart);
      const tested = rows
        .filter(({ pValue }) => pValue !== null)
        .sort((a, b) => Number(a['pValue']) - Number(b['pValue']));
      const words = `${isPart ? 'parts of scores' : 'whole scores'} of all benchmarks at step 1430, intervention − control`;
      for (const row of rows) expect(row['family']).toBe(`${tested.length} tests: ${words}`);
      expect(new Set(tested.map(({ benchmark }) => benchmark)).size).toBe(2);
      tested.reduce((least, row, i) => {
        const expected = Math.max(least, Math.min(1, Number(row['pValue']) * (tested.length - i)));
        expect(row['pAdjusted']).toBeCloseTo(expected, 12);
        return expected;
      }, 0);
    }
  });

  it('answers the same when asked again, and effects that came since', async () => {
    const fence = await startJob();
    await record(fence, 'control', 1430, pairs([1, -1]));
    expect((await scoresOf(fence)).effects).toEqual([]);
    await record(fence, 'intervention', 1430, pairs([-1, -1]));
    const first = await scoresOf(fence);
    expect(first.effects.find((effect) => effect.metric === 'pctStereotype')?.value).toBe(-0.5);
    expect(await scoresOf(fence)).toEqual(first);
  });

  it('labels an arm whose loss had a spike or where a step was left out, and /metrics names the spike', async () => {
    const fence = await startJob();
    const left = { lossNats: null, gradientNorm: null, learningRate: 0, skipped: 'step 1352: loss NaN' };
    const changes = new Map<number, object>([
      [22, left],
      [25, { lossNats: 9 }],
    ]);
    const steps = Array.from({ length: 30 }, (_, i) => someStep(1330 + i, changes.get(i)));
    await recordSteps(database, fence, 'intervention', steps);
    for (const arm of ['control', 'intervention'] as const) await record(fence, arm, 1430, pairs([1, 1, -1, -1]));
    const { labels } = await scoresOf(fence);
    const spikes = labels.filter(({ label }) => label === 'loss spike');
    expect(spikes.map(({ arm }) => arm)).toEqual(['intervention']);
    expect(spikes[0]?.detail).toMatch(/^step 1355: 9\.000 nats, where 1\.659 was usual$/);
    expect(labels).toContainEqual(
      expect.objectContaining({ arm: 'intervention', label: 'steps left out', detail: 'step 1352: loss NaN' }),
    );
    const metrics = await request(app).get(`/v1/jobs/${fence.jobId}/metrics`);
    expect(metrics.body).toMatchObject({ lossSpikes: { intervention: [{ step: 1355, lossNats: 9 }] } });
  });

  it('compares placebo with control as the noise floor, by the same arithmetic as the effect', async () => {
    const fence = await startJob();
    await record(fence, 'control', 1430, pairs([1, 1, -1, -1]));
    for (const arm of ['intervention', 'placebo'] as const) await record(fence, arm, 1430, pairs([-2, 3, -4, -5]));
    const { effects, noiseFloor } = await scoresOf(fence);
    expect(noiseFloor.length).toBeGreaterThan(0);
    const withoutFamily = (rows: readonly Row[]) => rows.map((row) => ({ ...row, family: null }));
    expect(withoutFamily(noiseFloor)).toEqual(withoutFamily(effects));
    expect(noiseFloor[0]?.['family']).toBe('2 tests: whole scores of all benchmarks at step 1430, placebo − control');
  });

  it('compares control with published as fidelity', async () => {
    const fence = await startJob();
    await record(fence, 'published', 1430, pairs([1, 1]));
    await record(fence, 'control', 1430, pairs([1, -1]));
    const { effects, fidelity } = await scoresOf(fence);
    expect(effects).toEqual([]);
    expect(fidelity.find((row) => row.metric === 'pctStereotype')).toMatchObject({ step: 1430, value: -0.5 });
  });

  it('compares nothing when the benchmark was not the same, and says so', async () => {
    const fence = await startJob();
    await record(fence, 'control', 1430, pairs([1, 1]));
    await record(fence, 'intervention', 1430, pairs([1, -1]), 'd'.repeat(64));
    const { effects, labels } = await scoresOf(fence);
    expect(effects).toEqual([]);
    expect(labels).toMatchObject([{ arm: 'intervention', label: 'not comparable' }]);
  });

  it('labels a rate of one half whose halves lie near 0 and 1 as shifted, at the last step only', async () => {
    const fence = await startJob();
    await record(fence, 'intervention', 1330, occupations([-1, 1, -1, 1, -1, 1, -1, 1])); // as the stereotypes are
    await record(fence, 'intervention', 1430, occupations([1, 1, 1, 1, 1, 1, 1, 1])); // always "she"
    await recordSteps(database, fence, 'intervention', [someStep(1330)]);
    const { labels } = await scoresOf(fence);
    expect(labels).toMatchObject([
      { arm: 'intervention', benchmark: 'nano-winobias', protocol: 'likelihood', label: 'shifted, not debiased' },
    ]);
  });

  it('labels an intervention that changed no pronoun, and reduced batches', async () => {
    const fence = await startJob({ training: { rowsPerStep: 4 } });
    for (const arm of ['published', 'control', 'intervention'] as const) await record(fence, arm, 1430, pairs([1, -1]));
    const step = someStep(1330, { numEdits: 0, numRowsChanged: 0, editsByRule: {}, samples: [] });
    await recordSteps(database, fence, 'intervention', [step]);
    const { labels } = await scoresOf(fence);
    expect(labels.map(({ arm, label }) => [arm, label])).toEqual([
      ['control', 'reduced batch'],
      ['intervention', 'no pronoun was changed'],
      ['intervention', 'reduced batch'],
    ]);
    expect(labels[0]?.detail).toBe('each step trained on the first 4 rows of its batch');
  });

  it('puts what was published of a model of the suite beside its scores, with warnings, and nothing beside others', async () => {
    const score = async (model: string) => {
      await createJob(database, { spec: someSpec({ model, checkpoint: 'step133000' }) });
      const fence = await takeJob(database, ['published', 'control', 'intervention']);
      for (const arm of ['published', 'control'] as const) {
        for (const step of [142_000, 142_001]) {
          const evaluation = evaluationOf('crows-pairs', SHA, pairs([1, -1]));
          await recordEvaluation(database, fence, arm, step, evaluation);
        }
      }
      return (await scoresOf(fence)).published;
    };
    expect(await score('pythia-nano')).toEqual([]);
    const published = await score('pythia-70m-deduped');
    const place = { benchmark: 'crows-pairs', protocol: 'likelihood', step: 142_000, model: 'pythia-70m-deduped' };
    // Once for both arms; of gender and of all pairs, as scored here.
    expect(published.map(({ condition, metric }) => `${String(condition)} ${metric}`).sort()).toEqual(
      ['baseline', 'intervene-7'].flatMap((condition) =>
        ['likelihoodDiff', 'likelihoodDiff.gender', 'pctStereotype', 'pctStereotype.gender'].map(
          (metric) => `${condition} ${metric}`,
        ),
      ),
    );
    for (const row of published) expect(row).toMatchObject({ ...place, publishedBenchmark: 'crows-pairs-revised' });
    expect(
      published.find(({ metric, condition }) => metric === 'pctStereotype.gender' && condition === 'baseline'),
    ).toMatchObject({
      ...{ value: 0.55, numItems: 320, revision: 'step142000' },
      warnings: [{ label: 'another set' }, { label: 'half precision' }],
    });
  });

  it('answers empty lists for a job that was never scored', async () => {
    const fence = await startJob();
    expect(await scoresOf(fence)).toEqual({
      scores: [],
      effects: [],
      noiseFloor: [],
      fidelity: [],
      labels: [],
      published: [],
    });
  });
});

describe('GET /v1/jobs/:id/items', () => {
  const query = 'step=1430&benchmark=nano-crows-pairs&protocol=likelihood';

  it('gives the items of one evaluation as they were stored', async () => {
    const fence = await startJob();
    await record(fence, 'control', 1430, pairs([1, -1]));
    const { body } = await request(app).get(`/v1/jobs/${fence.jobId}/items?arm=control&${query}`);
    expect(body).toEqual({ items: pairs([1, -1]) });
    const other = await request(app).get(`/v1/jobs/${fence.jobId}/items?arm=intervention&${query}`);
    expect(other.body).toMatchObject({
      status: 404,
      detail: expect.stringContaining('intervention at step 1430') as string,
    });
  });

  it.each([
    '',
    query,
    `arm=control&${query}&x=1`,
    `arm=sideways&${query}`,
    `arm=control&${query.replace('1430', '1e3')}`,
  ])('refuses the query "%s"', async (faulty) => {
    const fence = await startJob();
    const { status } = await request(app).get(`/v1/jobs/${fence.jobId}/items?${faulty}`);
    expect(status).toBe(400);
  });
});

describe('GET /v1/compare', () => {
  async function scored(model: string, step: number, won: readonly number[]): Promise<string> {
    await createJob(database, { spec: someSpec({ name: model, model, checkpoint: 'step133000' }) });
    const fence = await takeJob(database, ['control', 'intervention']);
    await setManifest(database, fence, { model: { family: model, seed: 1234 } });
    for (const arm of ['control', 'intervention'] as const) {
      const items = pairs(arm === 'control' ? [1, 1, 1, -1] : won);
      await recordEvaluation(database, fence, arm, step, evaluationOf('crows-pairs', SHA, items));
      await recordEvaluation(database, fence, arm, step - 1, evaluationOf('crows-pairs', SHA, pairs([1, 1, 1, 1])));
    }
    return fence.jobId;
  }

  it('puts the last scores of jobs side by side, each with its effect and what was published, with warnings', async () => {
    const one = await scored('pythia-70m-deduped', 142_000, [1, 1, -1, -1]);
    const other = await scored('some-model', 142_001, [-1, -1, -1, -1]);
    const { status, body } = await request(app).get(`/v1/compare?jobs=${one},${other}`);
    expect(status).toBe(200);
    const { jobs, metrics, replicates } = body as Comparison;
    expect(jobs.map(({ id, name }) => [id, name])).toEqual([
      [one, 'pythia-70m-deduped'],
      [other, 'some-model'],
    ]);
    const rate = metrics.find(({ metric }) => metric === 'pctStereotype.gender');
    expect(rate).toMatchObject({ benchmark: 'crows-pairs', protocol: 'likelihood', settings: {} });
    expect(rate?.jobs).toMatchObject([
      {
        ...{ id: one, step: 142_000, effect: { value: -0.25, pScope: 'for these two trained models' } },
        scores: { control: { value: 0.75, numItems: 4 }, intervention: { value: 0.5 } },
        published: [
          { condition: 'baseline', value: 0.55, warnings: [{ label: 'another set' }, { label: 'half precision' }] },
          { condition: 'intervene-7', warnings: [{ label: 'another set' }, { label: 'half precision' }] },
        ],
      },
      { id: other, step: 142_001, effect: { value: -0.75 }, published: [] },
    ]);
    expect(replicates.map(({ family }) => family)).toEqual(['pythia-70m-deduped', 'some-model']);
  });

  it('gives the effects of the last steps as the scores of the job do, with the families of their tests', async () => {
    const fence = await startJob();
    for (const step of [1330, 1400, 1430]) {
      for (const [arm, shift] of [
        ['control', 0],
        ['intervention', 1],
      ] as const) {
        const differences = Array.from({ length: 12 }, (_, i) => i - 5.5 + shift);
        await record(fence, arm, step, pairs(differences));
        if (step < 1430) await record(fence, arm, step, occupations(differences)); // its last step is an earlier one
      }
    }
    const { effects } = await scoresOf(fence);
    const { body } = await request(app).get(`/v1/compare?jobs=${fence.jobId}`);
    const compared = (body as Comparison).metrics.flatMap(({ jobs }) => jobs.map(({ effect }) => effect));
    expect(new Set(compared.map((effect) => effect?.step))).toEqual(new Set([1400, 1430]));
    for (const effect of compared) expect(effects).toContainEqual(effect);
  });

  it.each(['', 'jobs=', 'jobs=1,2', 'jobs=01900000-0000-7000-8000-000000000000,01900000-0000-7000-8000-000000000000'])(
    'refuses the query "%s"',
    async (query) => {
      expect((await request(app).get(`/v1/compare?${query}`)).status).toBe(400);
    },
  );

  it('answers 404 for a job that is not there', async () => {
    const { status } = await request(app).get('/v1/compare?jobs=01900000-0000-7000-8000-000000000000');
    expect(status).toBe(404);
  });
});
