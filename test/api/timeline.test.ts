import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { createJob } from '../../src/store/jobs.ts';
import { settle } from '../../src/store/leases.ts';
import { recordCheckpoint, recordSteps } from '../../src/store/records.ts';
import { takeJob, testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec, someStep } from '../support/jobs.ts';

interface Timeline {
  readonly events: readonly { readonly id: number; readonly type: string; readonly data: Record<string, unknown> }[];
  readonly attempts: readonly { readonly number: number; readonly host: string; readonly outcome: string | null }[];
  readonly nextCursor: string | null;
}

const database = await testDatabase();
const app = testApp(database);

describe('GET /v1/jobs/:id/timeline', () => {
  it('answers what happened, newest first, without the steps unless they are asked for, and the attempts', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const fence = await takeJob(database);
    await recordSteps(database, fence, 'control', [someStep(1330), someStep(1331)]);
    const files = { path: '/home/step', manifestSha256: 'e'.repeat(64), sizeBytes: 60 };
    await recordCheckpoint(database, fence, 'control', { ...files, step: 1332 });
    await settle(database, fence, 'succeeded');
    const read = async (query: string) => (await request(app).get(`/v1/jobs/${id}/timeline${query}`)).body as Timeline;

    const all = await read('');
    expect(all.events.map(({ type, data }) => [type, data['state'] ?? data['step'] ?? null])).toEqual([
      ['state', 'succeeded'],
      ['attempt', null],
      ['checkpoint', 1332],
      ['state', 'running'],
      ['attempt', null],
      ['state', 'queued'],
    ]);
    expect(all.attempts).toMatchObject([{ number: 1, host: 'host', outcome: 'succeeded' }]);
    expect((await read('?type=step')).events.map(({ data }) => data['step'])).toEqual([1331, 1330]);

    const pages: number[][] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Timeline = await read(`?limit=4${cursor === '' ? '' : `&cursor=${cursor}`}`);
      pages.push(page.events.map((event) => event.id));
      cursor = page.nextCursor;
    }
    expect(pages.map((page) => page.length)).toEqual([4, 2]);
    expect(pages.flat()).toEqual(all.events.map((event) => event.id));
  });

  it('says what is no cursor', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    expect((await request(app).get(`/v1/jobs/${id}/timeline?cursor=x`)).status).toBe(400);
  });
});
