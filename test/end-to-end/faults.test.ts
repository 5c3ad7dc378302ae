// kill -9 of trainers, of the worker and of PostgreSQL in the middle of a job, and SIGTERM: the job ends succeeded, with every step
// once and the bits of a job that nothing happened to.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { listAttempts } from '../../src/store/jobs.ts';
import { until } from '../support/jobs.ts';
import { isAlive, nanoSpec, startTestService, type TestService, type TestWorker } from '../support/service.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 }); // trainers start from sources, several times

const ARMS = ['control', 'intervention'] as const;
const STEPS = [1330, 1331, 1332, 1333, 1334, 1335, 1336, 1337];
const END = 1338;
const STARTING_MS = 60_000;

/** Eight steps of two rows; scores at the end only. */
function spec(checkpointEvery: number): JobSpecInput {
  return nanoSpec({
    window: { to: END },
    arms: [...ARMS],
    training: { rowsPerStep: 2, checkpointEvery, shareArms: false }, // each job trains what it is compared by
    evaluation: { benchmarks: ['nano-crows-pairs'], every: 1_000, atStart: false },
  });
}

let service: TestService;
let worker: TestWorker;
let undisturbed: Record<string, unknown[]>;
beforeAll(async () => {
  service = await startTestService({ isDurable: true });
  worker = service.startWorker();
  const id = await service.submit(spec(2));
  await service.untilOver(id);
  undisturbed = await recorded(id);
});
afterAll(async () => {
  await service.stop();
});

describe('a job in whose middle its trainers, its worker and PostgreSQL are killed with -9', () => {
  it('succeeds with the bits of an undisturbed one, every step recorded once', async () => {
    expect(undisturbed['steps']?.map((row) => (row as { step: number }).step)).toEqual([...STEPS, ...STEPS]);
    expect(undisturbed['evaluations']).toHaveLength(2 * 2); // the benchmark and the held-back text
    expect(undisturbed['checkpoints']).toHaveLength(2);

    const id = await service.submit(spec(2));
    await reach(id, 1331);
    const killed = worker.trainers();
    expect(killed).toHaveLength(2);
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    await until(() => worker.trainers().filter((pid) => !killed.includes(pid)).length === 2, STARTING_MS);

    await reach(id, 1333);
    const orphans = worker.trainers();
    worker.kill('SIGKILL');
    expect(await worker.ended).toBe('SIGKILL');
    worker = service.startWorker({ TIRESIAS_LEASE_MS: '15000' }); // the database comes back well within it
    await until(() => orphans.every((pid) => !isAlive(pid)), STARTING_MS); // trainers end with their worker
    await service.until(id, ({ attempt }) => attempt === 2);

    await reach(id, 1335);
    const { pid } = { pid: service.postgres!.pid() }; // a durable service has its own
    process.kill(pid, 'SIGKILL');
    await until(() => service.postgres!.pid() !== pid, STARTING_MS);

    expect(await service.untilOver(id)).toMatchObject({ state: 'succeeded', reason: null, attempt: 2 });
    expect(await recorded(id)).toEqual(undisturbed);
    const attempts = await listAttempts(service.database, id);
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['lost', 'succeeded']);
    expect(worker.trainers()).toEqual([]);
  });
});

describe('a worker that is asked to stop by SIGTERM', () => {
  it('saves, gives the job back at no cost, and another one goes on from there', async () => {
    const id = await service.submit(spec(1_000)); // no checkpoint of its own before the end
    await service.until(id, ({ arms }) => arms.length === 2 && arms.every(({ step }) => step > 1331));
    worker.kill('SIGTERM');
    expect(await worker.ended).toBe(0);

    const job = await service.database.prisma.job.findUniqueOrThrow({ where: { id } });
    expect(job).toMatchObject({ state: 'queued', numPreempted: 1, numFailed: 0, numLost: 0, owner: null });
    const saved = await readRows<{ arm: string; step: number }>(id, 'checkpoint', 'step');
    expect(saved.map(({ arm }) => arm)).toEqual([...ARMS]);
    for (const { step } of saved) expect(step).toBeGreaterThan(1331);
    expect(Math.min(...saved.map(({ step }) => step))).toBeLessThan(END);

    const other = service.startWorker();
    worker = other;
    expect(await service.untilOver(id)).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect(await recorded(id)).toEqual(undisturbed);
    const attempts = await listAttempts(service.database, id);
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['preempted', 'succeeded']);
    expect(attempts.at(-1)?.pid).toBe(other.pid);
    const steps = await readRows<{ arm: string; step: number; attempt: number }>(id, 'step', 'step, attempt');
    for (const { arm, step, attempt } of steps) {
      const from = saved.find((checkpoint) => checkpoint.arm === arm)?.step ?? 0;
      expect({ arm, step, attempt }).toEqual({ arm, step, attempt: step < from ? 1 : 2 });
    }
  });
});

/** Waits until one arm has this many updates recorded; the job must not be over then, nor its arms. */
async function reach(id: string, step: number): Promise<void> {
  const { arms } = await service.until(id, (job) => job.arms.some((arm) => arm.step >= step));
  for (const arm of arms) expect(arm.state).toBe('running');
}

/** All that a job's numbers are: no times, no attempts, no paths. A checkpoint's manifest holds the hashes of weights and moments. */
async function recorded(id: string): Promise<Record<string, unknown[]>> {
  const measures = 'step, loss_nats, learning_rate, gradient_norm, num_rows, num_rows_changed, num_edits';
  const proofs = 'edits_by_rule, num_tokens_cut, num_resegmented, sha256_before, sha256_after';
  const checkpoints = await readRows<{ step: number }>(id, 'checkpoint', 'step, manifest_sha256, size_bytes');
  return {
    steps: await readRows(id, 'step', `${measures}, ${proofs}`),
    samples: await readRows(id, 'edit_sample', 'step, position, rule, row, sample, before, after', 'step, position'),
    evaluations: await readRows(id, 'evaluation', 'step, benchmark, sha256, scores, items', 'step, benchmark'),
    checkpoints: checkpoints.filter(({ step }) => step === END),
  };
}

async function readRows<T>(id: string, table: string, columns: string, order = 'step'): Promise<T[]> {
  const sql = `SELECT arm, found.* FROM run, LATERAL (SELECT ${columns} FROM ${table} WHERE run_id = run.id) AS found
    WHERE run.job_id = '${id}' ORDER BY arm, ${order}`;
  return (await service.database.pool.query<T & object>(sql)).rows;
}
