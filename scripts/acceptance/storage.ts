// Trial: checkpoints on a small disk of their own. It fills up in mid-job, the newest checkpoint is then damaged, the disk made larger and the
// job retried; in another job the disk turns read-only and back. Both fail by name, go on, and end with the bits of an undisturbed one.
// Mounting a disk takes root.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService, type Service } from '../../src/cli/up.ts';
import { lastBits, registerTiny, STEPS, tinySpec } from './crashes.ts';
import { expectTrue } from './expect.ts';
import { get, submit, waitForEnd, type FinishedJob } from './nano-job.ts';

/** A checkpoint has 1.1 MB: that of the burn-in and two more fit, another does not. */
const SMALL = '3700k';

export async function storage(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-storage-'));
  const home = join(folder, 'home');
  registerTiny(home, folder);
  const disk = join(home, 'jobs');
  mkdirSync(disk, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=40m`, 'tiresias', disk]);
  const remount = (options: string) => execFileSync('mount', ['-o', `remount,${options}`, disk]);
  const service = await startService({ host: '127.0.0.1', port: 0 }, 'fatal', home);
  try {
    const quiet = await finish(service, await begin(service, 'undisturbed'));
    rmSync(join(disk, quiet.id), { recursive: true });
    await fullDisk(service, disk, remount, quiet.bits);
    await readOnlyDisk(service, disk, remount, quiet.bits);
  } finally {
    await service.stop();
    execFileSync('umount', ['--lazy', disk]);
    rmSync(folder, { recursive: true, force: true });
  }
}

type Remount = (options: string) => void;

async function fullDisk(service: Service, disk: string, remount: Remount, bits: string): Promise<void> {
  remount(`size=${SMALL}`);
  const id = await begin(service, 'full disk');
  const failed = await failing(service, id, /ENOSPC: the disk is full/);
  const left = readdirSync(disk, { recursive: true }).map(String);
  expectTrue('full disk: nothing is half-written', !left.some((path) => path.includes('.writing-')));
  const steps = await checkpointSteps(service, id);
  expectTrue(`full disk: checkpoints ${steps.map((one) => one.step).join(', ')} are kept`, steps.length === 2);
  writeFileSync(join(steps.at(-1)!.path, 'model.safetensors'), 'no weights'); // there are two
  remount('size=40m');
  const end = await retried(service, failed.id);
  expectTrue('damaged checkpoint: the job says so', /was damaged and passed over/.test(end.message ?? ''));
  expectTrue('full disk, then a damaged checkpoint: the same bits', end.bits === bits);
  rmSync(join(disk, id), { recursive: true });
}

async function readOnlyDisk(service: Service, disk: string, remount: Remount, bits: string): Promise<void> {
  const id = await begin(service, 'read-only disk');
  while ((await checkpointSteps(service, id)).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  remount('ro');
  const failed = await failing(service, id, /EROFS: the file system takes no writes/);
  remount('rw');
  const end = await retried(service, failed.id);
  expectTrue('read-only disk: the same bits', end.bits === bits);
  rmSync(join(disk, id), { recursive: true });
}

const begin = (service: Service, name: string) => submit(service.url, { ...tinySpec, name: `acceptance: ${name}` });

interface Ended extends FinishedJob {
  readonly bits: string;
}

async function finish(service: Service, id: string): Promise<Ended> {
  const job = await waitForEnd(service.url, id);
  if (job.state !== 'succeeded') throw new Error(`${job.state}: ${job.message}`);
  return { ...job, bits: await lastBits(service.url, id) };
}

async function failing(service: Service, id: string, words: RegExp): Promise<FinishedJob> {
  const job = await waitForEnd(service.url, id);
  const { reason } = await get<{ reason: string | null }>(`${service.url}/v1/jobs/${id}`);
  expectTrue(`fails by name (${reason}: ${job.message})`, reason === 'storage' && words.test(job.message ?? ''));
  return job;
}

async function retried(service: Service, id: string): Promise<Ended> {
  const answer = await fetch(`${service.url}/v1/jobs/${id}/retry`, { method: 'POST' });
  if (answer.status !== 202) throw new Error(`retrying answered ${answer.status}: ${await answer.text()}`);
  const end = await finish(service, id);
  const { arms } = await get<{ arms: Record<string, { step: number[] }> }>(`${service.url}/v1/jobs/${id}/metrics`);
  const isOnce = arms['intervention']?.step.join() === steps().join();
  expectTrue('every step is recorded once', isOnce);
  return end;
}

const steps = () => Array.from({ length: STEPS.to - STEPS.from }, (_, i) => STEPS.from + i);

async function checkpointSteps(service: Service, id: string): Promise<{ step: number; path: string }[]> {
  return (await get<{ checkpoints: { step: number; path: string }[] }>(`${service.url}/v1/jobs/${id}/checkpoints`))
    .checkpoints;
}
