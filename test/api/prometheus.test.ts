import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { createJob } from '../../src/store/jobs.ts';
import { settle } from '../../src/store/leases.ts';
import { recordSteps } from '../../src/store/records.ts';
import { takeJob, testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec, someStep } from '../support/jobs.ts';

const database = await testDatabase();
const app = testApp(database);

/** Samples by name with labels; throws where a line is none of the format. */
async function scrape(): Promise<Map<string, number>> {
  const { status, headers, text } = await request(app).get('/metrics');
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const samples = new Map<string, number>();
  const told = new Set<string>();
  for (const line of text.trimEnd().split('\n')) {
    const [, typed] = /^# TYPE ([a-z_]+) (?:counter|gauge)$/.exec(line) ?? [];
    if (typed !== undefined) told.add(typed);
    if (line.startsWith('#')) continue;
    const [, name, labels, value] = /^([a-z_]+)(\{[a-z]+="[a-z]+"\})? (\d[\d.e+-]*)$/.exec(line)!;
    expect(told).toContain(name);
    samples.set(`${name}${labels ?? ''}`, Number(value));
  }
  return samples;
}

describe('GET /metrics', () => {
  it('counts jobs, attempts, steps and pace', async () => {
    const before = await scrape();
    expect(before.get('tiresias_jobs{state="queued"}')).toBe(0);
    expect(before.get('tiresias_database_bytes')).toBeGreaterThan(1e6);
    expect(before.get('tiresias_server_resident_bytes')).toBeGreaterThan(1e7);

    await createJob(database, { spec: someSpec() });
    const fence = await takeJob(database);
    await createJob(database, { spec: someSpec() });
    for (let step = 1330; step < 1340; step++) await recordSteps(database, fence, 'control', [someStep(step)]);
    const during = await scrape();
    expect(during.get('tiresias_jobs{state="queued"}')).toBe(1);
    expect(during.get('tiresias_jobs{state="running"}')).toBe(1);
    expect(during.get('tiresias_queue_oldest_seconds')).toBeGreaterThan(0);
    expect(during.get('tiresias_steps_total')).toBe(10);
    expect(during.get('tiresias_tokens_per_second')).toBe(1000);
    expect(during.get('tiresias_edits_per_second')).toBeGreaterThan(0);

    await settle(database, fence, 'succeeded');
    const after = await scrape();
    expect(after.get('tiresias_attempts_total{outcome="succeeded"}')).toBe(1);
    expect(after.get('tiresias_tokens_per_second')).toBe(0);
  });
});
