// A control, a burn-in and the scores of a published checkpoint that one job takes over from another, through real workers and trainers: bit for bit what the job
// would have computed itself, also when the worker of the first is killed in the middle.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { listCheckpoints } from '../../src/store/records.ts';
import { tiresias } from '../cli/command.ts';
import { until } from '../support/jobs.ts';
import { nanoSpec, startTestService, type JobAnswer, type TestService, type TestWorker } from '../support/service.ts';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 }); // trainers start from sources on a machine that does other things

let service: TestService;
let worker: TestWorker;
beforeAll(async () => {
  service = await startTestService();
  worker = service.startWorker();
});
afterAll(async () => {
  await service.stop();
});

interface Manifest {
  readonly burnIn: { readonly manifestSha256: string; readonly takenFrom?: { readonly job: string } };
  readonly arms: Record<string, Proof>;
}
interface Proof {
  readonly takenFrom: { readonly job: string } | null;
  readonly steps: Record<'step' | 'lossNats' | 'gradientNorm' | 'sha256After', number[]>;
  readonly checkpoints: { step: number; manifestSha256: string }[];
}

async function run(spec: JobSpecInput): Promise<JobAnswer> {
  const job = await service.untilOver(await service.submit(spec));
  expect(job).toMatchObject({ state: 'succeeded', reason: null });
  return job;
}

const manifestOf = ({ id }: { id: string }) => service.get<Manifest>(`/jobs/${id}/manifest`);
const armOf = (job: JobAnswer, arm: string) => job.arms.find((one) => one.arm === arm)!; // of its spec

/** What training has left, but for which attempts it took. */
function bitsOf({ steps, checkpoints }: Proof) {
  const { step, lossNats, gradientNorm, sha256After } = steps;
  const saved = checkpoints.map(({ step, manifestSha256 }) => [step, manifestSha256]); // a manifest has the hash of every file
  return { step, lossNats, gradientNorm, sha256After, saved };
}

/** Folders of its own that a job has below the home folder. */
function foldersOf({ id }: { id: string }): string[] {
  const folder = join(service.home, 'jobs', id);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((attempt) => readdirSync(join(folder, attempt)));
}

describe('a second job with another direction', () => {
  const shared = {
    arms: ['control', 'intervention'],
    training: { rowsPerStep: 4, checkpointEvery: 2, resume: 'burn-in', burnInSteps: 2 },
    evaluation: { benchmarks: ['nano-crows-pairs'], every: 2 },
  } satisfies Partial<JobSpecInput>;
  const direction = { intervention: { direction: 'feminine-to-masculine' } } as const;
  let first: JobAnswer;
  let second: JobAnswer;
  let alone: JobAnswer;
  beforeAll(async () => {
    first = await run(nanoSpec({ ...shared, name: 'first' }));
    second = await run(nanoSpec({ ...shared, ...direction, name: 'second' }));
    const training = { ...shared.training, shareArms: false };
    alone = await run(nanoSpec({ ...shared, ...direction, training, name: 'alone' }));
  });

  it('trains its intervention and nothing else', async () => {
    expect([first, alone].flatMap(({ arms }) => arms.map(({ takenFrom }) => takenFrom))).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(armOf(second, 'intervention').takenFrom).toBeNull();
    expect(armOf(second, 'control')).toMatchObject({
      ...{ state: 'succeeded', fromStep: 1330, toStep: 1334, step: 1334 },
      takenFrom: { job: first.id, name: 'first' },
    });
    expect(foldersOf(second)).toEqual(['intervention']);
    expect(foldersOf(alone).sort()).toEqual(['burn-in', 'control', 'intervention']);
    const { rows } = await service.database.pool.query<{ arm: string; count: number }>(
      `SELECT run.arm, count(*)::int FROM step JOIN run ON run.id = run_id WHERE job_id = $1 GROUP BY run.arm`,
      [second.id],
    );
    expect(rows).toEqual([{ arm: 'intervention', count: 4 }]);
  });

  it('shows the control of the first, which is bit for bit the one that it would have trained', async () => {
    const [a, b, c] = [await manifestOf(first), await manifestOf(second), await manifestOf(alone)];
    expect(b.arms['control']?.takenFrom).toMatchObject({ job: first.id, name: 'first' });
    expect(b.arms['control']).toEqual({ ...a.arms['control'], takenFrom: b.arms['control']?.takenFrom });
    expect(b.burnIn).toMatchObject({ manifestSha256: a.burnIn.manifestSha256, takenFrom: { job: first.id } });
    expect(c.burnIn.takenFrom).toBeUndefined();
    expect(c.burnIn.manifestSha256).toBe(b.burnIn.manifestSha256);
    for (const arm of ['control', 'intervention']) expect(bitsOf(c.arms[arm]!)).toEqual(bitsOf(b.arms[arm]!));
    expect(b.arms['control']?.steps.step).toEqual([1330, 1331, 1332, 1333]);
  });

  it('has the scores and the effect of an independent repetition, and the items behind them', async () => {
    const [taken, repeated] = [second, alone].map(({ id }) => service.get<{ effects: object[] }>(`/jobs/${id}/scores`));
    expect((await taken)?.effects).not.toEqual([]);
    expect(await taken).toEqual(await repeated);
    const place = 'arm=control&step=1334&benchmark=nano-crows-pairs&protocol=likelihood';
    const [ours, theirs] = [second, alone].map(({ id }) => service.get(`/jobs/${id}/items?${place}`));
    expect(await ours).toEqual(await theirs);
    const check = await service.get(`/jobs/${second.id}/score-check`);
    expect(check).toEqual(await service.get(`/jobs/${alone.id}/score-check`));
  });

  it('is verified as a job that has trained it all, from the burn-in of the first on', async () => {
    const words = ['verify', second.id, '--url', service.url, '--steps', '4', '--reach', '4', '--json'];
    const outcome = await tiresias(words, { environment: { TIRESIAS_HOME: service.home } });
    expect(outcome.code).toBe(0);
    const { basis, findings } = JSON.parse(outcome.stdout) as {
      readonly basis: string;
      readonly findings: readonly { arm?: string; step?: number; subject: string; verdict: string }[];
    };
    expect(basis).toBe('bit for bit');
    for (const arm of ['control', 'intervention']) {
      const stepsOf = (subject: string) =>
        findings
          .filter((one) => one.arm === arm && one.subject === subject && one.verdict === 'equal')
          .map(({ step }) => step);
      expect(stepsOf('loss')).toEqual([1330, 1331, 1332, 1333]);
      expect(stepsOf('weights')).toEqual([1332, 1334]);
    }
  });
});

describe('a published checkpoint', () => {
  it('is scored once by each benchmark, bit for bit as the job would have scored it itself', async () => {
    const on = (benchmarks: string[], changes: Partial<JobSpecInput> = {}) =>
      run(nanoSpec({ arms: ['published'], window: { to: 1430 }, evaluation: { benchmarks }, ...changes }));
    const [pairs, wino] = ['nano-crows-pairs', 'nano-winobias'];
    const first = await on([pairs]);
    const second = await on([wino, pairs], { training: { gelu: 'erf' } }); // how it would train matters to no score
    const alone = await on([wino, pairs], { training: { shareArms: false } });
    const takenOf = (job: JobAnswer) =>
      armOf(job, 'published').takenScores.map(({ benchmark, job }) => [benchmark, job]);
    expect([first, second, alone].map(takenOf)).toEqual([
      [],
      [
        ['held-back', first.id],
        [pairs, first.id],
      ],
      [],
    ]);
    const { rows } = await service.database.pool.query<{ benchmark: string }>(
      'SELECT benchmark FROM evaluation JOIN run ON run.id = run_id WHERE job_id = $1',
      [second.id],
    );
    expect(rows).toEqual([{ benchmark: wino }]);
    const [taken, repeated] = [second, alone].map(({ id }) => service.get<{ scores: object[] }>(`/jobs/${id}/scores`));
    expect((await taken)?.scores).not.toEqual([]);
    expect(await taken).toEqual(await repeated);
    const place = `arm=published&step=1430&benchmark=${pairs}&protocol=likelihood`;
    const [ours, theirs] = [second, alone].map(({ id }) => service.get(`/jobs/${id}/items?${place}`));
    expect(await ours).toEqual(await theirs);
    const check = await service.get(`/jobs/${second.id}/score-check`);
    expect(check).toEqual(await service.get(`/jobs/${alone.id}/score-check`));
  });
});

describe('the control of a job whose worker is killed', () => {
  it('is gone on with by another job from the checkpoint, to the same bits, and taken over by the first in turn', async () => {
    const long = {
      ...{ window: { steps: 12 }, arms: ['control', 'intervention'] },
      training: { rowsPerStep: 2, checkpointEvery: 2, keepCheckpoints: 3 },
      evaluation: { benchmarks: [], every: 12, atStart: false },
    } satisfies Partial<JobSpecInput>;
    const id = await service.submit(nanoSpec({ ...long, name: 'killed' }));
    await until(async () => (await listCheckpoints(service.database, id, 'control')).length > 0, 240_000);
    worker.kill('SIGKILL');
    await worker.ended;
    const intervention = { direction: 'swap' } as const;
    const heir = await service.submit(nanoSpec({ ...long, intervention, name: 'heir', priority: 1 }));
    service.startWorker();
    const [taken, killed] = [await service.untilOver(heir), await service.untilOver(id)];
    expect([taken.state, killed.state]).toEqual(['succeeded', 'succeeded']);
    expect(armOf(taken, 'control')).toMatchObject({ takenFrom: null, step: 1342 });
    expect(armOf(killed, 'control')).toMatchObject({ takenFrom: { job: heir }, step: 1342 });
    const { rows } = await service.database.pool.query<{ first: number }>(
      `SELECT min((data->>'step')::int) AS first FROM event WHERE type = 'step' AND data->>'arm' = 'control' AND job_id = $1`,
      [heir],
    );
    expect(rows[0]?.first).toBeGreaterThanOrEqual(1332); // what it has not trained it did not say

    const alone = await run(nanoSpec({ ...long, arms: ['control'], training: { ...long.training, shareArms: false } }));
    const [a, b, c] = [await manifestOf(killed), await manifestOf(taken), await manifestOf(alone)];
    expect(bitsOf(a.arms['control']!)).toEqual(bitsOf(c.arms['control']!));
    expect(bitsOf(b.arms['control']!)).toEqual(bitsOf(c.arms['control']!));
    expect(c.arms['control']?.steps.step).toHaveLength(12);
  });
});
