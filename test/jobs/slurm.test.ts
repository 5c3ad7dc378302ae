// Jobs on a real Slurm of two nodes, started here: what is run, and what happens when something is lost on the way.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { slurmClient, type SlurmRequest } from '../../jobs/executor/slurm-client.ts';
import { slurmExecutor } from '../../jobs/executor/slurm.ts';
import type { Task } from '../../jobs/executor/executor.ts';
import { registerTiny, tinySpec } from '../../scripts/acceptance/crashes.ts';
import { TransientError } from '../../src/errors.ts';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { listAttempts } from '../../src/store/jobs.ts';
import { until } from '../support/jobs.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { startSlurm, whyNoSlurm, type NodeName, type TestSlurm } from '../support/slurm.ts';

const missing = whyNoSlurm();
if (missing !== undefined) console.warn(`jobs on Slurm are not tested: ${missing}`);

/** Jobs take seconds, but the machine may have other things to do. */
const PATIENCE_MS = 240_000;

let slurm: TestSlurm;
let service: TestService;

const TO = 1100;
const spec: JobSpecInput = {
  ...tinySpec,
  window: { to: TO }, // long enough to be disturbed on the way
  training: { rowsPerStep: 8, checkpointEvery: 5, resume: 'weights-only' },
  evaluation: { benchmarks: ['nano-winobias'], every: TO, atStart: false },
};

/** Jobs of ours that Slurm remembers: id, state, number of restarts, comment. */
function slurmJobs(): { id: string; state: string; numRestarts: number; comment: string }[] {
  return slurm
    .command('scontrol', '-o', 'show', 'jobs')
    .split('\n')
    .flatMap((line) => {
      const field = (name: string) => new RegExp(`(?:^| )${name}=(.*?)(?= [A-Z][\\w/:]*=|$)`).exec(line)?.[1] ?? '';
      const comment = field('Comment');
      if (!comment.startsWith('tiresias:')) return [];
      return [{ id: field('JobId'), state: field('JobState'), numRestarts: Number(field('Restarts')), comment }];
    });
}

const jobsOf = (id: string) => slurmJobs().filter(({ comment }) => comment.startsWith(`tiresias:${id}/`));
const isAt = (step: number) => (job: { arms: readonly { step: number }[] }) => (job.arms[0]?.step ?? 0) >= step;
const isSlurm = (id: string, state: string) => until(() => jobsOf(id).some((job) => job.state === state), 60_000);
/** A job that Slurm will run again may wait for a while. */
const runAgainNow = async (id: string) => {
  await isSlurm(id, 'PENDING');
  slurm.command('scontrol', 'update', `JobId=${jobsOf(id)[0]!.id}`, 'StartTime=now'); // waited for
};

describe.skipIf(missing !== undefined)('a job on Slurm', () => {
  let quiet: { bits: unknown; scores: unknown };
  const resultOf = async (id: string) => {
    const { scores } = await service.get<{ scores: unknown[] }>(`/jobs/${id}/scores`);
    const { checkpoints } = await service.get<{ checkpoints: { step: number; path: string }[] }>(
      `/jobs/${id}/checkpoints`,
    );
    const last = checkpoints.find(({ step }) => step === TO)!; // it has succeeded
    const { files } = JSON.parse(readFileSync(join(last.path, 'manifest.json'), 'utf8')) as { files: unknown };
    return { bits: files, scores };
  };

  beforeAll(async () => {
    [slurm, service] = await Promise.all([startSlurm(), startTestService()]);
    registerTiny(service.home, slurm.folder);
    const local = service.startWorker();
    const id = await service.submit(spec);
    await service.untilOver(id);
    quiet = await resultOf(id);
    expect(JSON.stringify(quiet)).toMatch(/proRate/); // there is something to compare
    local.kill('SIGTERM');
    await local.ended;
  }, PATIENCE_MS);
  afterAll(async () => {
    await service?.stop();
    await slurm?.stop();
  });

  it(
    'is submitted once though its worker dies, is preempted, and ends with the bits and scores of an undisturbed one',
    async () => {
      const first = service.startWorker(slurm.settings);
      const id = await service.submit(spec);
      await until(() => jobsOf(id).length === 1, 60_000);
      first.kill('SIGKILL');
      const second = service.startWorker(slurm.settings);
      await service.until(id, isAt(1002));
      slurm.command('sbatch', '-p', 'high', '-N2', '--exclusive', '-o', '/dev/null', '--wrap', 'sleep 1');
      await runAgainNow(id);
      expect(await service.untilOver(id)).toMatchObject({ state: 'succeeded', attempt: 2 });
      expect(jobsOf(id)).toMatchObject([{ numRestarts: 1 }]);
      expect(await resultOf(id)).toEqual(quiet);
      expect((await listAttempts(service.database, id)).map(({ outcome }) => outcome)).toEqual(['lost', 'succeeded']);
      expect(second.log()).not.toContain(slurm.token);
    },
    PATIENCE_MS,
  );

  it(
    'goes on elsewhere when its node is lost',
    async () => {
      const id = await service.submit(spec);
      await service.until(id, isAt(1002));
      const node = slurm.command('squeue', '-h', '-t', 'R', '-o', '%N').trim() as NodeName;
      slurm.killNode(node);
      // Instead of waiting until Slurm misses it.
      slurm.command('scontrol', 'update', `NodeName=${node}`, 'State=DOWN', 'Reason=test');
      await runAgainNow(id);
      expect(await service.untilOver(id)).toMatchObject({ state: 'succeeded', attempt: 1 });
      expect(jobsOf(id)).toMatchObject([{ numRestarts: 1 }]);
      expect(await resultOf(id)).toEqual(quiet);
      await slurm.startNode(node);
    },
    PATIENCE_MS,
  );

  it(
    'is cancelled in Slurm, too, at work or waiting',
    async () => {
      const cancel = (id: string) => service.post(`/jobs/${id}/cancel`, {});
      const atWork = await service.submit(spec);
      await service.until(atWork, isAt(1001));
      await cancel(atWork);
      expect(await service.untilOver(atWork)).toMatchObject({ state: 'cancelled' });
      await until(() => jobsOf(atWork).every(({ state }) => /^(COMPLETED|CANCELLED)$/.test(state)), 60_000);
      slurm.command('scontrol', 'update', 'PartitionName=low', 'State=DOWN');
      const waiting = await service.submit(spec);
      await isSlurm(waiting, 'PENDING');
      await cancel(waiting);
      expect(await service.untilOver(waiting)).toMatchObject({ state: 'cancelled' });
      await isSlurm(waiting, 'CANCELLED');
      slurm.command('scontrol', 'update', 'PartitionName=low', 'State=UP');
    },
    PATIENCE_MS,
  );

  it('has what was asked for, and is submitted once when the answer to the submission is lost', async () => {
    const client = clientOf();
    let numLost = 0;
    const lossy = {
      ...client,
      async submit(request: SlurmRequest) {
        const id = await client.submit(request);
        if (numLost++ === 0) throw new TransientError('the answer was lost');
        return id;
      },
    };
    const resources = { ...noResources, cpus: 2, memoryMiB: 300, gres: 'card:1', timeLimitMinutes: 7 };
    const place = { jobId: '01a218c6-28d6-75ed-b558-000000000000', attempt: 1, arm: 'control', cards: [] } as const;
    const options = { home: slurm.folder, environment: { PATH: '/usr/bin:/bin' }, workingFolder: '/', setup: 'true' };
    const executor = slurmExecutor({
      ...{ ...options, client: lossy, resources, pollMs: 100, command: ['sh', '-c', 'exec sleep 60', "it's"] },
    });
    const trainer = await executor.run(
      place,
      () => Promise.resolve({ arm: 'control' } as Task),
      () => undefined,
    );
    await isSlurm(place.jobId, 'RUNNING');
    const details = slurm.command('scontrol', 'show', 'job', jobsOf(place.jobId)[0]!.id); // waited for
    expect(details).toMatch(/NumCPUs=2 .*[^]*TimeLimit=00:07:00|TimeLimit=00:07:00 [^]*NumCPUs=2 /);
    expect(details).toMatch(/mem=300M[^]*card:1/);
    trainer.kill();
    expect(await trainer.ended).toMatchObject({ words: expect.stringContaining('CANCELLED') as string });
    expect(numLost).toBe(1);
    expect(jobsOf(place.jobId)).toHaveLength(1);
  });

  it('is refused with words that say what to do', async () => {
    await clientOf().check('low');
    await expect(clientOf().check('nowhere')).rejects.toThrow(
      /TIRESIAS_SLURM_PARTITION is nowhere, but .* has low, high/,
    );
    const wrong = clientOf('wrong').check(undefined);
    await expect(wrong).rejects.toThrow(/GET http.*\/slurm\/v0\.0\.38\/ping was answered with 500: .*scontrol token/);
    await expect(wrong).rejects.toThrow(TransientError);
    const client = slurmClient({ url: 'http://127.0.0.1:1', user: 'root', token: () => 'secret' });
    await expect(client.listJobs()).rejects.toThrow(/does not answer to GET http:\/\/127.0.0.1:1\/openapi: /);
    expect(await clientOf().getJob(999)).toBeUndefined();
    await clientOf().cancel(999);
  });
});

const noResources = { partition: undefined, account: undefined, memoryMiB: undefined, timeLimitMinutes: undefined };

function clientOf(token = slurm.token) {
  return slurmClient({ url: slurm.settings.TIRESIAS_SLURM_URL!, user: 'root', token: () => token }); // it is set
}
