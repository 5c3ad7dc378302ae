// Workers whose clocks are days off: leases are counted by the database's clock, so nobody takes a job from a worker that is well, and everybody from one that is gone.
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { packagePath } from '../../src/package-root.ts';
import { listAttempts } from '../../src/store/jobs.ts';
import { until } from '../support/jobs.ts';
import { nanoSpec, startTestService, type TestService } from '../support/service.ts';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 120_000 }); // trainers start from sources, several times

const DAY_MS = 86_400_000;
const LEASE_MS = 6_000;
let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(async () => {
  await service.stop();
});

/** A worker whose time of day is off by so much. */
function startShifted(shiftMs: number) {
  const preload = `--import=${packagePath('test', 'support', 'shifted-clock.mjs')}`;
  return service.startWorker({
    ...{ NODE_OPTIONS: preload, SHIFT_MS: String(shiftMs), TIRESIAS_LEASE_MS: String(LEASE_MS) },
  });
}

it('a worker a day ahead keeps its job beside one a day behind, which takes it over only when the first is gone', async () => {
  const ahead = startShifted(DAY_MS);
  const evaluation = { benchmarks: [], atStart: false };
  const training = { rowsPerStep: 2, checkpointEvery: 5 };
  const id = await service.submit(nanoSpec({ window: { steps: 60 }, arms: ['intervention'], training, evaluation }));
  await service.until(id, ({ arms }) => (arms[0]?.step ?? 0) >= 1331);
  const behind = startShifted(-DAY_MS);
  await until(() => behind.log().includes('worker started'), 120_000);
  const sql =
    'SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 * 1000 AS left FROM job WHERE id = $1';
  const seen: number[] = [];
  await service.until(id, ({ arms }) => {
    void service.database.pool.query<{ left: number }>(sql, [id]).then(({ rows }) => seen.push(rows[0]!.left)); // the job is there
    return (arms[0]?.step ?? 0) >= 1345;
  });
  expect(seen.length).toBeGreaterThan(2);
  for (const left of seen) expect(Math.abs(left)).toBeLessThanOrEqual(LEASE_MS);
  expect((await listAttempts(service.database, id)).map(({ pid }) => pid)).toEqual([ahead.pid]);

  ahead.kill('SIGKILL');
  await ahead.ended;
  expect(await service.untilOver(id)).toMatchObject({ state: 'succeeded', attempt: 2 });
  const attempts = await listAttempts(service.database, id);
  expect(attempts.map(({ pid, outcome }) => [pid, outcome])).toEqual([
    [ahead.pid, 'lost'],
    [behind.pid, 'succeeded'],
  ]);
  for (const { startedAt } of attempts) expect(Math.abs(startedAt.getTime() - Date.now())).toBeLessThan(DAY_MS / 2);
});
