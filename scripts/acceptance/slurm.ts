// Trial: the nano experiment on a real Slurm of two nodes. While it trains, both nodes are taken by a job of higher priority, and later the node of one arm loses its
// power. It ends with the scores, weights and moments of the same job on this machine, undisturbed. It takes root and Slurm's packages.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startService, type Service } from '../../src/cli/up.ts';
import { startSlurm, whyNoSlurm, type NodeName, type TestSlurm } from '../../test/support/slurm.ts';
import { expectTrue } from './expect.ts';
import { get, getScores, NANO_WINDOW, nanoSpec, submit, waitForEnd } from './nano-job.ts';

const spec = nanoSpec({ window: { steps: 20 }, training: { checkpointEvery: 5 } });
const address = { host: '127.0.0.1', port: 0 };

export async function slurm(): Promise<void> {
  const why = whyNoSlurm();
  if (why !== undefined) throw new Error(`there can be no Slurm here: ${why}`);
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-on-slurm-'));
  try {
    const here = await startService(address, 'fatal', join(folder, 'home'));
    const quiet = await resultOf(here, await submit(here.url, { ...spec, name: 'acceptance: here' })).finally(
      here.stop,
    );
    await disturbed(join(folder, 'home'), quiet);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function disturbed(home: string, quiet: string): Promise<void> {
  const cluster = await startSlurm({ nodeTimeoutSeconds: 20 });
  Object.assign(process.env, cluster.settings); // the service's worker inherits them
  try {
    const service = await startService(address, 'fatal', home);
    try {
      const id = await submit(service.url, { ...spec, name: 'acceptance: on Slurm' });
      const arms = await preempt(cluster, service, id);
      console.log(`   preempted: ${arms}`);
      const seconds = await losePower(cluster, service, id);
      console.log(`   a node without power was noticed after ${seconds.toFixed(0)} s`);
      const end = await resultOf(service, id);
      const restarts = ours(cluster).map((line) => Number(/Restarts=(\d+)/.exec(line)?.[1]));
      console.log(`   restarts of Slurm's jobs: ${restarts.join(', ')}`);
      expectTrue('each trained arm was preempted and run again', restarts.filter((n) => n > 0).length >= 2);
      const armsOfJobs = ours(cluster).map((line) => /Comment=\S*\/([a-z]+)-/.exec(line)?.[1]);
      console.log(`   jobs of Slurm: ${armsOfJobs.join(', ')}`);
      const isOnce = ['control', 'intervention'].every((arm) => armsOfJobs.filter((one) => one === arm).length === 1);
      expectTrue('nothing was submitted twice: one job of Slurm for each trained arm', isOnce);
      expectTrue('the same scores, weights and moments', end === quiet);
    } finally {
      await service.stop();
    }
  } finally {
    await cluster.stop();
  }
}

/** Takes both nodes away once both arms have made steps. */
async function preempt(cluster: TestSlurm, service: Service, id: string): Promise<string> {
  await reach(service, id, NANO_WINDOW.from + 6);
  cluster.command('sbatch', '-p', 'high', '-N2', '--exclusive', '-o', '/dev/null', '--wrap', 'sleep 2');
  while (ours(cluster, 'PENDING').length === 0) await sleep(100);
  return ours(cluster, 'PENDING')
    .map((line) => /Comment=\S*\/(\S+)/.exec(line)?.[1])
    .join(', ');
}

/** Ends everything on the node of an arm at once; answers after how many seconds Slurm runs it elsewhere. */
async function losePower(cluster: TestSlurm, service: Service, id: string): Promise<number> {
  await reach(service, id, NANO_WINDOW.from + 12);
  const [line] = ours(cluster, 'RUNNING');
  if (line === undefined) throw new Error('no arm is at work');
  const [job, node] = [/JobId=(\d+)/.exec(line)![1]!, / NodeList=(n\d)/.exec(line)![1] as NodeName]; // it runs
  const startedMs = performance.now();
  cluster.killNode(node);
  const isBack = () => /JobState=PENDING/.test(cluster.command('scontrol', '-o', 'show', 'job', job));
  while (!isBack()) await sleep(200);
  const seconds = (performance.now() - startedMs) / 1000;
  await cluster.startNode(node);
  return seconds;
}

function ours(cluster: TestSlurm, state = ''): string[] {
  const lines = cluster.command('scontrol', '-o', 'show', 'jobs').split('\n');
  return lines.filter((line) => line.includes('Comment=tiresias:') && line.includes(`JobState=${state}`));
}

/** Waits until both trained arms have reached the step. */
async function reach(service: Service, id: string, step: number): Promise<void> {
  for (;;) {
    const { arms, state } = await get<{ state: string; arms: { arm: string; step: number }[] }>(
      `${service.url}/v1/jobs/${id}`,
    );
    if (['succeeded', 'failed'].includes(state)) throw new Error(`the job ${state} too early`);
    const trained = arms.filter(({ arm }) => arm !== 'published');
    if (trained.length > 0 && trained.every((arm) => arm.step >= step)) return;
    await sleep(100);
  }
}

/** Scores of all arms and the hashes of the last weights and moments, as text. */
async function resultOf(service: Service, id: string): Promise<string> {
  const job = await waitForEnd(service.url, id);
  if (job.state !== 'succeeded') throw new Error(`${job.state}: ${job.message}`);
  const { checkpoints } = await get<{ checkpoints: { arm: string; step: number; path: string }[] }>(
    `${service.url}/v1/jobs/${id}/checkpoints`,
  );
  const last = checkpoints.filter(({ step }) => step === NANO_WINDOW.from + 20);
  const bits = last.map(({ arm, path }) => {
    const { files } = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as { files: object };
    return [arm, files];
  });
  return JSON.stringify([(await getScores(service.url, id)).scores, bits.sort()]);
}
