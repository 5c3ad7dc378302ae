import request from 'supertest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startServer } from '../../src/server.ts';
import type { RunningServer } from '../../src/server.ts';
import { createJob } from '../../src/store/jobs.ts';
import { beat, settle } from '../../src/store/leases.ts';
import { recordCheckpoint, recordEvaluation, recordSteps } from '../../src/store/records.ts';
import { smallCatalog, somePage, takeJob, testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec, someStep, until } from '../support/jobs.ts';

const database = await testDatabase();
let server: RunningServer;

beforeAll(async () => {
  server = await startServer(
    { host: '127.0.0.1', port: 0 },
    { database, catalog: smallCatalog, webFolder: somePage() },
  );
});
afterAll(() => server.close());
beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

interface Message {
  readonly id?: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

interface Viewer {
  readonly response: Response;
  readonly messages: Message[];
  /** The stream as it came, comments too. */
  readonly text: () => string;
  readonly ended: Promise<void>;
  leave(): void;
}

async function view(jobId: string, lastEventId?: string): Promise<Viewer> {
  const leaving = new AbortController();
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const response = await fetch(`${server.url}v1/jobs/${jobId}/events`, { headers, signal: leaving.signal });
  const messages: Message[] = [];
  let text = '';
  const read = async () => {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
      const chunk = decoder.decode(bytes, { stream: true });
      text += chunk;
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      messages.push(...blocks.filter((block) => block.includes('data: ')).map(parse));
    }
  };
  const ended = response.body ? read().catch(() => undefined) : Promise.resolve();
  return { response, messages, text: () => text, ended, leave: () => leaving.abort() };
}

function parse(block: string): Message {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  const id = field('id');
  const data = JSON.parse(field('data') ?? '') as Message['data'];
  return { ...(id !== undefined && { id }), event: field('event') ?? '', data };
}

const words = (messages: readonly Message[]) =>
  messages.map(({ event, data }) =>
    `${event} ${String(data['state'] ?? data['outcome'] ?? data['step'] ?? '')}`.trim(),
  );

describe('GET /v1/jobs/:id/events', () => {
  it('sends what was and what comes, as it happens, and ends with the final state', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const viewer = await view(id);
    expect(viewer.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(viewer.response.headers.get('cache-control')).toBe('no-cache, no-transform');
    await until(() => viewer.messages.length === 1);
    const fence = await takeJob(database);
    await recordSteps(database, fence, 'control', [someStep(1330)]);
    await until(() => viewer.messages.length === 4);
    await recordCheckpoint(database, fence, 'control', { step: 1331, path: 'p', manifestSha256: 'f', sizeBytes: 1 });
    const scores = { proRate: { value: 0.5, standardError: null, interval: null, numItems: 1 } };
    const evaluation = {
      benchmark: 'nano-winobias',
      protocol: 'likelihood',
      sha256: 'c',
      numItems: 1,
      scores,
      items: [],
    };
    await recordEvaluation(database, fence, 'control', 1331, evaluation);
    await settle(database, fence, 'failed', { reason: 'no-edits', message: 'nothing to see' });
    await viewer.ended;
    expect(words(viewer.messages)).toEqual([
      'state queued',
      'attempt',
      'state running',
      'step 1330',
      'checkpoint 1331',
      'evaluation 1331',
      'attempt failed',
      'state failed',
    ]);
    expect(viewer.messages.map(({ data }) => data)).toEqual([
      { state: 'queued', attempt: 0 },
      { number: 1, host: 'host' },
      { state: 'running', attempt: 1 },
      {
        ...{ arm: 'control', step: 1330, lossNats: 1.67, learningRate: 1e-4, gradientNorm: 0.5, tokensPerSecond: 1000 },
        ...{ numRows: 16, numEdits: 2, replayMs: 1.5, rewriteMs: 12, rssBytes: 300_000_000 },
      },
      { arm: 'control', step: 1331 },
      { arm: 'control', step: 1331, benchmark: 'nano-winobias', protocol: 'likelihood', settings: {}, scores },
      { number: 1, host: 'host', outcome: 'failed' },
      { state: 'failed', attempt: 1, reason: 'no-edits', message: 'nothing to see' },
    ]);
    const ids = viewer.messages.map((message) => Number(message.id));
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  });

  it('tells two viewers of one job the same, and nothing of another job', async () => {
    const [first, second] = [
      await createJob(database, { spec: someSpec() }),
      await createJob(database, { spec: someSpec() }),
    ];
    const viewers = [await view(first.id), await view(first.id), await view(second.id)];
    const fence = await takeJob(database);
    await settle(database, fence, 'succeeded');
    await Promise.all([viewers[0]?.ended, viewers[1]?.ended]);
    expect(viewers[0]?.messages).toEqual(viewers[1]?.messages);
    expect(words(viewers[2]?.messages ?? [])).toEqual(['state queued']);
    viewers[2]?.leave();
  });

  it('goes on after Last-Event-ID without loss or repetition, however often the viewer leaves', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const fence = await takeJob(database);
    const seen: Message[] = [];
    const work = (async () => {
      for (let step = 1330; step < 1370; step++) await recordSteps(database, fence, 'control', [someStep(step)]);
      await settle(database, fence, 'succeeded');
    })();
    let isOver = false;
    while (!isOver) {
      const viewer = await view(id, seen.at(-1)?.id);
      const wanted = 5;
      await Promise.race([until(() => viewer.messages.length >= wanted), viewer.ended]);
      viewer.leave();
      await viewer.ended;
      seen.push(...viewer.messages.filter((message) => message.id !== undefined));
      isOver = seen.some(({ event, data }) => event === 'state' && data['state'] === 'succeeded');
    }
    await work;
    const { rows } = await database.pool.query<{ id: string }>('SELECT id FROM event WHERE job_id = $1 ORDER BY id', [
      id,
    ]);
    expect(seen.map((message) => message.id)).toEqual(rows.map((row) => row.id));
    expect(seen.filter(({ event }) => event === 'step')).toHaveLength(40);
  });

  it('sends the progress of each heartbeat, which has no id because it is not kept', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const fence = await takeJob(database, []);
    const viewer = await view(id);
    await until(() => viewer.messages.length === 3);
    for (const secondsLeft of [60, 60, 50]) await beat(database, fence, 60_000, { arms: {}, secondsLeft });
    await until(() => viewer.messages.at(-1)?.data['secondsLeft'] === 50);
    const progress = viewer.messages.filter(({ event }) => event === 'progress');
    expect(progress.at(-1)).toEqual({ event: 'progress', data: { arms: {}, secondsLeft: 50 } });
    expect(progress.length).toBeLessThanOrEqual(2); // the second beat said nothing new
    viewer.leave();
    await viewer.ended;
  });

  it('tells a viewer who has seen the end not to come back', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    await settle(database, await takeJob(database, []), 'succeeded');
    const first = await view(id);
    await first.ended;
    const again = await view(id, first.messages.at(-1)?.id);
    expect(again.response.status).toBe(204);
  });

  it('refuses a Last-Event-ID that is no id', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const response = await request(testApp(database)).get(`/v1/jobs/${id}/events`).set('last-event-id', 'abc');
    expect(response.body).toMatchObject({ status: 400 });
  });

  it('keeps a listening connection only while somebody is watching', async () => {
    const count = async () => {
      const { rows } = await database.pool.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query = 'LISTEN "tiresias_event"'`,
      );
      return rows[0]?.n;
    };
    await until(async () => (await count()) === 0);
    const { id } = await createJob(database, { spec: someSpec() });
    const viewers = [await view(id), await view(id), await view(id)];
    await until(async () => (await count()) === 1);
    for (const viewer of viewers) viewer.leave();
    await until(async () => (await count()) === 0);
  });
});

describe('startServer', () => {
  it('refuses an address that another program has, in words', async () => {
    const parts = { database, catalog: smallCatalog, webFolder: somePage() };
    await expect(startServer({ host: '127.0.0.1', port: server.port }, parts)).rejects.toThrow(
      `the server cannot listen on 127.0.0.1:${server.port}: another program has it`,
    );
  });

  it('ends open streams when it closes', async () => {
    const parts = { database, catalog: smallCatalog, webFolder: somePage() };
    const other = await startServer({ host: '127.0.0.1', port: 0 }, parts);
    const { id } = await createJob(database, { spec: someSpec() });
    const response = await fetch(`${other.url}v1/jobs/${id}/events`);
    const reading = response.text().catch(() => 'cut');
    await other.close();
    expect(await reading).toMatch(/cut|state/);
    await expect(fetch(`${other.url}healthz`)).rejects.toThrow();
  });
});
