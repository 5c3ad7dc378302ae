import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import { diskGauge } from '../../src/disk-usage.ts';
import { createJob } from '../../src/store/jobs.ts';
import { settle } from '../../src/store/leases.ts';
import { recordSteps } from '../../src/store/records.ts';
import { smallCatalog, takeJob, testApp } from '../support/api.ts';
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

  it('tells what the disk holds, leaves and may hold, where the server knows its home', async () => {
    const home = mkdtempSync(join(tmpdir(), 'tiresias-disk-'));
    const folder = join(home, 'jobs', 'a', 'attempt-1');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'x'), Buffer.alloc(1_234));
    mkdirSync(join(home, 'suite'));
    writeFileSync(join(home, 'suite', 'not of the quota'), 'x');
    const disk = diskGauge(home, 5_000);
    const { text } = await request(createApp({ database, catalog: smallCatalog, webFolder: home, disk })).get(
      '/metrics',
    );
    expect(text).toContain('\ntiresias_disk_used_bytes 1234\n');
    expect(text).toContain('\ntiresias_disk_quota_bytes 5000\n');
    expect(Number(/\ntiresias_disk_free_bytes (\d+)\n/.exec(text)?.[1])).toBeGreaterThan(0);
    rmSync(home, { recursive: true });
  });
});
