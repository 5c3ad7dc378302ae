// A short run of made-up requests against the whole application; the long one is `npm run acceptance -- fuzz`.
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCatalog } from '../../src/catalog.ts';
import { startServer, type RunningServer } from '../../src/server.ts';
import { settle } from '../../src/store/leases.ts';
import { createJob } from '../../src/store/jobs.ts';
import { recordCheckpoint, recordEvaluation, recordSteps } from '../../src/store/records.ts';
import { insertSweep } from '../../src/store/sweeps.ts';
import { createToken } from '../../src/store/tokens.ts';
import { smallCatalog, somePage, takeJob } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someRequest } from '../support/fuzz.ts';
import { check } from '../support/fuzz-answers.ts';
import { someSpec, someStep } from '../support/jobs.ts';

const database = await testDatabase();
const agent = new Agent({ keepAlive: true });
const home = mkdtempSync(join(tmpdir(), 'tiresias-fuzz-'));
let server: RunningServer;
let known: string[];
let token: string;
const unhandled: unknown[] = [];
const note = (error: unknown) => unhandled.push(error);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  ({ token } = await createToken(database, { name: 'fuzz', scope: 'admin' }));
  const limits = { perToken: 1e9, refused: 1e9 };
  // Previews and estimates read much at their first time; the long run has them.
  const { preview, estimate } = smallCatalog;
  const catalog = { ...openCatalog(home, undefined, [home]), preview, estimate };
  const parts = { database, catalog, webFolder: somePage(), access: 'tokens', limits } as const;
  server = await startServer({ host: '127.0.0.1', port: 0 }, parts);
  const { id } = await createJob(database, { spec: someSpec() });
  const fence = await takeJob(database);
  for (const arm of ['control', 'intervention'] as const) {
    await recordSteps(database, fence, arm, [someStep(1330), someStep(1331)]);
    await recordCheckpoint(database, fence, arm, {
      step: 1332,
      path: '/x',
      manifestSha256: 'a'.repeat(64),
      sizeBytes: 1,
    });
    const items = [0, 1, 2].map((index) => ({
      index,
      biasType: 'gender',
      numTokens: [3, 3],
      logLikelihood: [-1 - index, -2],
    }));
    const evaluation = {
      benchmark: 'nano-crows-pairs',
      protocol: 'likelihood',
      sha256: 'x',
      numItems: 3,
      scores: {},
      items,
    };
    await recordEvaluation(database, fence, arm, 1332, evaluation);
  }
  await settle(database, fence, 'succeeded');
  const base = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' };
  const sweep = { name: 'some', spec: { base, grid: { 'window.steps': [1] } }, axes: ['window.steps'] };
  const points = [{ spec: someSpec({ ...base, window: { steps: 1 } }), name: 'one', point: { 'window.steps': 1 } }];
  const sweepId = await database.transaction((transaction) => insertSweep(transaction, { ...sweep, points }));
  known = [id, sweepId, 'nano-1m', 'step1330', 'nano-stories', 'nano-crows-pairs', 'likelihood', 'x', home];
});
afterAll(async () => {
  process.off('unhandledRejection', note);
  agent.destroy();
  await server.close();
  rmSync(home, { recursive: true });
});

describe('made-up requests', () => {
  it('are answered as the document says, and never with a failure of the server', async () => {
    const statuses = new Map<number, number>();
    const property = fc.asyncProperty(someRequest({ url: server.url, token, known }), async (asked) => {
      const status = await check(server.url, asked, agent);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    });
    await fc.assert(property, { numRuns: 500, seed: 20_261_126, endOnFailure: true });
    expect(unhandled).toEqual([]);
    // Some get through, some are refused in each way: the requests are neither all right nor all wrong.
    for (const status of [200, 201, 400, 401, 404, 422]) expect(statuses.get(status), `${status}`).toBeGreaterThan(0);
  });
});
