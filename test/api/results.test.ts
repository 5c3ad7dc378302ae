import request from 'supertest';
import { beforeAll, describe, expect, it } from 'vitest';
import { createJob } from '../../src/store/jobs.ts';
import { setManifest } from '../../src/store/leases.ts';
import { recordCheckpoint, recordSteps } from '../../src/store/records.ts';
import { takeJob, testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec, someStep } from '../support/jobs.ts';

const database = await testDatabase();
const app = testApp(database);
const manifest = { version: 1, dataset: { sha256: 'abc' } };
const checkpoint = { path: '/home/step', manifestSha256: 'e'.repeat(64), sizeBytes: 6_000_000_000 };
let id = '';
let empty = '';

beforeAll(async () => {
  id = (await createJob(database, { spec: someSpec() })).id;
  const fence = await takeJob(database);
  for (let step = 1330; step < 1340; step++) {
    await recordSteps(database, fence, 'control', [someStep(step, { numEdits: 0, editsByRule: {}, samples: [] })]);
    const [sample] = someStep(step).samples;
    const other = { ...sample!, rule: 'his>her', before: 'his', after: 'her' };
    await recordSteps(database, fence, 'intervention', [someStep(step, { samples: [sample!, other] })]);
  }
  for (const step of [1350, 1340]) await recordCheckpoint(database, fence, 'control', { ...checkpoint, step });
  await setManifest(database, fence, manifest);
  empty = (await createJob(database, { spec: someSpec() })).id;
});

async function get(path: string): Promise<request.Response> {
  return request(app).get(`/v1/jobs/${path}`);
}

describe('GET /v1/jobs/:id/metrics', () => {
  it('answers columns of equal length for every arm', async () => {
    const { status, body } = await get(`${id}/metrics`);
    expect(status).toBe(200);
    const steps = Array.from({ length: 10 }, (_, index) => 1330 + index);
    const columns = {
      step: steps,
      lossNats: steps.map((step) => 3 - step / 1000),
      learningRate: Array(10).fill(1e-4) as number[],
      gradientNorm: Array(10).fill(0.5) as number[],
      tokensPerSecond: Array(10).fill(1000) as number[],
      numRows: Array(10).fill(16) as number[],
      numRowsChanged: Array(10).fill(1) as number[],
      replayMs: Array(10).fill(1.5) as number[],
      rewriteMs: Array(10).fill(12) as number[],
      rssBytes: Array(10).fill(300_000_000) as number[],
      tensorBytes: Array(10).fill(40_000_000) as number[],
    };
    const { arms } = body as { arms: Record<string, { recordedAtMs: number[] }> };
    for (const { recordedAtMs } of Object.values(arms)) {
      expect(recordedAtMs.toSorted((a, b) => a - b)).toEqual(recordedAtMs);
      expect(Math.abs(recordedAtMs.at(-1)! - Date.now())).toBeLessThan(60_000);
      Object.assign(columns, { recordedAtMs: expect.any(Array) as unknown });
    }
    expect(body).toEqual({
      lossSpikes: {},
      arms: {
        control: { ...columns, numEdits: Array(10).fill(0) as number[] },
        intervention: { ...columns, numEdits: Array(10).fill(2) as number[] },
      },
    });
  });

  it('answers no arms for a job that has not begun', async () => {
    expect((await get(`${empty}/metrics`)).body).toEqual({ arms: {}, lossSpikes: {} });
  });
});

interface EditPage {
  readonly edits: readonly { step: number; position: number; rule: string }[];
  readonly totals: object;
  readonly nextCursor: string | null;
}

describe('GET /v1/jobs/:id/edits', () => {
  const totals = { numEdits: 20, numRowsChanged: 10, numRows: 160, byRule: { 'he>she': 10, 'his>her': 10 } };

  it('gives samples with their contexts and the sums over all steps', async () => {
    const { body } = await get(`${id}/edits?limit=1`);
    expect(body).toEqual({
      edits: [
        {
          step: 1330,
          position: 0,
          rule: 'he>she',
          row: 3,
          sample: 21283,
          before: 'he',
          after: 'she',
          contextBefore: 'then he sang',
          contextAfter: 'then she sang',
        },
      ],
      totals,
      nextCursor: '1330.0',
    });
  });

  it('pages through all samples without loss or repetition', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page = (await get(`${id}/edits?limit=7${query}`)).body as EditPage;
      seen.push(...page.edits.map((edit) => `${edit.step}.${edit.position}`));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => `${1330 + Math.floor(index / 2)}.${index % 2}`));
  });

  it('filters by step, rule and arm', async () => {
    const step = (await get(`${id}/edits?step=1335`)).body as EditPage;
    expect(step.edits.map((edit) => edit.rule)).toEqual(['he>she', 'his>her']);
    expect(step.totals).toEqual({ numEdits: 2, numRowsChanged: 1, numRows: 16, byRule: { 'he>she': 1, 'his>her': 1 } });
    const rule = (await get(`${id}/edits?rule=${encodeURIComponent('his>her')}&limit=500`)).body as EditPage;
    expect(rule.edits).toHaveLength(10);
    expect(rule.totals).toEqual(totals);
    const control = (await get(`${id}/edits?arm=control`)).body as EditPage;
    expect(control).toMatchObject({ edits: [], totals: { numEdits: 0, numRows: 160, byRule: {} } });
  });

  it.each(['arm=other', 'step=-1', 'step=99999999999', 'cursor=1330', 'limit=501', 'rules=x', 'rule=%00'])(
    'refuses the query %s',
    async (query) => {
      expect((await get(`${id}/edits?${query}`)).body).toMatchObject({ status: 400 });
    },
  );
});

describe('GET /v1/jobs/:id/checkpoints and /manifest', () => {
  it('lists checkpoints in order of steps, with sizes as numbers', async () => {
    const { body } = await get(`${id}/checkpoints`);
    expect(body).toMatchObject({
      checkpoints: [1340, 1350].map((step) => ({ arm: 'control', step, attempt: 1, ...checkpoint })),
    });
    expect((await get(`${empty}/checkpoints`)).body).toEqual({ checkpoints: [] });
  });

  it('gives the manifest as it was stored with what each run has proved, and says when there is none yet', async () => {
    const { arms, job, ...stored } = (await get(`${id}/manifest`)).body as Record<string, unknown>;
    expect(stored).toEqual(manifest);
    expect(job).toMatchObject({ id });
    const steps = Array.from({ length: 10 }, (_, index) => 1330 + index);
    const { path, manifestSha256 } = checkpoint;
    expect(arms).toMatchObject({
      control: {
        steps: {
          step: steps,
          sha256Before: steps.map((step) => someStep(step).sha256Before),
          sha256After: steps.map((step) => someStep(step).sha256After),
          lossNats: steps.map((step) => 3 - step / 1000),
        },
        checkpoints: [1340, 1350].map((step) => ({ step, attempt: 1, path, manifestSha256 })),
      },
      intervention: { steps: { numEdits: Array(10).fill(2) as number[] }, checkpoints: [] },
    });
    const none = await get(`${empty}/manifest`);
    expect(none.body).toMatchObject({ status: 404, detail: expect.stringContaining('no manifest yet') as string });
  });
});
