// Previews and estimates on the real catalog, against what a trainer makes of the same step and what the files say.
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { openBatches } from '../../jobs/batches.ts';
import { batchTask } from '../../jobs/intervention.ts';
import { prepare, rowsOfArm } from '../../jobs/preparation.ts';
import { createApp } from '../../src/api/app.ts';
import type { BatchPreview } from '../../src/api/preview-batch.ts';
import { openCatalog } from '../../src/catalog.ts';
import { jobSpecSchema } from '../../src/job-spec.ts';
import { setPlan, settle } from '../../src/store/leases.ts';
import { recordEvaluation, recordSteps } from '../../src/store/records.ts';
import { somePage, takeJob } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someStep } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

const database = await testDatabase();
const home = mkdtempSync(join(tmpdir(), 'tiresias-planning-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));
const app = createApp({ database, catalog: openCatalog(home), webFolder: somePage() });

beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

const job = {
  model: 'nano-1m',
  checkpoint: 'step1330',
  dataset: 'nano-stories',
  window: { steps: 4 },
  backend: 'wasm',
};
const post = (path: string, body: object) => request(app).post(`/v1/${path}`).send(body);

describe('POST /v1/preview', () => {
  it.each(['intervention', 'placebo'] as const)('tells what a trainer of %s records of the step', async (arm) => {
    const document = { ...job, intervention: { direction: 'swap', probability: 0.7 }, training: { rowsPerStep: 12 } };
    const { status, body } = await post('preview', { job: document, arm, step: 1332, rows: 3 });
    expect(status).toBe(200);
    const { rows, ...told } = body as BatchPreview;
    const spec = jobSpecSchema.parse(document);
    const batches = await openBatches(batchTask(rowsOfArm(await prepare(spec, null, home), spec, arm)));
    const { proof } = await batches.of(1332);
    batches.close();
    const { sha256Before, sha256After, numRowsChanged, numEdits, editsByRule, numTokensCut, numResegmented } = proof;
    const hashes = { sha256Before, sha256After };
    const counts = { numRowsChanged, numEdits, editsByRule, numTokensCut, numResegmented };
    expect(told).toEqual({ step: 1332, firstSample: 1332 * 16, numRows: 12, rowLength: 129, ...hashes, ...counts });
    expect(told.numEdits).toBeGreaterThan(0);
    expect(rows.length).toBe(Math.min(3, told.numRowsChanged));
    for (const row of rows) {
      expect(row.sample).toBe(told.firstSample + row.row);
      // Each edit's surroundings are of the text before; put after another, the edits make the one text the other.
      let text = row.before;
      let from = 0;
      for (const { before, after, contextBefore } of row.edits) {
        const tail = contextBefore.slice(-12);
        const at = text.indexOf(before, Math.max(from, text.indexOf(tail, Math.max(0, from - 12)) + tail.length));
        text = text.slice(0, at) + after + text.slice(at + before.length);
        from = at + after.length;
      }
      if (row.numTokensCut === 0) expect(text).toBe(row.after);
    }
  });

  it("takes the window's first step when none is given, and changes nothing at probability 0", async () => {
    const { body } = await post('preview', { job: { ...job, intervention: { probability: 0 } } });
    expect(body).toMatchObject({ step: 1330, numEdits: 0, numRowsChanged: 0, rows: [] });
    const { sha256Before, sha256After } = body as BatchPreview;
    expect(sha256After).toBe(sha256Before);
  });

  it('points at what cannot be', async () => {
    const cases: [object, string][] = [
      [{ job: { ...job, model: 'none' } }, '/job'],
      [{ job: { ...job, checkpoint: 'step1331' } }, '/job/checkpoint'],
      [{ job, step: 999_999 }, '/step'],
      [{ job, rows: 51 }, '/rows'],
      [{ job: { ...job, intervention: { probability: 2 } } }, '/job/intervention/probability'],
      [{}, '/job'],
    ];
    for (const [body, pointer] of cases) {
      const response = await post('preview', body);
      expect(response.status, JSON.stringify(response.body)).toBe(422);
      expect(response.body).toMatchObject({ errors: [{ pointer }] });
    }
  });
});

describe('POST /v1/estimate', () => {
  // Of nano-1m: two embeddings, four layers of twelve squares of the width with thirteen rows of biases and norms, the last norm.
  const numParameters = 2 * 1024 * 128 + 4 * (12 * 128 ** 2 + 13 * 128) + 2 * 128;

  it('tells steps, memory, disk and what the benchmarks can show, and no time where nothing has trained', async () => {
    const { status, body } = await post('estimate', { job });
    expect(status).toBe(200);
    const told = body as {
      disk: { checkpointBytes: number; numCheckpoints: number; bytes: number };
      evaluations: { benchmarks: { leastSignificant: number; detectable: { difference: number }[] }[] };
    };
    expect(told).toMatchObject({
      window: { from: 1330, to: 1334, numSteps: 4 },
      backend: { name: 'wasm', basis: 'asked for' },
      resume: 'exact-state',
      numTokens: 2 * 4 * 16 * 128,
      time: { trainingSeconds: null, basis: 'nothing has trained on wasm here yet' },
      disk: { checkpointBytes: 12 * numParameters, numCheckpoints: 2 * 4 },
      evaluations: {
        numPerArm: 5,
        benchmarks: [
          { benchmark: 'nano-winobias', metric: 'proRate', observed: null },
          { benchmark: 'nano-crows-pairs', metric: 'pctStereotype', numItems: 240, observed: null },
        ],
      },
    });
    expect(told.disk.bytes).toBe(told.disk.numCheckpoints * told.disk.checkpointBytes);
    const { benchmarks } = told.evaluations;
    // Six items all on one side: 2 · (1/2)⁶ = 0.031; five: 0.0625.
    expect(benchmarks[1]!.leastSignificant).toBeCloseTo(6 / 240, 12);
    // (t(0.975, 239) + t(0.8, 239)) · √(0.2/240), the quantiles from R: 1.969939, 0.843196.
    expect(benchmarks[1]!.detectable[1]).toMatchObject({ shareDiffering: 0.2 });
    expect(benchmarks[1]!.detectable[1]!.difference).toBeCloseTo(2.813 * Math.sqrt(0.2 / 240), 4);
  });

  it('expects the back end of the last job here, a graphics card among them', async () => {
    await request(app).post('/v1/jobs').send(job);
    const fence = await takeJob(database);
    await setPlan(database, fence, { backend: { name: 'cuda' } });
    await recordSteps(database, fence, 'control', [someStep(1330)]);
    const { body } = await post('estimate', { job: { ...job, backend: 'auto' } });
    expect(body).toMatchObject({ backend: { name: 'cuda', basis: 'as the last job here' } });
  });

  it('takes time and detectable effects from the newest job like it', async () => {
    const spec = jobSpecSchema.parse({ ...job, dataset: 'nano-stories' });
    await request(app).post('/v1/jobs').send(spec);
    const fence = await takeJob(database);
    await setPlan(database, fence, { backend: { name: 'wasm' } });
    const speeds = [900, 1000, 5000];
    const records = speeds.map((tokensPerSecond, i) => someStep(1330 + i, { tokensPerSecond }));
    for (const arm of ['control', 'intervention'] as const) {
      await recordSteps(database, fence, arm, records);
      const items = Array.from({ length: 40 }, (_, index) => ({
        ...{ index, biasType: 'gender', numTokens: [3, 3] },
        logLikelihood: arm === 'control' || index % 4 > 0 ? [-1, -2] : [-2, -1],
      }));
      const evaluation = { benchmark: 'nano-crows-pairs', protocol: 'likelihood', sha256: 'x', numItems: 40 };
      await recordEvaluation(database, fence, arm, 1334, { ...evaluation, scores: {}, items });
    }
    await settle(database, fence, 'succeeded');
    const { body } = await post('estimate', { job: { ...job, backend: 'auto' } });
    const atOnce = (body as { memory: { numTrainersAtOnce: number } }).memory.numTrainersAtOnce;
    expect(body).toMatchObject({
      backend: { name: 'wasm', basis: 'as the last job here' },
      time: { trainingSeconds: Math.ceil((2 * 4 * 16 * 128) / 1000 / atOnce) },
      evaluations: { benchmarks: [{ observed: null }, { observed: { step: 1334, model: 'nano-1m' } }] },
    });
    const { benchmarks } = (body as { evaluations: { benchmarks: { observed: { effects: Detectable[] } | null }[] } })
      .evaluations;
    const rate = benchmarks[1]!.observed!.effects.find(({ metric }) => metric === 'pctStereotype')!;
    // Ten of 40 items change: s = √(0.25·0.75·40/39)/√40.
    expect(rate.detectable).toBeCloseTo((2.0227 + 0.8509) * Math.sqrt((0.25 * 0.75 * 40) / 39 / 40), 3);
  });

  it('points at faults of the job', async () => {
    const { status, body } = await post('estimate', { job: { ...job, model: 'none', dataset: 'gone' } });
    expect(status).toBe(422);
    expect(body).toMatchObject({ errors: [{ pointer: '/job/model' }, { pointer: '/job/dataset' }] });
  });
});

interface Detectable {
  readonly metric: string;
  readonly detectable: number;
}
